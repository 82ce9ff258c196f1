"""One DER certificate → its facts. Pure: no Django, no I/O, no clock.

Sources: RFC 5280 (fields and extensions), RFC 4514 (names as text).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, SignatureAlgorithmOID

from certificates.containers import read_element

MAX_CERTIFICATE_BYTES = 65_536
NEXT_CA = "Bring the CA certificate that signed the client certificates, as a .pem, .cer or .crt file."

T = TypeVar("T", bound=x509.ExtensionType)


class DecodingError(ValueError):
    """What was brought cannot be used.

    `code` is stable and for machines, `sentence` says what it is, `next_step` what to do.
    """

    def __init__(self, code: str, sentence: str, next_step: str = "") -> None:
        super().__init__(f"{sentence} {next_step}".strip())
        self.code = code
        self.sentence = sentence
        self.next_step = next_step


@dataclass(frozen=True)
class Certificate:
    """The facts of one X.509 certificate. Times are aware UTC; thumbprints and key identifiers lower-case hex."""

    der: bytes
    subject: str
    issuer: str
    common_names: tuple[str, ...]
    serial_number: int
    not_before: datetime
    not_after: datetime
    key: str
    key_bits: int
    signature: str
    thumbprint_sha256: str
    thumbprint_sha1: str
    subject_key_identifier: str
    authority_key_identifier: str
    is_ca: bool
    has_basic_constraints: bool
    path_length: int | None
    key_usage: tuple[str, ...]
    extended_key_usage: tuple[str, ...]
    dns_names: tuple[str, ...]
    uris: tuple[str, ...]
    ip_addresses: tuple[str, ...]
    emails: tuple[str, ...]
    is_self_issued: bool

    @cached_property
    def extensions(self) -> tuple[tuple[str, bool, str], ...]:
        """Every extension as (name, critical, text), in the certificate's order. Read when asked for."""
        return tuple(_describe_extension(e) for e in x509.load_der_x509_certificate(self.der).extensions)


def load_certificate(der: bytes) -> Certificate:
    """The facts of one DER certificate. Raises `DecodingError` with the code `broken-certificate`."""
    if len(der) > MAX_CERTIFICATE_BYTES:
        raise DecodingError(
            "broken-certificate", "This certificate is larger than 64 KB, which no CA certificate is.", NEXT_CA
        )
    if not _serial_number_is_positive(der):
        raise DecodingError(
            "broken-certificate",
            "This certificate's serial number is zero or negative, which RFC 5280 forbids.",
            "Issue the certificate again with a positive serial number.",
        )
    try:
        return _facts(x509.load_der_x509_certificate(der))
    except (
        ValueError,
        TypeError,
        OverflowError,
        UnsupportedAlgorithm,
        x509.InvalidVersion,
        x509.DuplicateExtension,
    ):
        raise DecodingError(
            "broken-certificate", "This certificate is damaged and cannot be read.", "Export or copy it again."
        ) from None


def _serial_number_is_positive(der: bytes) -> bool:
    """Looked at before the parser, which only deprecates what the RFC forbids. True also where there is none to see."""
    at: int | None = 0
    for _ in range(2):  # Certificate, then TBSCertificate
        element = read_element(der, at or 0)
        if element is None or element[0] != 0x30:
            return True
        at = element[1]
    element = read_element(der, at or 0)
    if element is not None and element[0] == 0xA0:  # the version
        element = read_element(der, element[2])
    if element is None or element[0] != 0x02 or element[1] == element[2]:
        return True
    return int.from_bytes(der[element[1] : element[2]], "big", signed=True) > 0


def _facts(certificate: x509.Certificate) -> Certificate:
    key, bits = describe_key(certificate)
    extensions = certificate.extensions
    constraints = _extension(extensions, x509.BasicConstraints)
    usage = _extension(extensions, x509.KeyUsage)
    extended = _extension(extensions, x509.ExtendedKeyUsage)
    names = _extension(extensions, x509.SubjectAlternativeName)
    own_key = _extension(extensions, x509.SubjectKeyIdentifier)
    issuer_key = _extension(extensions, x509.AuthorityKeyIdentifier)
    general = list(names) if names is not None else []
    return Certificate(
        der=certificate.public_bytes(Encoding.DER),
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        common_names=tuple(str(a.value) for a in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)),
        serial_number=certificate.serial_number,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        key=key,
        key_bits=bits,
        signature=_describe_signature(certificate),
        thumbprint_sha256=certificate.fingerprint(hashes.SHA256()).hex(),
        thumbprint_sha1=certificate.fingerprint(hashes.SHA1()).hex(),  # noqa: S303  shown beside SHA-256, never trusted
        subject_key_identifier=own_key.digest.hex() if own_key is not None else "",
        authority_key_identifier=(issuer_key.key_identifier or b"").hex() if issuer_key is not None else "",
        is_ca=constraints is not None and constraints.ca,
        has_basic_constraints=constraints is not None,
        path_length=constraints.path_length if constraints is not None else None,
        key_usage=_describe_key_usage(usage),
        extended_key_usage=tuple(_EKU_NAMES.get(o, o.dotted_string) for o in extended) if extended is not None else (),
        dns_names=tuple(n.value for n in general if isinstance(n, x509.DNSName)),
        uris=tuple(n.value for n in general if isinstance(n, x509.UniformResourceIdentifier)),
        ip_addresses=tuple(str(n.value) for n in general if isinstance(n, x509.IPAddress)),
        emails=tuple(n.value for n in general if isinstance(n, x509.RFC822Name)),
        is_self_issued=certificate.subject == certificate.issuer,
    )


