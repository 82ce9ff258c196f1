"""Who is refused from which day on if nothing is done: certificates of clients and CA certificates that expire within a year."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import (
    BooleanField,
    Case,
    CharField,
    Count,
    DateTimeField,
    F,
    IntegerField,
    Min,
    Q,
    QuerySet,
    Value,
    When,
)

from certificates.models import CACertificate
from certificates.x509.certificate import name_mark, public_key_hash
from namespaces.models import Client, Namespace
from namespaces.rules.clients import THUMBPRINT_SCHEME
from portal.models import Team
from portal.pages.buckets import Bucket
from portal.pages.charts import BarChart, Column, Part, bar_chart
from portal.short_cache import kept

DAY, WEEK = timedelta(days=1), timedelta(days=7)
DAYS, WEEKS = 365, 53
NO_TEAM = "No team"


@dataclass(frozen=True)
class TrustedUntil:
    """A CA certificate that the endpoint trusts, with what finds its clients. `name` is neutral where it is hidden."""

    name: str
    url: str
    key: str  # public_key_hash
    mark: str  # name_mark of its subject
    not_after: datetime


@dataclass(frozen=True)
class TeamImpact:
    """The enabled clients of one team, and those of them that are refused on the day. `unknown`: no certificate is known."""

    name: str
    clients: int
    by_own: int
    by_ca: int
    unknown: int
    today: int  # refused today already
    first: datetime | None  # when the first certificate expires that they send and that is valid today

    @property
    def refused(self) -> int:
        return self.by_own + self.by_ca


@dataclass(frozen=True)
class ExpiryImpact:
    """What is refused on `day` if nothing is done."""

    day: int  # from today
    at: datetime
    teams: tuple[TeamImpact, ...]
    cas: tuple[TrustedUntil, ...]  # those that have expired by then, the earliest first
    has_ca: bool  # whether a CA certificate is left

    @property
    def clients(self) -> int:
        return sum(team.clients for team in self.teams)

    @property
    def refused(self) -> int:
        return sum(team.refused for team in self.teams)

    @property
    def unknown(self) -> int:
        return sum(team.unknown for team in self.teams)

    @property
    def today(self) -> int:
        return sum(team.today for team in self.teams)


def impact_on(namespace: Namespace, *, day: int, at: datetime) -> ExpiryImpact:
    """Return who is refused `day` days after `at`, at which certificates are judged. Three queries, one of which reads the clients."""
    cas = trusted_until(namespace)
    then = at + day * DAY
    teams = _by_team(namespace, cas, then, at)
    alive = [ca for ca in cas if ca.not_after >= then]
    gone = sorted((ca for ca in cas if ca.not_after < then), key=lambda ca: (ca.not_after, ca.name))
    return ExpiryImpact(day, then, teams, tuple(gone), bool(alive))


def trusted_until(namespace: Namespace) -> list[TrustedUntil]:
    """Return the CA certificates that the endpoint trusts; those that are hidden from the person have a neutral name and no page."""
    sight = namespace.sight
    rows = CACertificate.objects.filter(namespace=namespace.pk).trusted().exclude(not_after=None)
    return [
        TrustedUntil(
            sight.name_of(row),
            "" if sight.hides(row) else row.get_absolute_url(),
            public_key_hash(bytes(row.der)),
            name_mark(row.subject),
            row.not_after,
        )
        for row in rows.select_related("namespace").order_by("name")
    ]


_NEVER, _BEFORE, _BY_THEN, _LATER = range(4)  # when a client's own certificate expires: not known, before today, …


def _grouped(namespace: Namespace, **by: Any) -> QuerySet[Any]:
    """Return the enabled clients grouped by what vouches for them, and by `by`. Keys alone are compared where they are known.

    `by` can use `sent_until`: when the first expires of what the client sends, its certificate or an intermediate that it needs.
    """
    path = Case(When(anchor_key="", then=F("certificate_path")), default=Value(""), output_field=CharField())
    is_thumbprint = Case(
        When(validation_scheme=THUMBPRINT_SCHEME, then=True), default=False, output_field=BooleanField()
    )
    clients = Client.visible_to(namespace.sight).present().filter(state=Client.ConnectionState.ENABLED)
    # Where the last issuer is an uploaded CA certificate, intermediates are sent in vain.
    needs_chain = ~Q(validation_scheme=THUMBPRINT_SCHEME) & (Q(anchor_key="") | ~Q(anchor_key=F("issuer_key")))
    ends_earlier = needs_chain & Q(chain_expires_at__lt=F("certificate_expires_at"))
    own = F("certificate_expires_at")
    until = Case(When(ends_earlier, then=F("chain_expires_at")), default=own, output_field=DateTimeField())
    named = clients.order_by().annotate(path=path, by_thumbprint=is_thumbprint, sent_until=until).annotate(**by)
    found: QuerySet[Any] = named.values_list("by_thumbprint", "anchor_key", "path", *by).annotate(count=Count("*"))
    return found


def _vouching(cas: Sequence[TrustedUntil], key: str, path: str) -> list[TrustedUntil]:
    """Return the CA certificates that vouch for a client.

    One that has connected counts as below the key that vouched for it. One whose certificate was only tested counts as below every CA
    certificate whose name is in its chain; one without a known certificate, as below any.
    """
    marks = path.split()
    return [ca for ca in cas if (ca.key == key if key else not marks or ca.mark in marks)]


def _by_team(namespace: Namespace, cas: Sequence[TrustedUntil], then: datetime, at: datetime) -> tuple[TeamImpact, ...]:
    expires = Case(
        When(sent_until=None, then=_NEVER),
        When(sent_until__lt=at, then=_BEFORE),
        When(sent_until__lt=then, then=_BY_THEN),
        default=_LATER,
        output_field=IntegerField(),
    )
    rows = _grouped(namespace, owner=F("team"), own=expires).annotate(first=Min("sent_until"))
    counts: dict[int | None, Counter[str]] = defaultdict(Counter)
    firsts: dict[int | None, datetime] = {}
    for by_thumbprint, key, path, team, own, count, first in rows:
        last = datetime.max.replace(tzinfo=UTC)
        if not by_thumbprint:
            last = max((ca.not_after for ca in _vouching(cas, key, path)), default=at - DAY)
        is_own, is_known = own in (_BEFORE, _BY_THEN), bool(key or path or own != _NEVER)
        found = counts[team]
        found["clients"] += count
        found["by_own"] += count if is_own else 0
        found["by_ca"] += count if not is_own and last < then else 0
        found["unknown"] += count if not is_known and last >= then else 0
        found["today"] += count if own == _BEFORE or last < at else 0
        if own in (_BY_THEN, _LATER):
            firsts[team] = min(first, firsts.get(team, first))
    names = dict(Team.objects.filter(pk__in=[pk for pk in counts if pk is not None]).values_list("pk", "name"))
    teams = [TeamImpact(names.get(pk or 0, NO_TEAM), first=firsts.get(pk), **_all(each)) for pk, each in counts.items()]
    return tuple(sorted(teams, key=lambda team: (-team.refused, -team.clients, team.name)))


def _all(counted: Counter[str]) -> dict[str, int]:
    return {name: counted[name] for name in ("clients", "by_own", "by_ca", "unknown", "today")}


def weekly_chart(namespace: Namespace, *, day: int, at: datetime) -> BarChart:
    """Return how many clients are refused at the end of each week of a year, with the week of `day` marked."""
    cas = trusted_until(namespace)
    state = "|".join(f"{ca.key}{ca.not_after.timestamp()}" for ca in cas)
    key = f"impact:{namespace.pk}:{namespace.sight.key}:{at.date()}:{state}"
    refused = kept(key, lambda: _by_week(namespace, cas, at))
    columns = [
        Column(
            at + week * WEEK,
            (Part("refused" if week * 7 <= day else "later", count),),
            is_chosen=week == min(day // 7, WEEKS - 1),
        )
        for week, count in enumerate(refused)
    ]
    return bar_chart(columns, noted="refused", word="refused")


def labelled(chart: BarChart) -> list[tuple[Column, str]]:
    """Return each column with the place of its label on the axis: every fourth week, every sixteenth on a phone."""
    places = ("major" if week % 16 == 0 else "minor" if week % 4 == 0 else "" for week in range(len(chart.bars)))
    return [(bar.column, place) for bar, place in zip(chart.bars, places, strict=True)]


def _by_week(namespace: Namespace, cas: Sequence[TrustedUntil], at: datetime) -> list[int]:
    """Return how many clients are refused at the end of each week. One query: it groups clients by what vouches for them."""
    first = Counter[int]()
    for by_thumbprint, key, path, own, count in _grouped(namespace, week=Bucket("sent_until", at, WEEK)):
        weeks = [] if own is None else [own]
        if not by_thumbprint:
            last = max((ca.not_after for ca in _vouching(cas, key, path)), default=at)
            weeks.append((last - at) // WEEK)
        if weeks:
            first[max(min(weeks), 0)] += count
    return list(_running(first))


def _running(first: Counter[int]) -> Iterator[int]:
    total = 0
    for week in range(WEEKS):
        total += first[week]
        yield total
