"""One DER certificate → its facts. Pure: no Django, no I/O, no clock.

Sources: RFC 5280 (fields and extensions), RFC 4514 (names as text).
"""

import hashlib
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any, Final, Generic, Self, TypeVar, overload

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from certificates.x509.algorithms import describe_key, describe_signature
from certificates.x509.der_outline import Outline, plain_common_name, read_outline, usual_rsa_bits

MAX_CERTIFICATE_BYTES = 65_536
MAX_PARTS = 1000  # object identifiers, and names in one extension: each becomes objects a hundred times its size
NEXT_CA = "Bring the CA certificate that signed the client certificates, as a .pem, .cer or .crt file."

T = TypeVar("T", bound=x509.ExtensionType)
R = TypeVar("R")


class DecodingError(ValueError):
    """What was brought cannot be used.

    `code` is stable and for machines, `sentence` says what it is, `next_step` what to do.
    """

    def __init__(self, code: str, sentence: str, next_step: str = "") -> None:
        super().__init__(f"{sentence} {next_step}".strip())
        self.code = code
        self.sentence = sentence
        self.next_step = next_step


_KINDS_READ = frozenset(
    {
        x509.BasicConstraints,
        x509.KeyUsage,
        x509.ExtendedKeyUsage,
        x509.SubjectKeyIdentifier,
        x509.AuthorityKeyIdentifier,
        x509.SubjectAlternativeName,
    }
)


class _Lazy(Generic[R]):
    """A fact that is worked out when first asked for. `cached_property` takes a lock for each, which costs more than most."""

    def __init__(self, read: Callable[[Any], R]) -> None:
        self._read = read
        self._name = read.__name__
        self.__doc__ = read.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type) -> R: ...
    def __get__(self, instance: object | None, owner: type) -> Self | R:
        if instance is None:
            return self
        value = instance.__dict__[self._name] = self._read(instance)
        return value


class Certificate:
    """The facts of one X.509 certificate, made by `load_certificate`. Nothing changes them.

    Times are aware UTC; thumbprints and key identifiers lower-case hex. Two are equal when their bytes are. Everything
    that could be damaged has been read before one of these exists; the other facts are put into words when asked for.
    """

    common_names: tuple[str, ...]

    def __init__(self, der: bytes, parsed: x509.Certificate, outline: Outline) -> None:
        self.der: Final = der
        # The parsed certificate is not kept: it would hold on to every object of every extension.
        self._extensions: dict[type[x509.ExtensionType], x509.ExtensionType] = {}
        for extension in parsed.extensions:
            value = extension.value
            if (kind := type(value)) in _KINDS_READ:
                self._extensions[kind] = value
        if len(der) > MAX_PARTS:
            self._refuse_many_parts()
        self.subject: Final = self._read_subject(parsed, outline.subject)
        self.issuer, self.issuer_key = _issuer_name(parsed, outline.issuer)
        self.not_before: Final = parsed.not_valid_before_utc
        self.not_after: Final = parsed.not_valid_after_utc
        bits = usual_rsa_bits(outline.key)
        self.key, self.key_bits = (f"RSA {bits}", bits) if bits else describe_key(parsed)
        self.signature: Final = describe_signature(parsed, outline.signature_algorithm)

    def __eq__(self, other: object) -> bool:
        return self.der == other.der if isinstance(other, Certificate) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.der)

    def __repr__(self) -> str:
        return f"<Certificate {self.subject}>"

    def _read_subject(self, parsed: x509.Certificate, der: bytes) -> str:
        """As text. One plain common name, as most clients have, is read from its bytes: the library makes five objects of it."""
        name = plain_common_name(der)
        if name:
            self.common_names = (name,)
            return f"CN={name}"
        subject = parsed.subject
        self.common_names = tuple(str(a.value) for a in subject if a.oid == NameOID.COMMON_NAME)
        return subject.rfc4514_string()

    def _refuse_many_parts(self) -> None:
        names = self._value(x509.SubjectAlternativeName) or ()
        identifier = self._value(x509.AuthorityKeyIdentifier)
        issuers = (identifier.authority_cert_issuer if identifier is not None else None) or ()
        if len(names) > MAX_PARTS or len(issuers) > MAX_PARTS:
            raise _too_many_parts()

    def _value(self, kind: type[T]) -> T | None:
        value = self._extensions.get(kind)
        return value if isinstance(value, kind) else None

    @_Lazy
    def thumbprint_sha256(self) -> str:
        return hashlib.sha256(self.der).hexdigest()

    @_Lazy
    def thumbprint_sha1(self) -> str:
        """Shown beside SHA-256, never compared."""
        return hashlib.sha1(self.der, usedforsecurity=False).hexdigest()

    @_Lazy
    def serial_number(self) -> int:
        return x509.load_der_x509_certificate(self.der).serial_number

    @_Lazy
    def subject_key(self) -> str:
        """The subject as it is compared with an issuer's name: RFC 5280 section 7.1, without case and double spaces."""
        return name_key(self.subject)

    @_Lazy
    def is_self_issued(self) -> bool:
        parsed = x509.load_der_x509_certificate(self.der)
        return parsed.subject == parsed.issuer

    @_Lazy
    def subject_key_identifier(self) -> str:
        value = self._value(x509.SubjectKeyIdentifier)
        return value.digest.hex() if value is not None else ""

    @_Lazy
    def authority_key_identifier(self) -> str:
        value = self._value(x509.AuthorityKeyIdentifier)
        return (value.key_identifier or b"").hex() if value is not None else ""

    @_Lazy
    def has_basic_constraints(self) -> bool:
        return x509.BasicConstraints in self._extensions

    @_Lazy
    def is_ca(self) -> bool:
        constraints = self._value(x509.BasicConstraints)
        return constraints is not None and constraints.ca

    @_Lazy
    def path_length(self) -> int | None:
        constraints = self._value(x509.BasicConstraints)
        return constraints.path_length if constraints is not None else None

    @_Lazy
    def key_usage(self) -> tuple[str, ...]:
        """Names such as "keyCertSign"."""
        return _describe_key_usage(self._value(x509.KeyUsage))

    @_Lazy
    def extended_key_usage(self) -> tuple[str, ...]:
        """Names such as "clientAuth"; where there is none, the number with dots."""
        usages = self._value(x509.ExtendedKeyUsage)
        return tuple([_EKU_NAMES.get(o) or o.dotted_string for o in usages or ()])

    @_Lazy
    def _alternative_names(self) -> dict[type[x509.GeneralName], list[str]]:
        found: dict[type[x509.GeneralName], list[str]] = {}
        for name in self._value(x509.SubjectAlternativeName) or ():
            found.setdefault(type(name), []).append(str(name.value))
        return found

    @_Lazy
    def dns_names(self) -> tuple[str, ...]:
        return tuple(self._alternative_names.get(x509.DNSName, ()))

    @_Lazy
    def uris(self) -> tuple[str, ...]:
        return tuple(self._alternative_names.get(x509.UniformResourceIdentifier, ()))

    @_Lazy
    def ip_addresses(self) -> tuple[str, ...]:
        return tuple(self._alternative_names.get(x509.IPAddress, ()))

    @_Lazy
    def emails(self) -> tuple[str, ...]:
        return tuple(self._alternative_names.get(x509.RFC822Name, ()))

    @_Lazy
    def extensions(self) -> tuple[tuple[str, bool, str], ...]:
        """Every extension as (name, critical, text), in the certificate's order."""
        return tuple(_describe_extension(e) for e in x509.load_der_x509_certificate(self.der).extensions)


