"""Pinned keys: a client that counts only with a certificate below certain CA keys."""

from django.utils import timezone

from certificates.models import CACertificate, PinnedKey
from certificates.x509.certificate import public_key_hash
from namespaces.actions.resources import current
from namespaces.control.gate import check_other
from namespaces.control.kinds import Draft
from namespaces.control.rules.policy import Need
from namespaces.decision_changes import decisions_changed
from namespaces.models import Client
from namespaces.rules.clients import THUMBPRINT_SCHEME
from namespaces.rules.errors import RuleError
from portal import activity
from portal.models import User
from sync.control import one_transaction

PIN_KIND = "pinned_key"  # in change sets
MOST_PINS = 5  # of one client: the CA, its successor, and room


def pin_client(actor: User, *, client: Client, ca: CACertificate | None) -> PinnedKey:
    """Let a client count only below this CA's key, beside those that are pinned already. Raise RuleError."""
    with one_transaction():
        row = current(actor, client)
        if row.validation_scheme == THUMBPRINT_SCHEME:
            raise RuleError(
                "ca", "by-thumbprint", "With Thumbprint Match a client needs no issuer, so none can be pinned."
            )
        held = (
            None if ca is None else CACertificate.objects.present().filter(pk=ca.pk, namespace=row.namespace_id).first()
        )
        key = public_key_hash(bytes(held.der)) if held is not None and held.der else ""
        if held is None or not key:
            raise RuleError("ca", "no-key", "Choose a CA certificate whose key can be read.")
        pinned = PinnedKey.objects.filter(client=row)
        if pinned.filter(spki_sha256=key).exists():
            raise RuleError("ca", "pinned-already", f"{row.name} is pinned to this key already.")
        if pinned.count() >= MOST_PINS:
            raise RuleError("ca", "too-many", f"A client has at most {MOST_PINS} pinned keys. Remove one first.")
        facts = {"ca_name": held.name, "subject": held.subject, "pinned_at": timezone.now(), "pinned_by": actor}
        found = PinnedKey.objects.create(client=row, spki_sha256=key, **facts)
        _changed(actor, row, "Pin issuer", None, found)
    return found


def unpin_client(actor: User, *, client: Client, pin: int) -> None:
    """Remove one pinned key of a client, by its primary key. Without any, every CA key counts for it. Raise RuleError."""
    with one_transaction():
        row = current(actor, client)
        found = PinnedKey.objects.select_for_update().filter(client=row, pk=pin).first()
        if found is None:
            raise RuleError("", "unpinned-already", "This key was removed already.")
        draft = Draft(PIN_KIND, "unpin", row.name, "", row.team, _described(found), None)
        check_other(actor, row.namespace_id, [Need.LOOSEN_RULE], draft)
        _changed(actor, row, "Unpin issuer", found, None)
        found.delete()


def _changed(actor: User, row: Client, verb: str, before: PinnedKey | None, after: PinnedKey | None) -> None:
    decisions_changed(row.namespace_id)
    activity.record(actor, verb=verb, **row.in_activity(), before=_described(before), after=_described(after))


def _described(pin: PinnedKey | None) -> dict[str, str] | None:
    return None if pin is None else {"ca_name": pin.ca_name, "issuer_key": pin.spki_sha256}
