"""Announce revocations, and devices that were let in in spite of one."""

from collections import defaultdict
from collections.abc import Sequence

from django.urls import reverse

from certificates.models import CACertificate, RevocationAlarm, RevokedCertificate
from namespaces.models import Client
from namespaces.notices import concerned_with
from portal.models import User
from portal.notifications.announcing import Place, announce

NAMED = 5


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
    subject = row.subject or f"Serial number {row.serial} of {row.issuer}"
    announce(
        event,
        to=concerned_with(row.namespace_id, row.team_id),
        subject=f"{what} {happened}",
        summary=f"{{count}} certificates: {happened}",
        sentence=f"{subject}: {sentence} {row.note}".strip(),
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
