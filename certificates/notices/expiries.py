"""Remind people of expiry dates, once for each certificate and threshold.

`Reminder` keeps the smallest threshold that was announced, in the transaction of the notice, so a restart repeats nothing; after
a pause only the nearest threshold is announced.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.urls import reverse

from certificates.models import CACertificate
from namespaces.models import Client, ClientCertificate, Namespace
from portal.models import Reminder, Team
from portal.notifications.announcing import Place, announce
from portal.registry import places

DAYS = (60, 30, 14, 7, 1)  # before the expiry
LATE = timedelta(days=7)  # what expired longer ago is not announced any more
NAMED = 5
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Due:
    """A certificate and the threshold that it has reached."""

    key: str
    name: str
    team_pk: int | None
    not_after: datetime
    days: int


def announce_expiries(at: datetime) -> None:
    """Announce the certificates that have reached a threshold at `at` and were not announced for it."""
    for namespace in Namespace.objects.order_by("pk"):
        _announce_cas(namespace, at)
        _announce_clients(namespace, at)


def threshold_of(not_after: datetime, at: datetime) -> int:
    """Return the smallest threshold that a certificate has reached."""
    return min((days for days in DAYS if not_after - at <= days * DAY), default=max(DAYS))


def _announce_cas(namespace: Namespace, at: datetime) -> None:
    rows = CACertificate.objects.present().filter(namespace=namespace, **_span(at))
    found = [
        Due(
            f"ca_expiry:{namespace.pk}:{row.thumbprint}", row.name, row.team_id, row.not_after, _days(row.not_after, at)
        )
        for row in rows.order_by("not_after", "pk")
        if row.not_after is not None
    ]
    teams = Team.objects.in_bulk([each.team_pk for each in found if each.team_pk is not None])
    for each in _new(found):
        with transaction.atomic():
            if _remember([each]):
                _announce_ca(namespace, each, teams.get(each.team_pk or 0), at)


def _announce_ca(namespace: Namespace, due: Due, team: Team | None, at: datetime) -> None:
    announce(
        "ca_expiry",
        to=places().audience(namespace.pk, due.team_pk),
        subject=f"CA certificate {due.name} {_when(due, at)}",
        sentence=(
            f"It is valid until {due.not_after:%d %b %Y %H:%M} UTC. From then on, clients with a certificate that it signed cannot "
            "connect. Upload its successor in time."
        ),
        url=reverse("certificates:ca_certificate_detail", args=[namespace.pk, due.name]),
        scope=Place(namespace.pk, namespace.name),
        team=team,
        kind=CACertificate._meta.label_lower,
        object_name=due.name,
    )


def _announce_clients(namespace: Namespace, at: datetime) -> None:
    """Announce the clients whose last certificate expires; one that was renewed needs no reminder of the former."""
    mine = ClientCertificate.objects.filter(namespace=namespace)
    renewed = mine.filter(client_name=OuterRef("client_name"), not_after__gt=OuterRef("not_after"))
    rows = list(mine.filter(~Exists(renewed), **_span(at)).order_by("not_after", "pk"))
    if not rows:
        return
    clients = Client.objects.present().filter(namespace=namespace).values_list("name", "team")
    known = {name.lower(): (name, team) for name, team in clients}
    found = [
        Due(
            f"client_expiry:{namespace.pk}:{row.thumbprint}",
            *known[row.client_name.lower()],
            row.not_after,
            threshold_of(row.not_after, at),
        )
        for row in rows
        if row.client_name.lower() in known
    ]
    groups: dict[tuple[int | None, int], list[Due]] = defaultdict(list)
    for each in _new(found):
        groups[each.team_pk, each.days].append(each)
    for (team_pk, days), group in groups.items():
        with transaction.atomic():
            if _remember(group):
                _announce_group(namespace, group, team_pk, days, at)


def _announce_group(namespace: Namespace, group: Sequence[Due], team_pk: int | None, days: int, at: datetime) -> None:
    first, more = group[0], len(group) - NAMED
    names = ", ".join(each.name for each in group[:NAMED]) + (f" and {more} more" if more > 0 else "")
    announce(
        "client_expiry",
        to=places().audience(namespace.pk, team_pk),
        subject=f"The certificate of client {first.name} {_when(first, at)}",
        summary=f"{{count}} client certificates expire within {days} day{'' if days == 1 else 's'}",
        sentence=f"{names}. The first is valid until {first.not_after:%d %b %Y %H:%M} UTC. Renew them in time.",
        url=reverse("certificates:expiries", args=[namespace.pk]),
        scope=Place(namespace.pk, namespace.name),
        team=Team.objects.filter(pk=team_pk or 0).first(),
        kind=Client._meta.label_lower,
        object_name=first.name,
        group=f"client_expiry:{namespace.pk}:{team_pk or ''}:{days}",
        count=len(group),
    )


def _span(at: datetime) -> dict[str, datetime]:
    return {"not_after__gt": at - LATE, "not_after__lte": at + max(DAYS) * DAY}


def _days(not_after: datetime | None, at: datetime) -> int:
    assert not_after is not None
    return threshold_of(not_after, at)


def _when(due: Due, at: datetime) -> str:
    if due.not_after <= at:
        return "has expired"
    days = -(-(due.not_after - at) // DAY)
    return "expires within a day" if days == 1 else f"expires in {days} days"


def _new(found: Iterable[Due]) -> list[Due]:
    """Return those that were not announced for their threshold or a smaller one."""
    by_key = {each.key: each for each in found}
    known = dict(Reminder.objects.filter(pk__in=list(by_key)).values_list("pk", "days")) if by_key else {}
    return [each for key, each in by_key.items() if known.get(key, max(DAYS) + 1) > each.days]


def _remember(due: Sequence[Due]) -> bool:
    """Keep what is announced now, in the transaction of the notice. Return False where another worker was quicker."""
    rows = [Reminder(key=each.key, days=each.days, expires_at=each.not_after) for each in due]
    locked = Reminder.objects.select_for_update().filter(pk__in=[row.key for row in rows])
    known = {row.key: row.days for row in locked.order_by("pk")}
    if any(known.get(row.key, max(DAYS) + 1) <= row.days for row in rows):
        return False
    new = [row for row in rows if row.key not in known]
    Reminder.objects.bulk_create(new)
    Reminder.objects.bulk_update([row for row in rows if row.key in known], ["days", "expires_at"])
    return True
