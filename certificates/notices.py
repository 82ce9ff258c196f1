"""Announce what happens to certificates, and remind people of expiry dates, once for each certificate and threshold.

`Reminder` keeps the smallest threshold that was announced, in the transaction of the notice, so a restart repeats nothing; after
a pause only the nearest threshold is announced.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.urls import reverse

from certificates.models import CACertificate, CARollover, RevocationAlarm, RevokedCertificate
from namespaces.models import Client, ClientCertificate, Namespace
from namespaces.notices import concerned_with
from portal.models import Reminder, Team, User
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


def announce_rollover_start(rollover: CARollover, old: CACertificate, new: CACertificate) -> None:
    """Tell the Owners that clients may change from one CA certificate to another without an alarm."""
    by = f" by {rollover.started_by.display_name}" if rollover.started_by is not None else ""
    announce(
        "ca_rollover",
        to=places().audience(rollover.namespace_id, None, owners=True),
        subject=f"CA certificate {old.name} is being replaced by {new.name}",
        sentence=(
            f"Started{by}. Until the old one is deleted, both are trusted, and the clients that this person may change raise no "
            "alarm when they change. If you did not expect this, cancel the replacement."
        ),
        url=reverse("certificates:ca_certificate_replace", args=[rollover.namespace_id, old.name]),
        scope=Place(rollover.namespace_id, rollover.namespace.name),
        team=old.team,
        kind=CACertificate._meta.label_lower,
        object_name=old.name,
    )


def announce_to_teams(
    rollover: CARollover, old: CACertificate, new: CACertificate, left: Mapping[int | None, int]
) -> None:
    """Tell each team how many of its clients have not changed to certificates of the successor.

    Where a namespace hides other teams' rows, a CA certificate has a name only for its own team.
    """
    known = Team.objects.in_bulk([pk for pk in left if pk is not None])
    for pk, count in left.items():
        team = known.get(pk or 0)
        sees_both = not rollover.namespace.hides_other_teams or {old.team_id, new.team_id} <= {pk, None}
        names = (
            f"CA certificate {old.name} is being replaced by {new.name}"
            if sees_both
            else "A CA certificate is replaced"
        )
        page = "certificates:ca_certificate_replace" if sees_both else "namespaces:client_list"
        announce(
            "ca_rollover",
            to=places().audience(rollover.namespace_id, pk),
            subject=f"{names}: {count} client{'' if count == 1 else 's'} to change",
            sentence=(
                f"{'Your team' if team is not None else 'No team'} owns them. Give each a certificate of the new CA, and connect "
                "once with it. Both are trusted until all have changed."
            ),
            url=reverse(page, args=[rollover.namespace_id, *([old.name] if sees_both else [])]),
            scope=Place(rollover.namespace_id, rollover.namespace.name),
            team=team,
            kind=Client._meta.label_lower,
            object_name="",
        )


def announce_revocation(row: RevokedCertificate) -> None:
    """Tell the people who look after a certificate, and the Owners, that it was revoked."""
    _announce_revoked(
        row, "certificate_revoked", "is revoked", f"{row.get_reason_display()}, by {_name(row.revoked_by)}."
    )


def announce_release(row: RevokedCertificate) -> None:
    """Tell them that it counts again."""
    _announce_revoked(
        row, "certificate_released", "counts again", f"Its revocation was undone by {_name(row.released_by)}."
    )


def _announce_revoked(row: RevokedCertificate, event: str, happened: str, sentence: str) -> None:
    model = CACertificate if row.is_ca else Client
    what = f"The certificate of client {row.client_name}" if row.client_name else f"The certificate {row}"
    announce(
        event,
        to=concerned_with(row.namespace_id, row.team_id),
        subject=f"{what} {happened}",
        summary=f"{{count}} certificates: {happened}",
        sentence=f"{row.subject}: {sentence} {row.note}".strip(),
        url=reverse("certificates:revoked_list", args=[row.namespace_id]),
        scope=Place(row.namespace_id, row.namespace.name),
        team=row.team,
        kind=model._meta.label_lower if row.team_id is not None else "",
        object_name=row.client_name or str(row),
        group=f"{event}:{row.namespace_id}:{row.team_id or ''}",
    )


def announce_let_in(alarms: Sequence[RevocationAlarm]) -> None:
    """Announce devices that were let in although their certificate is revoked, together for each team and revoked CA certificate."""
    groups: dict[tuple[int, int | None, str], list[RevocationAlarm]] = defaultdict(list)
    for each in alarms:
        groups[each.namespace_id, each.client.team_id, each.thumbprint if each.is_ca else ""].append(each)
    for (namespace_pk, team_pk, thumbprint), group in groups.items():
        first, more = group[0], len(group) - NAMED
        names = ", ".join(each.client.name for each in group[:NAMED]) + (f" and {more} more" if more > 0 else "")
        caller = f" The connection came from {first.caller}." if first.caller and len(group) == 1 else ""
        announce(
            "revoked_let_in",
            to=concerned_with(namespace_pk, team_pk),
            subject=f"Client {first.client.name} was let in with a revoked certificate",
            summary="{count} clients were let in with a revoked certificate",
            sentence=(
                f"{names}: Azure did not ask this portal, so its rules do not count for every client.{caller} Disable the client, "
                "which Azure checks itself, or delete its CA certificate."
            ),
            url=reverse("certificates:revoked_list", args=[namespace_pk]),
            scope=Place(namespace_pk, first.namespace.name),
            team=first.client.team,
            kind=Client._meta.label_lower,
            object_name=first.client.name,
            group=f"revoked_let_in:{namespace_pk}:{team_pk or ''}:{thumbprint[:24]}",
            count=len(group),
        )


def _name(user: User | None) -> str:
    return user.display_name if user is not None else "a deleted account"
