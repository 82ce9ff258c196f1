"""Facts about one X.509 certificate. Pure.

Sources: RFC 5280 (fields and extensions), RFC 4514 (names as text).
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, lru_cache
from operator import attrgetter
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from certificates.x509 import repairs
from certificates.x509.algorithms import describe_key, describe_signature
from certificates.x509.parsing import LIBRARY_ERRORS, DecodingError, damaged, extensions_of, library_view

MAX_CERTIFICATE_BYTES = 65_536
MAX_PARTS = 1000  # object identifiers, and names in one extension: each becomes objects a hundred times its size
NEXT_CA = "Choose the CA certificate that signed the client certificates, as a .pem, .cer or .crt file."

NO_EXPIRY_YEAR = 9999
_EXPLICIT_CURVE = bytes.fromhex(
    "06072a8648ce3d020130"
)  # the algorithm of EC keys, and a sequence instead of a curve's name

__all__ = [
    "Certificate",
    "DecodingError",
    "load_certificate",
    "name_key",
]

T = TypeVar("T", bound=x509.ExtensionType)

_EXTENSIONS_KEPT = frozenset(
    {
        x509.BasicConstraints,
        x509.KeyUsage,
        x509.ExtendedKeyUsage,
        x509.SubjectKeyIdentifier,
        x509.AuthorityKeyIdentifier,
        x509.SubjectAlternativeName,
    }
)


@dataclass(frozen=True)
class Certificate:
    """The facts of one X.509 certificate, as `load_certificate` returns them. Two are equal when their DER is.

    `subject` and `issuer` are RFC 4514 text; `common_names`, the subject's, are in its order. `not_before` and
    `not_after` are aware UTC datetimes. `key` is a name such as "EC P-256" or "RSA 2048" and `key_bits` its size;
    `signature` is a name such as "ECDSA with SHA-256". Thumbprints and key identifiers are lower-case hex; an identifier
    that the certificate does not have is "". Lists that it does not have are empty tuples.
    """

    der: bytes = field(repr=False)
    subject: str = field(compare=False)
    issuer: str = field(compare=False, repr=False)
    common_names: tuple[str, ...] = field(compare=False, repr=False)
    serial_number: int = field(compare=False, repr=False)
    not_before: datetime = field(compare=False, repr=False)
    not_after: datetime = field(compare=False, repr=False)
    key: str = field(compare=False, repr=False)
    key_bits: int = field(compare=False, repr=False)
    signature: str = field(compare=False, repr=False)
    _extensions: Mapping[type[x509.ExtensionType], x509.ExtensionType] = field(compare=False, repr=False)

    def _extension(self, kind: type[T]) -> T | None:
        value = self._extensions.get(kind)
        return value if isinstance(value, kind) else None

    @cached_property
    def thumbprint_sha256(self) -> str:
        return hashlib.sha256(self.der).hexdigest()

    @cached_property
    def thumbprint_sha1(self) -> str:
        """Shown beside SHA-256, never compared."""
        return hashlib.sha1(self.der, usedforsecurity=False).hexdigest()

    @cached_property
    def subject_key(self) -> str:
        """The subject in the form of `name_key`."""
        return name_key(self.subject)

    @cached_property
    def issuer_key(self) -> str:
        """The issuer in the form of `name_key`."""
        return name_key(self.issuer)

    @cached_property
    def is_self_issued(self) -> bool:
        return self.subject_key == self.issuer_key

    @property
    def has_odd_serial_number(self) -> bool:
        """Whether it is zero or negative, which RFC 5280 forbids CAs and asks programs to accept (section 4.1.2.2)."""
        return self.serial_number <= 0

    @property
    def never_expires(self) -> bool:
        """Whether its last day is that of certificates without a defined expiry (RFC 5280 section 4.1.2.5)."""
        return self.not_after.year >= NO_EXPIRY_YEAR

    @cached_property
    def authority_serial_number(self) -> int | None:
        """The serial number of the issuer's certificate, where the authority key identifier states it."""
        value = self._extension(x509.AuthorityKeyIdentifier)
        return value.authority_cert_serial_number if value is not None else None

    @cached_property
    def authority_issuer(self) -> str:
        """The issuer of the issuer's certificate, where the authority key identifier states it, else ""."""
        value = self._extension(x509.AuthorityKeyIdentifier)
        names = (value.authority_cert_issuer if value is not None else None) or ()
        return next((name.value.rfc4514_string() for name in names if isinstance(name, x509.DirectoryName)), "")

    @cached_property
    def subject_emails(self) -> tuple[str, ...]:
        """E-mail addresses in the subject, which no validation scheme compares."""
        names = library_view(self.der).subject.get_attributes_for_oid(NameOID.EMAIL_ADDRESS)
        return tuple(str(name.value) for name in names)

    @cached_property
    def subject_key_identifier(self) -> str:
        value = self._extension(x509.SubjectKeyIdentifier)
        return value.digest.hex() if value is not None else ""

    @cached_property
    def authority_key_identifier(self) -> str:
        value = self._extension(x509.AuthorityKeyIdentifier)
        return (value.key_identifier or b"").hex() if value is not None else ""

    @property
    def has_basic_constraints(self) -> bool:
        return x509.BasicConstraints in self._extensions

    @cached_property
    def is_ca(self) -> bool:
        constraints = self._extension(x509.BasicConstraints)
        return constraints is not None and constraints.ca

    @property
    def path_length(self) -> int | None:
        constraints = self._extension(x509.BasicConstraints)
        return constraints.path_length if constraints is not None else None

    @cached_property
    def key_usage(self) -> tuple[str, ...]:
        """Names such as "keyCertSign"."""
        return _describe_key_usage(self._extension(x509.KeyUsage))

    @cached_property
    def extended_key_usage(self) -> tuple[str, ...]:
        """Names such as "clientAuth"; a usage without a name as its dotted number."""
        usages = self._extension(x509.ExtendedKeyUsage)
        return tuple(_EKU_NAMES.get(o) or o.dotted_string for o in usages or ())

    @property
    def allows_clients(self) -> bool:
        """Whether its extended key usage allows client authentication."""
        usages = self.extended_key_usage
        return not usages or "clientAuth" in usages or "anyExtendedKeyUsage" in usages

    @cached_property
    def _alternative_names(self) -> Mapping[type[x509.GeneralName], list[str]]:
        found: dict[type[x509.GeneralName], list[str]] = {}
        for name in self._extension(x509.SubjectAlternativeName) or ():
            found.setdefault(type(name), []).append(str(name.value))
        return found

    @cached_property
    def dns_names(self) -> tuple[str, ...]:
        return tuple(self._alternative_names.get(x509.DNSName, ()))

    @cached_property
    def uris(self) -> tuple[str, ...]:
        return tuple(self._alternative_names.get(x509.UniformResourceIdentifier, ()))

    @cached_property
    def ip_addresses(self) -> tuple[str, ...]:
        return tuple(self._alternative_names.get(x509.IPAddress, ()))

    @cached_property
    def emails(self) -> tuple[str, ...]:
        return tuple(self._alternative_names.get(x509.RFC822Name, ()))

    @cached_property
    def extensions(self) -> tuple[tuple[str, bool, str], ...]:
        """Every extension as (name, critical, text), in the certificate's order."""
        return tuple(_describe_extension(e) for e in extensions_of(self.der))