def _extension(extensions: x509.Extensions, kind: type[T]) -> T | None:
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


_EKU_NAMES = {
    ExtendedKeyUsageOID.CLIENT_AUTH: "clientAuth",
    ExtendedKeyUsageOID.SERVER_AUTH: "serverAuth",
    ExtendedKeyUsageOID.CODE_SIGNING: "codeSigning",
    ExtendedKeyUsageOID.EMAIL_PROTECTION: "emailProtection",
    ExtendedKeyUsageOID.TIME_STAMPING: "timeStamping",
    ExtendedKeyUsageOID.OCSP_SIGNING: "OCSPSigning",
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE: "anyExtendedKeyUsage",
}
_KEY_USAGES = (
    ("digital_signature", "digitalSignature"),
    ("content_commitment", "nonRepudiation"),
    ("key_encipherment", "keyEncipherment"),
    ("data_encipherment", "dataEncipherment"),
    ("key_agreement", "keyAgreement"),
    ("key_cert_sign", "keyCertSign"),
    ("crl_sign", "cRLSign"),
)


def _describe_key_usage(usage: x509.KeyUsage | None) -> tuple[str, ...]:
    return tuple(name for field, name in _KEY_USAGES if getattr(usage, field)) if usage is not None else ()


def describe_key(certificate: x509.Certificate) -> tuple[str, int]:
    """The public key as people name it, and its size in bits: ("EC P-256", 256), ("RSA 2048", 2048)."""
    try:
        key = certificate.public_key()
    except UnsupportedAlgorithm:
        return f"unsupported ({certificate.public_key_algorithm_oid.dotted_string})", 0
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}", key.key_size
    if isinstance(key, ec.EllipticCurvePublicKey):
        name = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}.get(key.curve.name, key.curve.name)
        return f"EC {name}", key.curve.key_size
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "Ed25519", 256
    if isinstance(key, ed448.Ed448PublicKey):
        return "Ed448", 456
    if isinstance(key, dsa.DSAPublicKey):
        return f"DSA {key.key_size}", key.key_size
    return type(key).__name__, 0


def _describe_signature(certificate: x509.Certificate) -> str:
    oid = certificate.signature_algorithm_oid
    if oid in {SignatureAlgorithmOID.ED25519, SignatureAlgorithmOID.ED448}:
        return "Ed25519" if oid == SignatureAlgorithmOID.ED25519 else "Ed448"
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        algorithm = None
    if algorithm is None:
        return oid.dotted_string
    digest = algorithm.name.upper().replace("SHA", "SHA-").replace("SHA--", "SHA-")
    if oid == SignatureAlgorithmOID.RSASSA_PSS:
        return f"RSA-PSS with {digest}"
    family = "ECDSA" if "ecdsa" in oid._name.lower() else "DSA" if "dsa" in oid._name.lower() else "RSA"
    return f"{family} with {digest}"


def _describe_extension(extension: x509.Extension[x509.ExtensionType]) -> tuple[str, bool, str]:
    value = extension.value
    text: str
    if isinstance(value, x509.BasicConstraints):
        length = "" if value.path_length is None else f", path length {value.path_length}"
        text = ("CA" if value.ca else "not a CA") + length
    elif isinstance(value, x509.KeyUsage):
        text = ", ".join(_describe_key_usage(value))
    elif isinstance(value, x509.ExtendedKeyUsage):
        text = ", ".join(_EKU_NAMES.get(o, o.dotted_string) for o in value)
    elif isinstance(value, x509.SubjectKeyIdentifier):
        text = value.digest.hex()
    elif isinstance(value, x509.AuthorityKeyIdentifier):
        text = (value.key_identifier or b"").hex()
    elif isinstance(value, x509.SubjectAlternativeName | x509.IssuerAlternativeName):
        text = ", ".join(_describe_general_names(value))
    elif isinstance(value, x509.UnrecognizedExtension):
        text = f"{len(value.value)} bytes"
    else:
        text = ""
    name = extension.oid._name if extension.oid._name != "Unknown OID" else extension.oid.dotted_string
    return name, extension.critical, text


def _describe_general_names(names: Iterable[x509.GeneralName]) -> list[str]:
    kinds = {
        x509.DNSName: "DNS",
        x509.UniformResourceIdentifier: "URI",
        x509.IPAddress: "IP",
        x509.RFC822Name: "e-mail",
    }
    return [f"{kinds.get(type(n), type(n).__name__)}:{n.value}" for n in names]


def public_key_bytes(der: bytes) -> bytes:
    """The certificate's public key as SubjectPublicKeyInfo, for comparing keys; b"" when the kind is not known."""
    try:
        key = x509.load_der_x509_certificate(der).public_key()
        return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return b""
