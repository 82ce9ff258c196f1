"""One DER certificate → its facts. Pure: no Django, no I/O, no clock.

Sources: RFC 5280 (fields and extensions), RFC 4514 (names as text).
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
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


@dataclass(frozen=True, eq=False)
class Certificate:
    """The facts of one X.509 certificate. Times are aware UTC; thumbprints and key identifiers lower-case hex.

    Two are equal when their bytes are.
    """

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

    def __eq__(self, other: object) -> bool:
        return self.der == other.der if isinstance(other, Certificate) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.der)

    @cached_property
    def thumbprint_sha1(self) -> str:
        """Shown beside SHA-256, never compared."""
        return hashlib.sha1(self.der, usedforsecurity=False).hexdigest()

    @cached_property
    def subject_key(self) -> str:
        """The subject as it is compared with an issuer's name: RFC 5280 section 7.1, without case and double spaces."""
        return name_key(self.subject)

    @cached_property
    def issuer_key(self) -> str:
        """The issuer as it is compared with a subject."""
        return name_key(self.issuer)

    @cached_property
    def extensions(self) -> tuple[tuple[str, bool, str], ...]:
        """Every extension as (name, critical, text), in the certificate's order. Read when asked for."""
        return tuple(_describe_extension(e) for e in x509.load_der_x509_certificate(self.der).extensions)


def name_key(name: str) -> str:
    """The form in which issuer and subject are compared: RFC 5280 section 7.1, ignoring case and repeated spaces."""
    return " ".join(name.casefold().split())


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
        return _facts(der)
    except (
        ValueError,
        TypeError,
        OverflowError,
        UnsupportedAlgorithm,
        x509.InvalidVersion,
        x509.DuplicateExtension,
        x509.UnsupportedGeneralNameType,
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


def _facts(der: bytes) -> Certificate:
    certificate = x509.load_der_x509_certificate(der)
    key, bits = describe_key(certificate)
    subject, issuer = certificate.subject, certificate.issuer
    found = {type(extension.value): extension.value for extension in certificate.extensions}
    constraints = _value(found, x509.BasicConstraints)
    extended = _value(found, x509.ExtendedKeyUsage)
    own_key = _value(found, x509.SubjectKeyIdentifier)
    issuer_key = _value(found, x509.AuthorityKeyIdentifier)
    names = _names_by_kind(_value(found, x509.SubjectAlternativeName))
    return Certificate(
        der=der,
        subject=subject.rfc4514_string(),
        issuer=issuer.rfc4514_string(),
        common_names=tuple(str(a.value) for a in subject if a.oid == NameOID.COMMON_NAME),
        serial_number=certificate.serial_number,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        key=key,
        key_bits=bits,
        signature=_describe_signature(certificate),
        thumbprint_sha256=hashlib.sha256(der).hexdigest(),
        subject_key_identifier=own_key.digest.hex() if own_key is not None else "",
        authority_key_identifier=(issuer_key.key_identifier or b"").hex() if issuer_key is not None else "",
        is_ca=constraints is not None and constraints.ca,
        has_basic_constraints=constraints is not None,
        path_length=constraints.path_length if constraints is not None else None,
        key_usage=_describe_key_usage(_value(found, x509.KeyUsage)),
        extended_key_usage=tuple(_EKU_NAMES.get(o) or o.dotted_string for o in extended or ()),
        dns_names=tuple(names.get(x509.DNSName, ())),
        uris=tuple(names.get(x509.UniformResourceIdentifier, ())),
        ip_addresses=tuple(names.get(x509.IPAddress, ())),
        emails=tuple(names.get(x509.RFC822Name, ())),
        is_self_issued=subject == issuer,
    )


def _value(found: Mapping[type[x509.ExtensionType], x509.ExtensionType], kind: type[T]) -> T | None:
    value = found.get(kind)
    return value if isinstance(value, kind) else None


def _names_by_kind(names: x509.SubjectAlternativeName | None) -> dict[type[x509.GeneralName], list[str]]:
    found: dict[type[x509.GeneralName], list[str]] = {}
    for name in names or ():
        found.setdefault(type(name), []).append(str(name.value))
    return found


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


_CURVE_NAMES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
# The usual ones, so that they need not be worked out for each certificate.
_SIGNATURES = {
    SignatureAlgorithmOID.ECDSA_WITH_SHA256: "ECDSA with SHA-256",
    SignatureAlgorithmOID.ECDSA_WITH_SHA384: "ECDSA with SHA-384",
    SignatureAlgorithmOID.RSA_WITH_SHA256: "RSA with SHA-256",
    SignatureAlgorithmOID.ED25519: "Ed25519",
    SignatureAlgorithmOID.ED448: "Ed448",
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
        bits = key.key_size
        return f"RSA {bits}", bits
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "Ed25519", 256
    if isinstance(key, ed448.Ed448PublicKey):
        return "Ed448", 456
    if isinstance(key, dsa.DSAPublicKey):
        return f"DSA {key.key_size}", key.key_size
    return type(key).__name__, 0


def _describe_signature(certificate: x509.Certificate) -> str:
    oid = certificate.signature_algorithm_oid
    if oid in _SIGNATURES:
        return _SIGNATURES[oid]
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