_NAME_PART = re.compile(r"\\(?P<escaped>.)|(?P<separator>[,+])|[^\\,+]+|\\\Z", re.DOTALL)


def name_key(name: str) -> str:
    """Return the form in which issuer and subject are compared: case-folded, without blanks at the ends of a value, and with
    single ones inside (RFC 5280 section 7.1).

    Arguments: `name`, as RFC 4514 writes it. Only there, a value with a blank at an end has a backslash.
    """
    folded = name.casefold()
    if "\\" not in folded:
        return " ".join(folded.split())
    pairs = (pair.partition("=") for pair in _NAME_PART.sub(_name_part, folded).split("\0"))
    return "".join(f"{kind}{equals}{' '.join(value.split())}" for kind, equals, value in pairs)


def name_mark(name: str) -> str:
    """Return a short mark of a name, equal for names that `name_key` makes equal: 16 characters of its hash."""
    return hashlib.sha256(name_key(name).encode()).hexdigest()[:16]


def _name_part(found: re.Match[str]) -> str:
    if found["separator"]:
        return f"\0{found[0]}"
    escaped = found["escaped"]
    return found[0] if escaped is None else " " if escaped == " " else f"\\{escaped}"


def load_certificate(der: bytes) -> Certificate:
    """Return the facts of one DER certificate.

    Raises `DecodingError` with the code `broken-certificate`, also for more than `MAX_CERTIFICATE_BYTES`, for more than
    `MAX_PARTS` names, and where a used part cannot be read.
    """
    if len(der) > MAX_CERTIFICATE_BYTES:
        raise DecodingError(
            "broken-certificate",
            "This certificate is larger than 64 KB, the maximum that is read.",
            NEXT_CA,
            detail="too-large",
        )
    if len(der) > MAX_PARTS and der.count(b"\x06") > MAX_PARTS:
        raise _too_many_parts()
    try:
        return _facts(der, x509.load_der_x509_certificate(der))
    except DecodingError:
        raise
    except LIBRARY_ERRORS:
        pass
    try:
        return _facts(der, library_view(der))
    except DecodingError:
        raise
    except LIBRARY_ERRORS:
        raise damaged(der) from None


