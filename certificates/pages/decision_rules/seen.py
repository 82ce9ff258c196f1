"""Find a certificate that the portal has seen, by its thumbprint, among what a person may see."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from certificates.actions.decision_rules.holders import Holder, holder_of
from certificates.actions.decision_rules.revocations import issuing_ca
from certificates.authentication.certification_paths import signed_by
from certificates.models import CACertificate, RevokedCertificate
from certificates.pages.presented_chain import PresentedChain
from certificates.x509.certificate import Certificate, DecodingError, load_certificate
from certificates.x509.serial_numbers import serial_digits
from namespaces.connections.client_certificates import certificates_of
from namespaces.models import ClientCertificate, ConnectionAttempt, Namespace

THUMBPRINT = re.compile(r"[0-9a-f]{64}")
MOST_ATTEMPTS = 20  # of one certificate: each carries the same chain, or nearly


@dataclass(frozen=True)
class SeenCertificate:
    """A certificate, whose it is, and its revocation where it is revoked. `may_revoke`: this person may revoke or release it.

    `sent_with`: the other certificates that the device sent with it.
    """

    certificate: Certificate
    holder: Holder
    revoked: RevokedCertificate | None
    may_revoke: bool
    sent_with: Sequence[Certificate] = ()

    @property
    def name(self) -> str:
        """Return the name of the row to which it belongs, or its subject."""
        row = self.holder.row
        return row.name if row is not None else self.certificate.subject


def seen_certificate(namespace: Namespace, thumbprint: str, *, below: str = "") -> SeenCertificate | None:
    """Return the certificate of a CA or client with this thumbprint, None where the person sees none.

    `below`: the thumbprint of a client certificate with which it was sent, for one that only devices send.
    """
    if not THUMBPRINT.fullmatch(thumbprint):
        return None
    source = below if below and THUMBPRINT.fullmatch(below) else thumbprint
    chain = {each.thumbprint_sha256: each for each in _sent_with(namespace, source)}
    certificate = _uploaded(namespace, thumbprint) or chain.get(thumbprint)
    if certificate is None:
        return None
    others = [each for key, each in chain.items() if key not in (thumbprint, source)]
    return as_seen(namespace, certificate, sent_with=others)


def as_seen(
    namespace: Namespace, certificate: Certificate, *, sent_with: Sequence[Certificate] = ()
) -> SeenCertificate:
    """Return a certificate that the person sees, with whose it is."""
    thumbprint = certificate.thumbprint_sha256
    holder = holder_of(namespace.pk, thumbprint, is_ca=certificate.is_ca)
    return SeenCertificate(
        certificate, holder, _revoked(namespace, certificate), holder.may_change(namespace.rights), sent_with
    )


def _revoked(namespace: Namespace, certificate: Certificate) -> RevokedCertificate | None:
    """Return the revocation of a certificate: by its thumbprint, or by issuer and serial number from before it was seen."""
    in_force = RevokedCertificate.objects.visible_to(namespace.sight).in_force().filter(namespace=namespace.pk)
    rows = in_force.select_related("revoked_by")
    found = rows.filter(thumbprint=certificate.thumbprint_sha256).first()
    if found is not None:
        return found
    named = rows.filter(thumbprint="", serial=serial_digits(certificate.serial_number), issuer=certificate.issuer)
    cas = CACertificate.objects.filter(namespace=namespace.pk).exclude(der=b"")
    return next((row for row in named if _is_by(certificate, issuing_ca(row, cas))), None)


def _is_by(certificate: Certificate, ca: CACertificate | None) -> bool:
    """Return whether a certificate is of this CA, not of another one with its name; where the CA is deleted, its name is enough."""
    return ca is None or signed_by(certificate, load_certificate(bytes(ca.der)))


def _uploaded(namespace: Namespace, thumbprint: str) -> Certificate | None:
    rows = CACertificate.visible_to(namespace.sight).filter(namespace=namespace.pk, thumbprint=thumbprint)
    row: CACertificate | None = rows.first()
    try:
        return load_certificate(bytes(row.der)) if row is not None and row.der else None
    except DecodingError:
        return None


def _sent_with(namespace: Namespace, thumbprint: str) -> Iterator[Certificate]:
    """Yield the client certificate with this thumbprint and what was sent with it."""
    shown = ClientCertificate.objects.visible_to(namespace.sight).filter(namespace=namespace.pk, thumbprint=thumbprint)
    for row in shown:
        yield from certificates_of(row)
    tried = ConnectionAttempt.objects.visible_to(namespace.sight)
    for attempt in tried.filter(namespace=namespace.pk, thumbprint=thumbprint).order_by("-cursor")[:MOST_ATTEMPTS]:
        presented = PresentedChain.of_attempt(attempt)
        if presented is not None:
            yield from presented.certificates
