"""What a deleted CA certificate leaves to another one with the same key: a deletion never widens what a key may do."""

from collections.abc import Sequence

from certificates.models import (
    CACertificate,
    FirstContact,
    IssuerBinding,
    RegisteredDevice,
    RegistrationTemplate,
    RevocationList,
    WaitingDevice,
)
from certificates.x509.certificate import public_key_hash
from namespaces.decision_changes import decisions_changed
from sync.models import SyncedModel

_OF_A_LIST = ("der", "signer_key", "number", "this_update", "next_update", "entries", "added_at", "added_by")


def hand_over_rules(rows: Sequence[SyncedModel]) -> None:
    """Let the binding, the revocation list and the first contact of each CA certificate that is being deleted count for one that
    stays and has its key, such as its renewal. Called in the transaction of the deletion.
    """
    for row in rows:
        if isinstance(row, CACertificate) and row.deleted_at is not None:
            heir = _heir_of(row)
            if heir is not None:
                _hand_over(row, heir)


def _heir_of(row: CACertificate) -> CACertificate | None:
    key = public_key_hash(bytes(row.der)) if row.der else ""
    others = CACertificate.objects.present().filter(namespace=row.namespace_id).exclude(pk=row.pk).order_by("pk")
    same = (each for each in others if key and each.der and public_key_hash(bytes(each.der)) == key)
    return next(same, None)


def _hand_over(row: CACertificate, heir: CACertificate) -> None:
    if not IssuerBinding.objects.filter(ca=heir).exists():
        IssuerBinding.objects.filter(ca=row).update(ca=heir)
    held = RevocationList.objects.filter(ca=row).exclude(der=b"").first()
    theirs = RevocationList.objects.filter(ca=heir).first()
    if held is not None and theirs is None:
        RevocationList.objects.filter(pk=held.pk).update(ca=heir)
    elif held is not None and theirs is not None and _is_newer(held, theirs):
        for name in _OF_A_LIST:
            setattr(theirs, name, getattr(held, name))
        theirs.save(update_fields=_OF_A_LIST)
    _hand_over_first_contact(row, heir)
    decisions_changed(row.namespace_id)


def _hand_over_first_contact(row: CACertificate, heir: CACertificate) -> None:
    """Let the heir go on registering devices, with what counts against the limits, unless it has a template of its own."""
    own = RegistrationTemplate.objects.select_for_update(of=("self",)).filter(ca=row)
    if own.exists() and not RegistrationTemplate.objects.filter(ca=heir).exists():
        own.update(ca=heir)
        RegisteredDevice.objects.filter(ca=row).update(ca=heir)
    if RegistrationTemplate.objects.filter(ca=heir).exclude(mode=FirstContact.OFF).exists():
        WaitingDevice.objects.filter(ca=row).update(ca=heir)


def _is_newer(held: RevocationList, theirs: RevocationList) -> bool:
    if not theirs.der or held.this_update is None or theirs.this_update is None:
        return not theirs.der
    return held.this_update > theirs.this_update