def _facts(der: bytes, parsed: x509.Certificate) -> Certificate:
    """Read everything that can fail now. `parsed` is not kept: it would hold on to every object of every extension."""
    extensions = {type(e.value): e.value for e in parsed.extensions if type(e.value) in _EXTENSIONS_KEPT}
    subject = parsed.subject
    key, key_bits = describe_key(parsed, has_explicit_curve=_has_explicit_curve(der))
    certificate = Certificate(
        der=der,
        subject=subject.rfc4514_string(),
        issuer=parsed.issuer.rfc4514_string(),
        common_names=tuple(str(name.value) for name in subject.get_attributes_for_oid(NameOID.COMMON_NAME)),
        serial_number=parsed.serial_number,
        not_before=parsed.not_valid_before_utc,
        not_after=parsed.not_valid_after_utc,
        key=key,
        key_bits=key_bits,
        signature=describe_signature(parsed),
        _extensions=extensions,
    )
    if len(der) > MAX_PARTS:
        _check_number_of_parts(certificate)
    return certificate


def _has_explicit_curve(der: bytes) -> bool:
    return _EXPLICIT_CURVE in der and repairs.has_explicit_curve(repairs.parts_of(der).public_key)


def _check_number_of_parts(certificate: Certificate) -> None:
    names = certificate._extension(x509.SubjectAlternativeName) or ()
    identifier = certificate._extension(x509.AuthorityKeyIdentifier)
    issuers = (identifier.authority_cert_issuer if identifier is not None else None) or ()
    if len(names) > MAX_PARTS or len(issuers) > MAX_PARTS:
        raise _too_many_parts()


def _too_many_parts() -> DecodingError:
    return DecodingError(
        "broken-certificate",
        f"This certificate has more than {MAX_PARTS:,} names or other parts, which no certificate needs.",
        "Issue it again with only the names it needs.",
        detail="too-many-parts",
    )


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
    (attrgetter("digital_signature"), "digitalSignature"),
    (attrgetter("content_commitment"), "nonRepudiation"),
    (attrgetter("key_encipherment"), "keyEncipherment"),
    (attrgetter("data_encipherment"), "dataEncipherment"),
    (attrgetter("key_agreement"), "keyAgreement"),
    (attrgetter("key_cert_sign"), "keyCertSign"),
    (attrgetter("crl_sign"), "cRLSign"),
)


def _describe_key_usage(usage: x509.KeyUsage | None) -> tuple[str, ...]:
    return tuple([name for is_set, name in _KEY_USAGES if is_set(usage)]) if usage is not None else ()


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
        text = ", ".join(describe_general_names(value))
    elif isinstance(value, x509.UnrecognizedExtension):
        text = f"{len(value.value)} bytes"
    else:
        text = ""
    name = extension.oid._name if extension.oid._name != "Unknown OID" else extension.oid.dotted_string
    return name, extension.critical, text


def describe_general_names(names: Iterable[x509.GeneralName]) -> list[str]:
    """Return alternative names with their kind, such as "DNS:plant.example"."""
    kinds = {
        x509.DNSName: "DNS",
        x509.UniformResourceIdentifier: "URI",
        x509.IPAddress: "IP",
        x509.RFC822Name: "e-mail",
    }
    return [f"{kinds.get(type(n), type(n).__name__)}:{_name_value(n)}" for n in names]


def _name_value(name: x509.GeneralName) -> str:
    return name.value.rfc4514_string() if isinstance(name, x509.DirectoryName) else str(name.value)


def public_key_bytes(der: bytes) -> bytes:
    """Return the public key as SubjectPublicKeyInfo, to compare keys; b"" for an unsupported kind."""
    try:
        key = library_view(der).public_key()
        return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return b""


@lru_cache(maxsize=256)
def public_key_hash(der: bytes) -> str:
    """Return the SHA-256 of the public key (SubjectPublicKeyInfo) as lower-case hex; "" for an unsupported kind.

    Two CA certificates with one key have the same, whatever their names. Cached, because every connection asks about the same few.
    """
    key = public_key_bytes(der)
    return hashlib.sha256(key).hexdigest() if key else ""
