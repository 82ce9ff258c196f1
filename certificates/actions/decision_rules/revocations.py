"""Revoke a certificate, and release it again."""

from collections.abc import Iterable
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from certificates.actions.decision_rules.alarm_decisions import close_released
from certificates.actions.decision_rules.ended_sessions import end_sessions_of
from certificates.actions.decision_rules.holders import Holder, holder_of
from certificates.authentication.certification_paths import signed_by
from certificates.models import CACertificate, RevocationReason, RevokedCertificate
from certificates.notices.revocations import announce_release, announce_revocation
from certificates.x509.certificate import Certificate, load_certificate, public_key_hash
from certificates.x509.serial_numbers import serial_digits, serial_text
from namespaces.actions.resources import current
from namespaces.actions.teams import NO_LONGER_ALLOWED
from namespaces.control.gate import check_other
from namespaces.control.kinds import Draft
from namespaces.control.rules.policy import Need
from namespaces.decision_changes import decisions_changed
from namespaces.models import Client, ClientCertificate, Namespace
from namespaces.rights import rights_now
from namespaces.rules.errors import RuleError
from portal import activity
from portal.models import User
from sync.control import one_transaction

REVOCATION_KIND = "revocation"  # in change sets
LONGEST_NOTE = 500  # characters


def revoke_certificate(
    actor: User, *, namespace: Namespace, certificate: Certificate, reason: str, note: str = ""
) -> RevokedCertificate:
    """Revoke a certificate in one namespace: it counts no longer, nor does what it signed. Raise RuleError.

    The people who look after the client or CA certificate are notified.
    """
    if reason not in RevocationReason.values:
        raise RuleError("reason", "unknown-reason", "Choose a reason.")
    if len(note) > LONGEST_NOTE:
        raise RuleError("note", "too-long", f"Use at most {LONGEST_NOTE} characters.")
    with one_transaction():
        thumbprint = certificate.thumbprint_sha256
        holder = holder_of(namespace.pk, thumbprint, is_ca=certificate.is_ca)
        _check(actor, namespace, holder)
        row = RevokedCertificate(namespace=namespace, reason=reason, note=note)
        row.set_certificate(certificate)
        row.is_ca |= holder.is_ca
        row.issuer_key = _issuer_key(holder, thumbprint)
        row.client_name = holder.client.name if holder.client is not None else ""
        row.team = holder.team
        row.revoked_at, row.revoked_by = timezone.now(), actor
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError:
            raise RuleError("", "revoked-already", "This certificate is revoked already.") from None
        decisions_changed(namespace.pk)
        activity.record(actor, verb="Revoke certificate", after=_described(row), reason=note, **_entry(row, holder))
        announce_revocation(row)
        end_sessions_of(namespace, certificate, is_ca=row.is_ca)
    return row


def revoke_serial(actor: User, *, ca: CACertificate, serial: int, reason: str, note: str = "") -> RevokedCertificate:
    """Revoke the certificate with this serial number of a CA. Raise RuleError.

    One that the portal has seen is revoked as such. Of another, those who may change the CA certificate decide.
    """
    known = known_certificate(ca, serial)
    if known is not None:
        if not holder_of(ca.namespace_id, known.thumbprint_sha256, is_ca=known.is_ca).may_change(
            rights_now(actor, ca.namespace_id)
        ):
            sentence = "This certificate belongs to a client or CA that you may not change. Owners revoke it."
            raise RuleError("serial", NO_LONGER_ALLOWED, sentence)
        return revoke_certificate(actor, namespace=ca.namespace, certificate=known, reason=reason, note=note)
    if reason not in RevocationReason.values:
        raise RuleError("reason", "unknown-reason", "Choose a reason.")
    with one_transaction():
        issuer = current(actor, ca)
        if not issuer.der:
            raise RuleError("ca", "unreadable", "Azure holds no readable CA certificate under this name.")
        row = RevokedCertificate(namespace=issuer.namespace, reason=reason, note=note[:LONGEST_NOTE], team=issuer.team)
        row.issuer, row.issuer_key = issuer.subject, public_key_hash(bytes(issuer.der))
        row.serial, row.revoked_at, row.revoked_by = serial_digits(serial), timezone.now(), actor
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError:
            sentence = "The certificate with this serial number is revoked already."
            raise RuleError("serial", "revoked-already", sentence) from None
        decisions_changed(row.namespace_id)
        entry = _entry(row, Holder(ca=issuer, is_ca=True))
        activity.record(actor, verb="Revoke certificate", after=_described(row), reason=note, **entry)
        announce_revocation(row)
    return row


