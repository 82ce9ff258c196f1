"""Is a certificate's key, is its signature, strong enough and of a kind that TLS servers take? Pure.

The one answer for the upload doctor, the engine and the emulator. Sources: NIST SP 800-131A (RSA from 2048 bits, no SHA-1),
RFC 8446 section 4.2.3 (the signatures of TLS 1.3: P-256, P-384, P-521, Ed25519 and SHA-2, no DSA), docs/policy.md.
"""

from typing import NamedTuple

from certificates.x509.algorithms import LARGE_EXPONENT
from certificates.x509.certificate import Certificate

MIN_RSA_BITS = 2048
MAX_RSA_BITS = 8192
MIN_CURVE_BITS = 224

CURVES = ("EC P-256", "EC P-384", "EC P-521")
SIGNATURES = frozenset(
    {"Ed25519", *(f"{kind} with SHA-{size}" for kind in ("RSA", "RSA-PSS", "ECDSA") for size in (256, 384, 512))}
)
_SIGN_INSTEAD = "SHA-256, by a key of RSA or EC P-256"
_USUAL_KEYS = frozenset({*CURVES, "Ed25519", "RSA 2048", "RSA 3072", "RSA 4096"})
_CHECKED_KEYS = ("RSA ", "EC ", "Ed25519", "Ed448")


class Flaw(NamedTuple):
    """What is wrong: a stable code, what the certificate does ("has a weak key"), what shows it, and what to use instead.

    `field` is "key" or "signature".
    """

    code: str
    claim: str
    field: str
    value: str
    instead: str


def key_flaw(certificate: Certificate) -> Flaw | None:
    """Why this certificate's key is not taken, from a client or a CA; None when it is."""
    key = certificate.key
    if key in _USUAL_KEYS:
        return None
    if is_too_large(certificate):
        claim = "has a key larger than servers verify"
        return Flaw("key-too-large", claim, "key", key, "RSA 2048 to 4096 bits, or EC P-256")
    least = MIN_RSA_BITS if key.startswith("RSA ") else MIN_CURVE_BITS if key.startswith("EC ") else 0
    if certificate.key_bits < least:
        return Flaw("weak-key", "has a weak key", "key", key, "RSA 2048 bits or more, or EC P-256")
    if key.startswith("RSA "):
        return None
    claim = "has a kind of key that is not supported"
    return Flaw("key-type", claim, "key", key, "RSA 2048 bits or more, or EC P-256")


def signature_flaw(certificate: Certificate) -> Flaw | None:
    """Why the signature on this certificate is not taken; None when it is."""
    signature = certificate.signature
    if signature in SIGNATURES:
        return None
    if is_weak_hash(certificate):
        return Flaw("weak-hash", "is signed with a weak hash", "signature", signature, "SHA-256")
    return Flaw("signature-type", "is signed in a way that is not supported", "signature", signature, _SIGN_INSTEAD)


def is_weak_hash(certificate: Certificate) -> bool:
    """Whether its signature uses a hash that can be forged."""
    return certificate.signature.endswith(("SHA-1", "MD5"))


def is_too_large(certificate: Certificate) -> bool:
    """Whether verifying with this certificate's key would burn CPU: a large modulus, or a large public exponent."""
    key = certificate.key
    return key.startswith("RSA ") and (certificate.key_bits > MAX_RSA_BITS or LARGE_EXPONENT in key)


def can_check(certificate: Certificate) -> bool:
    """Whether a signature made with this certificate's key is looked at: neither too large nor of a kind nobody knows."""
    return certificate.key.startswith(_CHECKED_KEYS) and not is_too_large(certificate)
