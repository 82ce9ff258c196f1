"""Proof of possession of a CA certificate's key: nonces that are given, and proofs that are verified."""

import secrets
from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from certificates.models import WAITS_FOR_PROOF, CACertificate, PossessionNonce
from certificates.possession.verification import (
    CA_KEY,
    NONCE_LETTERS,
    NONCE_LIFE,
    Challenge,
    Verdict,
    nonces_in,
    verify_proof,
)
from certificates.x509.certificate import Certificate
from namespaces.actions.resources import current
from namespaces.models import Possession
from namespaces.rules.errors import RuleError
from portal import activity
from portal.models import User
from sync.workers.wakeups import wake_on_commit

MOST_OPEN = 5  # nonces of one CA certificate that wait for their proof; an older one is given up for a new one


def give_nonce(actor: User, *, certificate: CACertificate) -> PossessionNonce:
    """Give a nonce for a CA certificate. Those given before still count until they expire. Raise RuleError."""
    with transaction.atomic(durable=True):
        row = current(actor, certificate)
        nonce = add_nonce(actor, row)
        _record(actor, row, "Ask for proof of possession", {"nonce_expires_at": nonce.expires_at.isoformat()})
    return nonce


def add_nonce(actor: User, row: CACertificate) -> PossessionNonce:
    """Add a nonce inside the caller's transaction. Raise RuleError where there is no readable certificate."""
    if not row.der:
        raise RuleError(
            "", "unreadable", "Azure holds no readable certificate under this name, so nothing can be proved."
        )
    still_open = row.nonces.filter(used_at__isnull=True).order_by("-created_at", "-pk")
    PossessionNonce.objects.filter(pk__in=[each.pk for each in still_open[MOST_OPEN - 1 :]]).delete()
    now = timezone.now()
    return PossessionNonce.objects.create(
        certificate=row,
        thumbprint=row.thumbprint,
        nonce=secrets.token_hex(NONCE_LETTERS // 2),
        created_at=now,
        created_by=actor,
        expires_at=now + NONCE_LIFE,
    )


def ask_for_proof(actor: User, row: CACertificate) -> None:
    """Give a nonce for a certificate that was just uploaded, where its namespace asks for a proof. No earlier proof counts."""
    row.nonces.all().delete()
    if row.namespace.possession == Possession.OFF:
        return
    add_nonce(actor, row)
    row.waits_for = row.what_it_waits_for()
    CACertificate.objects.filter(pk=row.pk).update(waits_for=row.waits_for)


def prove_possession(actor: User, *, certificate: CACertificate, proof: Sequence[Certificate]) -> str:
    """Verify a proof and keep it. Return whose key signed it. Raise RuleError with the code of the refusal.

    A proof by the CA's key releases a certificate that waited for it.
    """
    with transaction.atomic(durable=True):
        row = current(actor, certificate)
        verdict = _verdict(row, proof)
        if not verdict.kind:
            raise RuleError("file", verdict.code, f"{verdict.sentence} {verdict.next_step}".strip())
        _use(actor, row, verdict)
        waiting = CACertificate.objects.filter(pk=row.pk, waits_for=WAITS_FOR_PROOF)
        if verdict.kind == CA_KEY and waiting.update(waits_for="", next_attempt_at=None):
            wake_on_commit(row)
    return verdict.kind


def _verdict(row: CACertificate, proof: Sequence[Certificate]) -> Verdict:
    ca = row.certificate
    if ca is None:
        raise RuleError("file", "unreadable", "Azure holds no readable certificate under this name.")
    given = row.nonces.filter(thumbprint=row.thumbprint, nonce__in=nonces_in(proof))
    challenges = [Challenge(each.nonce, each.expires_at, each.used_at) for each in given]
    return verify_proof(proof, ca=ca, challenges=challenges, at=timezone.now())


def _use(actor: User, row: CACertificate, verdict: Verdict) -> None:
    """Mark the nonce as used. Raise RuleError if another request did so first."""
    assert verdict.proof is not None
    used = row.nonces.filter(nonce=verdict.nonce, used_at__isnull=True).update(
        used_at=timezone.now(), used_by=actor, kind=verdict.kind, proof_thumbprint=verdict.proof.thumbprint_sha256
    )
    if not used:
        raise RuleError("file", "nonce-used", "This nonce has just been used. Each counts once.")
    after = {"proved": verdict.kind, "thumbprint": row.thumbprint, "proof": verdict.proof.thumbprint_sha256}
    _record(actor, row, "Prove possession", after)


def _record(actor: User, row: CACertificate, verb: str, after: dict[str, str]) -> None:
    activity.record(actor, verb=verb, **row.in_activity(), before=None, after=after)
