"""Build candidate paths from a client certificate to an uploaded CA certificate. Pure.

Only names, key identifiers and single signatures are compared here; `chain` verifies the paths. All work is bounded,
whatever a client sends. Source: RFC 4158 (building certification paths).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa

from certificates.x509.certificate import Certificate, DecodingError, load_certificate, name_key
from certificates.x509.parsing import library_view, signed_bytes
from certificates.x509.serial_numbers import serial_text
from certificates.x509.strength import can_check, is_weak_hash

MAX_PATHS = 8
MAX_STEPS = 100

# For the uploaded certificates, which every connection needs and whose bytes never change.
load_known = lru_cache(maxsize=256)(load_certificate)


class Difference(NamedTuple):
    """What a certificate states about its issuer's certificate, and what a certificate of that name has instead."""

    part: str
    stated: str
    found: str


def authority_difference(child: Certificate, issuer: Certificate) -> Difference | None:
    """Return where the child's authority key identifier does not fit the issuer, as OpenSSL compares it; None if it fits.

    It may state the key identifier, and the serial number and issuer of the issuer's certificate (RFC 5280 section
    4.2.1.1). A renewed CA certificate with the same key has another serial number.
    """
    wanted, found = child.authority_key_identifier, issuer.subject_key_identifier
    if wanted and found and wanted != found:
        return Difference("key identifier", wanted, found)
    serial = child.authority_serial_number
    if serial is not None and serial != issuer.serial_number:
        return Difference("serial number", serial_text(serial), serial_text(issuer.serial_number))
    name = child.authority_issuer
    if name and name_key(name) != issuer.issuer_key:
        return Difference("issuer", name, issuer.issuer)
    return None


def key_identifier_fits(child: Certificate, issuer: Certificate) -> bool:
    """Return whether the child's authority key identifier fits the issuer."""
    return authority_difference(child, issuer) is None


class TrustAnchors:
    """The uploaded CA certificates of a namespace, read once and indexed by subject. Unreadable ones are left out.

    Arguments: `uploaded`, pairs of resource name and DER. Of a certificate uploaded twice, the first name counts.
    """

    def __init__(self, uploaded: Iterable[tuple[str, bytes]]) -> None:
        self.named: list[tuple[str, Certificate]] = []
        self.name_of: dict[bytes, str] = {}
        self.by_subject: dict[str, list[Certificate]] = {}
        for name, der in uploaded:
            try:
                certificate = load_known(der)
            except DecodingError:
                continue
            self.named.append((name, certificate))
            if der not in self.name_of:
                self.name_of[der] = name
                self.by_subject.setdefault(certificate.subject_key, []).append(certificate)

    def __contains__(self, certificate: Certificate) -> bool:
        return certificate.der in self.name_of


@dataclass
class PathFinder:
    """Finds candidate paths through `uploaded` and `sent` certificates at `at`, an aware datetime."""

    uploaded: TrustAnchors
    sent: Sequence[Certificate]
    at: datetime
    _signed: dict[tuple[bytes, bytes], bool] = field(default_factory=dict)
    _steps: int = 0

    def named_issuers(self, child: Certificate) -> list[Certificate]:
        """Return the certificates with the name of the child's issuer, the most likely issuer first."""
        wanted = child.issuer_key
        found = [c for c in self.uploaded.by_subject.get(wanted, ()) if c.der != child.der]
        if self.sent:
            found += [c for c in self.sent if c.subject_key == wanted and c.der != child.der]
        if len(found) > 1:
            found.sort(key=lambda c: self._unlikeliness(child, c))
        return found

    def _unlikeliness(self, child: Certificate, issuer: Certificate) -> tuple[bool, ...]:
        return (
            not self.signed(child, issuer),
            not key_identifier_fits(child, issuer),
            not issuer.is_ca,
            issuer not in self.uploaded,
            not issuer.not_before <= self.at <= issuer.not_after,
        )

    def signed(self, child: Certificate, issuer: Certificate) -> bool:
        """Return whether the issuer's key made the child's signature.

        A key or hash that our rules reject anyway counts as signed without a check: then that is what gets explained.
        """
        if not can_check(issuer) or is_weak_hash(child):
            return True
        pair = (child.der, issuer.der)
        if pair not in self._signed:
            self._signed[pair] = signed_by(child, issuer)
        return self._signed[pair]

    def paths(self, leaf: Certificate) -> Iterator[tuple[Certificate, ...]]:
        """Yield paths from the leaf to an uploaded certificate, the most likely first. Callers use up to `MAX_PATHS`."""
        self._steps = 0
        yield from self._extend((leaf,))

    def _extend(self, path: tuple[Certificate, ...]) -> Iterator[tuple[Certificate, ...]]:
        self._steps += 1
        if self._steps > MAX_STEPS:
            return
        candidates = self.named_issuers(path[-1])
        if len(candidates) > 1:
            candidates = [c for c in candidates if self.signed(path[-1], c)] or candidates
        for issuer in candidates:
            if issuer in path:
                continue
            if issuer in self.uploaded:
                yield (*path, issuer)
            else:
                yield from self._extend((*path, issuer))

    def dead_end(self, leaf: Certificate) -> tuple[Certificate, ...]:
        """Return the path as far as it goes when none leads to an uploaded certificate."""
        path: tuple[Certificate, ...] = (leaf,)
        for _ in range(len(self.sent) + 1):
            parent = next((c for c in self.named_issuers(path[-1]) if c not in path), None)
            if parent is None:
                break
            path = (*path, parent)
        return path


def signed_by(child: Certificate, issuer: Certificate) -> bool:
    """Return whether the issuer's key made the child's signature, whatever the names.

    The caller compares names, more tolerantly than the library's own function. Costs one verification.
    """
    try:
        certificate, key = library_view(child.der), library_view(issuer.der).public_key()
        signed, signature = signed_bytes(child.der, certificate), certificate.signature
        parameters, digest = certificate.signature_algorithm_parameters, certificate.signature_hash_algorithm
        if isinstance(key, rsa.RSAPublicKey) and isinstance(parameters, padding.PSS | padding.PKCS1v15) and digest:
            key.verify(signature, signed, parameters, digest)
        elif isinstance(key, ec.EllipticCurvePublicKey) and isinstance(parameters, ec.ECDSA):
            key.verify(signature, signed, parameters)
        elif isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
            key.verify(signature, signed)
        else:
            return False
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True
