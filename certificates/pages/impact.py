"""Who is refused from which day on if nothing is done: certificates of clients and CA certificates that expire within a year."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import BooleanField, Case, CharField, Count, F, Min, Q, QuerySet, Value, When

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
    first: datetime | None  # when the first of their own certificates expires that is valid today

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


def _enabled(namespace: Namespace) -> QuerySet[Any]:
    return Client.visible_to(namespace.sight).present().filter(state=Client.ConnectionState.ENABLED)


_BY_THUMBPRINT = Q(validation_scheme=THUMBPRINT_SCHEME)
_UNKNOWN = Q(certificate_expires_at=None, anchor_key="", certificate_path="")


def _without_ca(cas: Sequence[TrustedUntil], then: datetime) -> Q:
    """Match clients that no CA certificate vouches for then.

    One that has connected counts as below the key that vouched for it. One whose certificate was only tested counts as below every CA
    certificate whose name is in its chain; one without a known certificate, as below any.
    """
    alive = [ca for ca in cas if ca.not_after >= then]
    below = Q(anchor_key="", certificate_path="") if alive else Q(pk__in=())
    for ca in alive:
        below |= Q(anchor_key=ca.key) | Q(anchor_key="", certificate_path__contains=ca.mark)
    return ~_BY_THUMBPRINT & ~below


def _expired(then: datetime) -> Q:
    return Q(certificate_expires_at__isnull=False, certificate_expires_at__lt=then)


def _number(matching: Q) -> Count:
    return Count(Case(When(matching, then=1)))


def _by_team(namespace: Namespace, cas: Sequence[TrustedUntil], then: datetime, at: datetime) -> tuple[TeamImpact, ...]:
    without = _without_ca(cas, then)
    counted = (
        _enabled(namespace)
        .order_by()
        .values_list("team")
        .annotate(
            clients=Count("*"),
            own=_number(_expired(then)),
            by_ca=_number(~_expired(then) & without),
            unknown=_number(_UNKNOWN & ~without),
            today=_number(_expired(at) | _without_ca(cas, at)),
            first=Min("certificate_expires_at", filter=Q(certificate_expires_at__gte=at)),
        )
    )
    rows = list(counted)
    names = dict(Team.objects.filter(pk__in=[row[0] for row in rows]).values_list("pk", "name"))
    found = [TeamImpact(names.get(pk, NO_TEAM), *values) for pk, *values in rows]
    return tuple(sorted(found, key=lambda team: (-team.refused, -team.clients, team.name)))


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
    """Return each column with the place of its label on the axis: every fourth week, every eighth on a phone."""
    places = ("major" if week % 8 == 0 else "minor" if week % 4 == 0 else "" for week in range(len(chart.bars)))
    return [(bar.column, place) for bar, place in zip(chart.bars, places, strict=True)]


def _by_week(namespace: Namespace, cas: Sequence[TrustedUntil], at: datetime) -> list[int]:
    """Return how many clients are refused at the end of each week. One query: it groups clients by what vouches for them."""
    grouped = (
        _enabled(namespace)
        .order_by()
        .annotate(
            week=Bucket("certificate_expires_at", at, WEEK),
            by_thumbprint=Case(When(_BY_THUMBPRINT, then=True), default=False, output_field=BooleanField()),
            path=Case(When(anchor_key="", then=F("certificate_path")), default=Value(""), output_field=CharField()),
        )
        .values_list("week", "by_thumbprint", "anchor_key", "path")
        .annotate(count=Count("*"))
    )
    first = Counter[int]()
    for own, by_thumbprint, key, path, count in grouped:
        weeks = [] if own is None else [own]
        weeks += [] if by_thumbprint else _week_without_ca(cas, key, path, at)
        if weeks:
            first[max(min(weeks), 0)] += count
    return list(_running(first))


def _week_without_ca(cas: Sequence[TrustedUntil], key: str, path: str, at: datetime) -> list[int]:
    """Return the week in which the last CA certificate expires that vouches for a client; week 0 where none does."""
    marks = path.split()
    above = [ca for ca in cas if (ca.key == key if key else not marks or ca.mark in marks)]
    last = max((ca.not_after for ca in above), default=at)
    return [(last - at) // WEEK]


def _running(first: Counter[int]) -> Iterator[int]:
    total = 0
    for week in range(WEEKS):
        total += first[week]
        yield total
