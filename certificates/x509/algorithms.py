"""The names of keys and signatures, as people say them. Pure.

Sources: RFC 3279, RFC 4055, RFC 5758, RFC 8410 (the algorithms of certificates).
"""

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.x509.oid import SignatureAlgorithmOID

MAX_EXPONENT_BITS = 64  # of RSA: with more, one signature costs as much as a thousand
LARGE_EXPONENT = " with a public exponent of "

_CURVE_NAMES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
# Encoded: ecdsa-with-SHA256 and -SHA384 (RFC 5758), sha256WithRSAEncryption (RFC 4055), Ed25519 and Ed448 (RFC 8410).
_USUAL_SIGNATURES = {
    bytes.fromhex("300a06082a8648ce3d040302"): "ECDSA with SHA-256",
    bytes.fromhex("300a06082a8648ce3d040303"): "ECDSA with SHA-384",
    bytes.fromhex("300d06092a864886f70d01010b0500"): "RSA with SHA-256",
    bytes.fromhex("300506032b6570"): "Ed25519",
    bytes.fromhex("300506032b6571"): "Ed448",
}


def describe_key(certificate: x509.Certificate) -> tuple[str, int]:
    """The public key as people name it, and its size in bits: ("EC P-256", 256), ("RSA 2048", 2048)."""
    try:
        key = certificate.public_key()
    except UnsupportedAlgorithm:
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


_ECDSA_WITH_SHA3 = frozenset(  # the library has no names for these
    {
        SignatureAlgorithmOID.ECDSA_WITH_SHA3_224,
        SignatureAlgorithmOID.ECDSA_WITH_SHA3_256,
        SignatureAlgorithmOID.ECDSA_WITH_SHA3_384,
        SignatureAlgorithmOID.ECDSA_WITH_SHA3_512,
    }
)


def describe_signature(certificate: x509.Certificate, encoded: bytes = b"") -> str:
    """How it is signed: "ECDSA with SHA-256". `encoded`, the algorithm as it stands in the certificate, tells the usual ones."""
    usual = _USUAL_SIGNATURES.get(encoded)
    if usual is not None:
        return usual
    oid = certificate.signature_algorithm_oid
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
