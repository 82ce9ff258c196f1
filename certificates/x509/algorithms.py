"""Names of keys and signature algorithms, as people use them. Pure.

Sources: RFC 3279, RFC 4055, RFC 5758, RFC 8410 (the algorithms of certificates).
"""

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.x509.oid import SignatureAlgorithmOID

MAX_EXPONENT_BITS = 64  # of RSA keys: with more, verifying one signature costs as much as a thousand
EXPLICIT_CURVE = " with explicit curve parameters"
LARGE_EXPONENT = " with a public exponent of "

_CURVE_NAMES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}


def describe_key(certificate: x509.Certificate, *, has_explicit_curve: bool = False) -> tuple[str, int]:
    """Return the name of the public key and its size in bits, such as ("EC P-256", 256) or ("RSA 2048", 2048).

    An unsupported kind of key has the size 0. The name of an RSA key says when its public exponent is large, and that of
    an EC key when it has `EXPLICIT_CURVE`.
    """
    if has_explicit_curve:
        return f"EC{EXPLICIT_CURVE}", 0
    try:
        key = certificate.public_key()
    except (UnsupportedAlgorithm, ValueError):
        return f"unsupported ({certificate.public_key_algorithm_oid.dotted_string})", 0
    if isinstance(key, ec.EllipticCurvePublicKey):
        curve = key.curve
        return f"EC {_CURVE_NAMES.get(curve.name, curve.name)}", curve.key_size
    if isinstance(key, rsa.RSAPublicKey):
        bits, exponent_bits = key.key_size, key.public_numbers().e.bit_length()
        large = f"{LARGE_EXPONENT}{exponent_bits} bits" if exponent_bits > MAX_EXPONENT_BITS else ""
        return f"RSA {bits}{large}", bits
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "Ed25519", 256
    if isinstance(key, ed448.Ed448PublicKey):
        return "Ed448", 456
    if isinstance(key, dsa.DSAPublicKey):
        return f"DSA {key.key_size}", key.key_size
    return type(key).__name__, 0


_SIGNATURES_WITHOUT_HASH = {SignatureAlgorithmOID.ED25519: "Ed25519", SignatureAlgorithmOID.ED448: "Ed448"}
_ECDSA_WITH_SHA3 = frozenset(  # the library has no names for these
    {
        SignatureAlgorithmOID.ECDSA_WITH_SHA3_224,
        SignatureAlgorithmOID.ECDSA_WITH_SHA3_256,
        SignatureAlgorithmOID.ECDSA_WITH_SHA3_384,
        SignatureAlgorithmOID.ECDSA_WITH_SHA3_512,
    }
)


def describe_signature(certificate: x509.Certificate | x509.CertificateRevocationList) -> str:
    """Return the name of the signature on a certificate or a list, such as "ECDSA with SHA-256"; else its dotted number."""
    oid = certificate.signature_algorithm_oid
    if oid in _SIGNATURES_WITHOUT_HASH:
        return _SIGNATURES_WITHOUT_HASH[oid]
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        algorithm = None
    if algorithm is None:
        return oid.dotted_string
    digest = algorithm.name.upper().replace("SHA", "SHA-").replace("SHA--", "SHA-")
    if oid == SignatureAlgorithmOID.RSASSA_PSS:
        return f"RSA-PSS with {digest}"
    family = (
        "ECDSA"
        if "ecdsa" in oid._name.lower() or oid in _ECDSA_WITH_SHA3
        else "DSA"
        if "dsa" in oid._name.lower()
        else "RSA"
    )
    return f"{family} with {digest}"
