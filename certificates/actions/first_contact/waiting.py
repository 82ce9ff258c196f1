"""Devices that wait for a person: noted when they come, registered or dismissed by a click."""

from collections.abc import Sequence
from datetime import timedelta

from django.db.models import F
from django.utils import timezone

from certificates.actions.first_contact.blocks import check_team, store
from certificates.authentication.types import authentication_name_key
from certificates.decisions.first_contact import Newcomer
from certificates.models import BlockedName, BlockReason, Held, RegistrationTemplate, WaitingDevice
from certificates.notices.waiting import announce_waiting
from certificates.x509.reading import to_azure_pem
from namespaces.connections.client_certificates import MOST_CHAIN
from namespaces.models import Client, Namespace
from namespaces.rules.errors import RuleError
from portal import activity
from portal.models import User
from sync.control import one_transaction

MOST_WAITING = 1_000  # of a namespace; where there are so many, those go that did not come for KEPT
KEPT = timedelta(days=30)


def note_waiting(
    template: RegistrationTemplate, found: Newcomer, chain: Sequence[bytes], user_name: str, held: Held, why: str
) -> bool:
    """List a device, or note that it came again, inside the caller's transaction. Return False where too many wait already."""
    now, leaf, name = timezone.now(), found.leaf, found.client.authentication_name
    namespace_pk, key = template.ca.namespace_id, authentication_name_key(name)
    rows = WaitingDevice.objects.filter(namespace=namespace_pk)
    known = rows.filter(authentication_key=key, thumbprint=leaf.thumbprint_sha256)
    facts = {"ca": template.ca, "team": template.team, "held": held, "why": why, "last_seen_at": now}
    if known.update(times=F("times") + 1, **facts):
        return True
    if rows.count() >= MOST_WAITING:
        rows.filter(last_seen_at__lt=now - KEPT).delete()
        if rows.count() >= MOST_WAITING:
            return False
    row = WaitingDevice.objects.create(
        namespace=template.ca.namespace,
        authentication_name=name,
        authentication_key=key,
        user_name=user_name,
        thumbprint=leaf.thumbprint_sha256,
        der=leaf.der,
        chain=[to_azure_pem(der) for der in chain[:MOST_CHAIN] if der],
        subject=leaf.subject,
        not_after=leaf.not_after,
        first_seen_at=now,
        **facts,
    )
    announce_waiting(row)
    return True


def forget_waiting(namespace_pk: int, authentication_name: str) -> None:
    """Take a name from those that wait."""
    rows = WaitingDevice.objects.filter(namespace=namespace_pk)
    rows.filter(authentication_key=authentication_name_key(authentication_name)).delete()


def dismiss(actor: User, *, namespace: Namespace, device: WaitingDevice) -> None:
    """Take a device from those that wait, and block its name and certificate until a person releases them. Raise RuleError."""
    with one_transaction():
        rows = WaitingDevice.objects.select_for_update(of=("self",)).select_related("team")
        row = rows.filter(pk=device.pk, namespace=namespace.pk).first()
        if row is None:
            raise RuleError("", "gone", "It does not wait any more.")
        check_team(actor, row)
        store([_dismissed(row, thumbprint) for thumbprint in ("", row.thumbprint)])
        row.delete()
        activity.record(
            actor,
            verb="Dismiss device",
            kind=Client._meta.label_lower,
            object_pk=None,
            object_name=row.authentication_name,
            scope=namespace.pk,
            scope_name=namespace.name,
            team=row.team,
            before={"authentication_name": row.authentication_name, "thumbprint": row.thumbprint},
        )


def _dismissed(row: WaitingDevice, thumbprint: str) -> BlockedName:
    return BlockedName(
        namespace_id=row.namespace_id,
        authentication_name=row.authentication_name,
        authentication_key=row.authentication_key,
        thumbprint=thumbprint,
        team_id=row.team_id,
        reason=BlockReason.DISMISSED,
        at=timezone.now(),
    )