def name_key(name: str) -> str:
    """The form in which issuer and subject are compared: RFC 5280 section 7.1, ignoring case and repeated spaces."""
    return " ".join(name.casefold().split())


def load_certificate(der: bytes) -> Certificate:
    """The facts of one DER certificate. Raises `DecodingError` with the code `broken-certificate`."""
    if len(der) > MAX_CERTIFICATE_BYTES:
        raise DecodingError(
            "broken-certificate", "This certificate is larger than 64 KB, the most that is read.", NEXT_CA
        )
    if len(der) > MAX_PARTS and der.count(b"\x06") > MAX_PARTS:
        raise _too_many_parts()
    outline = read_outline(der)
    if not outline.serial_number_is_positive:
        raise DecodingError(
            "broken-certificate",
            "This certificate's serial number is zero or negative, which RFC 5280 forbids.",
            "Issue the certificate again with a positive serial number.",
        )
    try:
        return Certificate(der, x509.load_der_x509_certificate(der), outline)
    except DecodingError:
        raise
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


def _too_many_parts() -> DecodingError:
    return DecodingError(
        "broken-certificate",
        f"This certificate is made of more than {MAX_PARTS:,} names or other parts, which no certificate needs.",
        "Issue it again with the names that it is for.",
    )


_MAX_KNOWN_ISSUERS, _MAX_KNOWN_ISSUER_BYTES = 512, 512
_known_issuers: dict[bytes, tuple[str, str]] = {}


def _issuer_name(parsed: x509.Certificate, issuer_der: bytes) -> tuple[str, str]:
    """The issuer as text, and as it is compared with a subject.

    Remembered by its bytes: a namespace's clients have few issuers. What strangers bring cannot fill the memory.
    """
    known = _known_issuers.get(issuer_der)
    if known is None:
        name = plain_common_name(issuer_der)
        text = f"CN={name}" if name else parsed.issuer.rfc4514_string()
        known = (text, name_key(text))
        if 0 < len(issuer_der) <= _MAX_KNOWN_ISSUER_BYTES:
            if len(_known_issuers) >= _MAX_KNOWN_ISSUERS:
                _known_issuers.clear()
            _known_issuers[issuer_der] = known
    return known


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
    """Alternative names as people read them: "DNS:plant.example"."""
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
    """The certificate's public key as SubjectPublicKeyInfo, for comparing keys; b"" when the kind is not known."""
    try:
        key = x509.load_der_x509_certificate(der).public_key()
        return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return b""
