"""Check whether a certificate's key and signature are strong enough and supported by TLS servers. Pure.

The upload doctor, the engine and the emulator all ask this module. Sources: NIST SP 800-131A (RSA from 2048 bits, no SHA-1),
RFC 5480 section 2.1.1 (curves by name only), RFC 8446 section 4.2.3 (the signatures of TLS 1.3: P-256, P-384, P-521, Ed25519 and SHA-2, no DSA), docs/policy.md.
"""

from typing import NamedTuple

from certificates.x509.algorithms import EXPLICIT_CURVE, LARGE_EXPONENT
from certificates.x509.certificate import Certificate

MIN_RSA_BITS = 2048
MAX_RSA_BITS = 8192
MIN_CURVE_BITS = 224

CURVES = ("EC P-256", "EC P-384", "EC P-521")
SIGNATURES = frozenset(
    {"Ed25519", *(f"{kind} with SHA-{size}" for kind in ("RSA", "RSA-PSS", "ECDSA") for size in (256, 384, 512))}
)
_SIGN_INSTEAD = "SHA-256 and an RSA or EC P-256 key"
_USUAL_KEYS = frozenset({*CURVES, "Ed25519", "RSA 2048", "RSA 3072", "RSA 4096"})
_CHECKED_KEYS = ("RSA ", "EC ", "Ed25519", "Ed448")


class Flaw(NamedTuple):
    """A key or signature that is not accepted.

    `code` is stable. `claim` completes "This certificate …" ("has a weak key"). `field` is "key" or "signature", `value`
    is the certificate's, and `instead` is what to use.
    """

    code: str
    claim: str
    field: str
    value: str
    instead: str


def key_flaw(certificate: Certificate) -> Flaw | None:
    """Return why the certificate's key is not accepted (`weak-key`, `key-too-large`, `key-type`, `explicit-curve`), or None."""
    key = certificate.key
    if key in _USUAL_KEYS:
        return None
    if is_too_large(certificate):
        claim = "has a key that is too large"
        return Flaw("key-too-large", claim, "key", key, "RSA 2048 to 4096 bits, or EC P-256")
    if EXPLICIT_CURVE in key:
        claim = "describes the curve of its key by parameters instead of by name"
        return Flaw("explicit-curve", claim, "key", key, "a key on a named curve, EC P-256 (ec_param_enc:named_curve)")
    least = MIN_RSA_BITS if key.startswith("RSA ") else MIN_CURVE_BITS if key.startswith("EC ") else 0
    if certificate.key_bits < least:
        return Flaw("weak-key", "has a weak key", "key", key, "RSA 2048 bits or more, or EC P-256")
    if key.startswith("RSA "):
        return None
    claim = "has an unsupported type of key"
    return Flaw("key-type", claim, "key", key, "RSA 2048 bits or more, or EC P-256")


def signature_flaw(certificate: Certificate) -> Flaw | None:
    """Return why the signature on the certificate is not accepted (`weak-hash`, `signature-type`), or None."""
    signature = certificate.signature
    if signature in SIGNATURES:
        return None
    if is_weak_hash(certificate):
        return Flaw("weak-hash", "is signed with a weak hash", "signature", signature, "SHA-256")
    return Flaw("signature-type", "has an unsupported signature", "signature", signature, _SIGN_INSTEAD)


def is_weak_hash(certificate: Certificate) -> bool:
    """Return whether the certificate's signature uses SHA-1 or MD5, which can be forged."""
    return certificate.signature.endswith(("SHA-1", "MD5"))


def is_too_large(certificate: Certificate) -> bool:
    """Return whether verifying with the certificate's key would cost too much CPU: large modulus or public exponent."""
    key = certificate.key
    return key.startswith("RSA ") and (certificate.key_bits > MAX_RSA_BITS or LARGE_EXPONENT in key)


def can_check(certificate: Certificate) -> bool:
    """Return whether a signature by the certificate's key can be checked: known type of key and not too large."""
    key = certificate.key
    return key.startswith(_CHECKED_KEYS) and EXPLICIT_CURVE not in key and not is_too_large(certificate)