def known_certificate(ca: CACertificate, serial: int) -> Certificate | None:
    """Return the certificate of this CA with this serial number, of those that the portal has seen."""
    if not ca.der:
        return None
    issuer = load_certificate(bytes(ca.der))
    digits = serial_digits(serial)
    shown = ClientCertificate.objects.filter(namespace=ca.namespace_id, serial=digits).values_list("der", flat=True)
    uploaded = CACertificate.objects.filter(namespace=ca.namespace_id, issuer=issuer.subject).exclude(der=b"")
    for der in (*shown, *uploaded.values_list("der", flat=True)):
        found = load_certificate(bytes(der))
        if serial_digits(found.serial_number) == digits and signed_by(found, issuer):
            return found
    return None


def release_certificate(actor: User, *, revoked: RevokedCertificate) -> RevokedCertificate:
    """Undo a revocation: the certificate counts again. Raise RuleError, and NeedsApproval where the policy asks for approval."""
    with one_transaction():
        rows = RevokedCertificate.objects.select_for_update(of=("self",)).select_related("namespace", "team")
        row = rows.filter(pk=revoked.pk).first()
        if row is None or row.released_at is not None:
            raise RuleError("", "released-already", "This certificate was released already.")
        holder = holder_of_revoked(row)
        _check(actor, row.namespace, holder)
        name = (row.client_name or str(row))[:160]
        draft = Draft(REVOCATION_KIND, "release", name, "", row.team, _described(row), None)
        check_other(actor, row.namespace_id, [Need.RELEASE_CERTIFICATE], draft)
        row.released_at, row.released_by = timezone.now(), actor
        row.save(update_fields=["released_at", "released_by"])
        close_released(row)
        decisions_changed(row.namespace_id)
        activity.record(actor, verb="Release certificate", before=_described(row), **_entry(row, holder))
        announce_release(row)
    return row


def holder_of_revoked(row: RevokedCertificate) -> Holder:
    """Return whose a revoked certificate is now; of one that was never seen, the CA that issued it."""
    if not row.thumbprint:
        cas = CACertificate.objects.present().filter(namespace=row.namespace_id).exclude(der=b"").select_related("team")
        return Holder(ca=issuing_ca(row, cas), is_ca=True)
    return holder_of(row.namespace_id, row.thumbprint, is_ca=row.is_ca, client_name=row.client_name)


def issuing_ca(row: RevokedCertificate, cas: Iterable[CACertificate]) -> CACertificate | None:
    """Return the CA certificate whose key issued a certificate of which only the serial number is known."""
    return next((ca for ca in cas if ca.der and public_key_hash(bytes(ca.der)) == row.issuer_key), None)


def _check(actor: User, namespace: Namespace, holder: Holder) -> None:
    if holder.may_change(rights_now(actor, namespace.pk)):
        return
    if holder.team is not None:
        sentence = (
            f"This certificate belongs to team {holder.team.name}. Its members and Owners of the namespace revoke it."
        )
    else:
        sentence = "This certificate belongs to no team. Contributors and Owners revoke it."
    raise RuleError("", NO_LONGER_ALLOWED, sentence)


def _issuer_key(holder: Holder, thumbprint: str) -> str:
    """Return the hash of the key that signed the certificate, where the client's last connection showed it."""
    client = holder.client
    return client.issuer_key if client is not None and client.certificate_thumbprint == thumbprint else ""


def _described(row: RevokedCertificate) -> dict[str, str]:
    return {
        "certificate_subject": row.subject,
        "certificate_issuer": row.issuer,
        "certificate_serial": serial_text(int(row.serial, 16)),
        "thumbprint": row.thumbprint,
        "revocation_reason": row.reason,
    }


def _entry(row: RevokedCertificate, holder: Holder) -> dict[str, Any]:
    """Return what names the object of an activity entry: the client or CA certificate, also one that exists no longer."""
    if holder.row is not None:
        return {**holder.row.in_activity(), "scope_name": row.namespace.name}
    kind = CACertificate if row.is_ca else Client
    return {
        "kind": kind._meta.label_lower if row.team_id is not None else row._meta.label_lower,
        "object_pk": None if row.team_id is not None else row.pk,
        "object_name": (row.client_name or str(row))[:160],
        "scope": row.namespace_id,
        "scope_name": row.namespace.name,
        "team": row.team,
    }
