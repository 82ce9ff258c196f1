"""What the page of a CA certificate shows about proof of possession."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from certificates.models import CACertificate, PossessionNonce
from certificates.possession.commands import Commands, device_commands, proof_commands
from certificates.possession.verification import BADGES, CA_KEY
from namespaces.models import Namespace, Possession


@dataclass(frozen=True)
class Proof:
    """A proof that counted."""

    kind: str
    label: str
    at: datetime
    by: str
    thumbprint: str


@dataclass(frozen=True)
class PossessionState:
    """How far the proof of one CA certificate is.

    `code`: "proved", "waiting" (not sent to Azure before it), "missing" (required, but Azure has the certificate already),
    "asked" or "off". `nonce` is the newest that can still be used, with the lines that sign it.
    """

    code: str
    proofs: tuple[Proof, ...]
    nonce: PossessionNonce | None
    expired: PossessionNonce | None
    commands: tuple[Commands, ...] = ()
    by_device: Commands | None = None


def possession_of(row: CACertificate, *, at: datetime) -> PossessionState:
    of_this = row.nonces.filter(thumbprint=row.thumbprint)
    used = of_this.exclude(kind="").select_related("used_by").order_by("-used_at", "-pk")
    unused = of_this.filter(used_at__isnull=True).order_by("-created_at", "-pk")
    nonce = unused.filter(expires_at__gt=at).first()
    return PossessionState(
        code=code_of(row, {each.kind for each in used}),
        proofs=tuple(map(_proof, used)),
        nonce=nonce,
        expired=unused.first() if nonce is None else None,
        commands=proof_commands(nonce.nonce) if nonce is not None else (),
        by_device=device_commands(nonce.nonce) if nonce is not None else None,
    )


def code_of(row: CACertificate, kinds: Iterable[str]) -> str:
    """Return the code of the state of a CA certificate for which these kinds of keys were proved."""
    if CA_KEY in kinds:
        return "proved"
    if row.namespace.possession != Possession.REQUIRED:
        return str(row.namespace.possession)
    return "missing" if row.is_settled or not row.what_it_waits_for() else "waiting"


def _proof(used: PossessionNonce) -> Proof:
    assert used.used_at is not None
    name = used.used_by.display_name if used.used_by is not None else "a deleted account"
    return Proof(used.kind, BADGES[used.kind], used.used_at, name, used.proof_thumbprint)


def note_badges(namespace: Namespace, certificates: Iterable[CACertificate]) -> None:
    """Add `shown_badge` to the rows of a list: the words of the strongest proof, or that one is missing."""
    rows = list(certificates)
    proved: dict[int, set[str]] = {row.pk: set() for row in rows}
    thumbprints = {row.pk: row.thumbprint for row in rows}
    used = PossessionNonce.objects.filter(certificate__in=proved).exclude(kind="")
    for pk, kind, thumbprint in used.values_list("certificate", "kind", "thumbprint"):
        if thumbprint == thumbprints[pk]:
            proved[pk].add(kind)
    for row in rows:
        row.shown_badge = _badge(namespace, proved[row.pk])


def _badge(namespace: Namespace, kinds: set[str]) -> tuple[str, str]:
    """Return code and words: of the CA's key before a device's."""
    for kind, label in BADGES.items():
        if kind in kinds:
            return kind, label
    return ("unproved", "Not proved") if namespace.possession != Possession.OFF else ("", "")
