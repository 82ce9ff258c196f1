"""Bytes that people bring → facts about certificates. Pure: no Django, no I/O, no clock.

Sources: RFC 5280 (fields and extensions), RFC 7468 (textual encodings), RFC 4514 (names as text), OpenSSH PROTOCOL.key,
RFC 7292 (PKCS#12), RFC 2315 (PKCS#7).
"""

import base64
import binascii
import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, SignatureAlgorithmOID

MAX_UPLOAD_BYTES = 1_048_576
MAX_CERTIFICATES = 50
MAX_CERTIFICATE_BYTES = 65_536


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
    extensions: tuple[tuple[str, bool, str], ...]


_EXPOSED = (
    "Treat this key as exposed: make a new key and certificate, and stop using this one. Nothing of the file was kept."
)
T = TypeVar("T", bound=x509.ExtensionType)
_KEY_MARKERS = re.compile(rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----|PuTTY-User-Key-File-|-----BEGIN PGP PRIVATE")
_PEM_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----(.*?)-----END \1-----", re.DOTALL)
_BASE64 = re.compile(rb"[A-Za-z0-9+/=\s]+\Z")
_NEXT_CA = "Bring the CA certificate that signed the client certificates, as a .pem, .cer or .crt file."


def read_upload(data: bytes) -> tuple[Certificate, ...]:
    """Read what a person uploaded or pasted.

    Arguments: `data`, the raw bytes of a file or of pasted text: PEM (any line breaks or none), bare base64 or DER.
    Returns the certificates in the order of the file. Raises `DecodingError`; a private key in any container is
    recognised before anything else is parsed.
    """
    if len(data) > MAX_UPLOAD_BYTES:
        raise DecodingError("too-large", "This file is larger than 1 MB, so it is no certificate.", _NEXT_CA)
    if not data.strip():
        raise DecodingError("empty", "This file is empty.", _NEXT_CA)
    _refuse_private_key(data)
    if data[:1] == b"\x30":
        return (_load_der_upload(data),)
    text = _as_ascii_text(data)
    if b"\\n" in text:  # copied out of JSON: line breaks as backslash and n
        text = text.replace(b"\\r", b"").replace(b"\\n", b"\n")
    if b"\x00" in text and b"-----BEGIN" not in text:
        raise DecodingError("binary", "This is a binary file, but no certificate.", _NEXT_CA)
    if b"\x00" in text:
        raise DecodingError("nul-byte", "This file holds zero bytes inside its text, so it is damaged.", _NEXT_CA)
    blocks = _PEM_BLOCK.findall(text)
    if blocks:
        return _load_pem_blocks(blocks)
    return _load_without_markers(text)


def _as_ascii_text(data: bytes) -> bytes:
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return data.decode(encoding, "replace").encode("utf-8", "replace")
    return data


def _refuse_private_key(data: bytes) -> None:
    """Recognise a private key in PEM, OpenSSH, PuTTY, PKCS#1, SEC1, PKCS#8, PKCS#12, and the same as bare base64."""
    views = [data, _as_ascii_text(data), data.replace(b"\\n", b"\n")]
    if any(_KEY_MARKERS.search(view) for view in views) or data.startswith(b"openssh-key-v1\x00"):
        raise DecodingError("private-key", "This file holds a private key.", _EXPOSED)
    candidates = [data] if data[:1] == b"\x30" else []
    text = _as_ascii_text(data)
    candidates += [der for _, body in _PEM_BLOCK.findall(text)[:MAX_CERTIFICATES] if (der := _unbase64(body))]
    if not candidates and _BASE64.match(text) and (der := _unbase64(text)):
        candidates.append(der)
    for der in candidates:
        if der.startswith(b"openssh-key-v1\x00"):
            raise DecodingError("private-key", "This file holds a private key.", _EXPOSED)
        kind = _key_container(der)
        if kind:
            raise DecodingError("private-key", f"This file holds a private key ({kind}).", _EXPOSED)


def _tlv(data: bytes, at: int = 0) -> tuple[int, int, int] | None:
    """Tag, start and end of the value of one DER element at `at`, or None when it does not fit."""
    if at + 2 > len(data):
        return None
    tag, length, start = data[at], data[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        if count == 0:
            return tag, start, len(data)  # BER, indefinite: PKCS#12 files of some tools
        if count > 4 or start + count > len(data):
            return None
        length = int.from_bytes(data[start : start + count], "big")
        start += count
    return (tag, start, start + length) if start + length <= len(data) else None


def _key_container(der: bytes) -> str:
    """Name the kind of private-key container by the shape of its first elements, without parsing the key itself."""
    outer = _tlv(der)
    if outer is None or outer[0] != 0x30:
        return ""
    first = _tlv(der, outer[1])
    if first is None:
        return ""
    tag, start, end = first
    second = _tlv(der, end)
    if tag == 0x02 and second is not None:
        version = int.from_bytes(der[start:end], "big") if end - start <= 2 else -1
        if version == 3 and second[0] == 0x30:
            return "PKCS#12"
        if version in (0, 1) and second[0] == 0x30:
            return "PKCS#8"
        if version in (0, 1) and second[0] == 0x02:
            return "PKCS#1"
        if version == 1 and second[0] == 0x04:
            return "SEC1"
    # EncryptedPrivateKeyInfo: SEQUENCE { AlgorithmIdentifier with a PKCS#5/PKCS#12 OID, OCTET STRING }
    if tag == 0x30 and second is not None and second[0] == 0x04 and second[2] == outer[2]:
        oid = _tlv(der, start)
        if (
            oid is not None
            and oid[0] == 0x06
            and der[oid[1] : oid[2]].startswith(
                (bytes.fromhex("2a864886f70d0105"), bytes.fromhex("2a864886f70d010c01"))
            )
        ):
            return "encrypted PKCS#8"
    return ""


def _unbase64(body: bytes) -> bytes:
    """Base64 without its white space and header lines, or b"" when it is none."""
    lines = [line for line in body.replace(b"\r", b"\n").split(b"\n") if b":" not in line]
    packed = b"".join(b"".join(lines).split())
    try:
        return base64.b64decode(packed + b"=" * (-len(packed) % 4), validate=True)
    except binascii.Error:
        return b""


def _load_pem_blocks(blocks: list[tuple[bytes, bytes]]) -> tuple[Certificate, ...]:
    if len(blocks) > MAX_CERTIFICATES:
        raise DecodingError(
            "too-many-certificates",
            f"This file holds more than {MAX_CERTIFICATES} certificates.",
            "Bring only the CA certificate that signed the clients.",
        )
    found: list[Certificate] = []
    others: list[str] = []
    for label, body in blocks:
        name = label.decode("ascii")
        if name in {"CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"}:
            der = _unbase64(body)
            if not der:
                raise DecodingError(
                    "broken-certificate",
                    "The text between BEGIN CERTIFICATE and END CERTIFICATE is not base64.",
                    "It was probably cut or changed when it was copied. Copy the whole file again.",
                )
            if name == "TRUSTED CERTIFICATE" and (element := _tlv(der)) is not None:
                der = der[: element[2]]
            found.append(load_certificate(der))
        else:
            others.append(name)
    if found:
        return tuple(found)
    raise _other_block(others[0])


def _other_block(name: str) -> DecodingError:
    if "CERTIFICATE REQUEST" in name:
        return DecodingError(
            "csr", "This is a certificate signing request, not a certificate.", "Bring what your CA answered to it."
        )
    if "PUBLIC KEY" in name:
        return DecodingError("public-key", "This is a public key, not a certificate.", _NEXT_CA)
    if name in {"PKCS7", "CMS"}:
        return _pkcs7()
    return DecodingError("not-a-certificate", f"This is a PEM file, but it holds {name.lower()}.", _NEXT_CA)


def _pkcs7() -> DecodingError:
    return DecodingError(
        "pkcs7",
        "This is a PKCS#7 bundle (.p7b), which Azure does not take.",
        "Convert it with: openssl pkcs7 -print_certs -in FILE (add -inform DER for a binary one). "
        "Then bring the CA certificate.",
    )


def _load_der_upload(data: bytes) -> Certificate:
    element = _tlv(data)
    if element is None:
        raise DecodingError(
            "broken-certificate", "This binary file ends before its certificate does.", "Copy the whole file again."
        )
    if b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07" in data[:24]:
        raise _pkcs7()
    der = data[: element[2]]
    try:
        return load_certificate(der)
    except DecodingError as error:
        for load, name in (
            (x509.load_der_x509_csr, "CERTIFICATE REQUEST"),
            (_load_der_public_key, "PUBLIC KEY"),
        ):
            if _loads(load, der):
                raise _other_block(name) from None
        raise error from None


def _load_der_public_key(der: bytes) -> object:
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    return load_der_public_key(der)


def _loads(load: Callable[[bytes], object], der: bytes) -> bool:
    try:
        load(der)
    except (ValueError, UnsupportedAlgorithm):
        return False
    return True


def _load_without_markers(text: bytes) -> tuple[Certificate, ...]:
    if b"-----BEGIN CERTIFICATE" in text or b"-----END CERTIFICATE" in text:
        raise DecodingError(
            "broken-certificate",
            "The BEGIN CERTIFICATE and END CERTIFICATE lines do not both stand in this text.",
            "It was probably cut when it was copied. Copy the whole file again.",
        )
    if re.match(rb"\s*<(!doctype|html|\?xml|head|body)", text[:512], re.IGNORECASE):
        raise DecodingError(
            "html", "This is a web page, not a certificate.", "Download the certificate file itself and bring that."
        )
    if _BASE64.match(text):
        der = _unbase64(text)
        if der[:1] == b"\x30":
            return (_load_der_upload(der),)
    if any(byte < 9 or 13 < byte < 32 for byte in text[:4096]):
        raise DecodingError("binary", "This is a binary file, but no certificate.", _NEXT_CA)
    raise DecodingError("not-a-certificate", "There is no certificate in this text.", _NEXT_CA)


def load_certificate(der: bytes) -> Certificate:
    """The facts of one DER certificate. Raises `DecodingError` with the code `broken-certificate`."""
    broken = DecodingError(
        "broken-certificate", "This certificate is damaged and cannot be read.", "Export or copy it again."
    )
    if len(der) > MAX_CERTIFICATE_BYTES:
        raise DecodingError(
            "broken-certificate", "This certificate is larger than 64 KB, which no CA certificate is.", _NEXT_CA
        )
    try:
        certificate = x509.load_der_x509_certificate(der)
        return _facts(certificate)
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion, OverflowError) as error:
        if isinstance(error, DecodingError):
            raise
        raise broken from None


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
        extensions=tuple(_describe_extension(e) for e in extensions),
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


def to_pem(der: bytes) -> str:
    """PEM with 64 columns (RFC 7468), as shown and downloaded."""
    body = base64.b64encode(der).decode("ascii")
    lines = [body[i : i + 64] for i in range(0, len(body), 64)]
    return "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""])


def to_azure_pem(der: bytes) -> str:
    """PEM without line breaks, as the guide sends it to Azure. This is the one place that decides."""
    return f"-----BEGIN CERTIFICATE-----{base64.b64encode(der).decode('ascii')}-----END CERTIFICATE-----"


def from_azure_pem(text: str) -> bytes:
    """DER of the one certificate in Azure's `encodedCertificate`, in whatever notation. Raises `DecodingError`."""
    certificates = read_upload(text.encode("utf-8", "replace"))
    if len(certificates) != 1:
        raise DecodingError("several-certificates", f"There are {len(certificates)} certificates where one belongs.")
    return certificates[0].der


def normalize_thumbprint(text: str) -> str:
    """64 lower-case hex digits from any notation: colons, spaces, dashes, upper case, a leading "SHA256 Fingerprint=".

    Raises `DecodingError`, naming SHA-1 when that is what was pasted.
    """
    value = unicodedata.normalize("NFKC", text).strip().rpartition("=")[2].strip()
    value = re.sub(r"(?i)^sha-?256[: ]", "", value)
    value = "".join(c for c in value if c not in ":- \t\r\n" and unicodedata.category(c) != "Cf").lower()
    if re.fullmatch(r"[0-9a-f]{64}", value):
        return value
    if re.fullmatch(r"[0-9a-f]{40}", value):
        raise DecodingError(
            "thumbprint-sha1",
            "This is a SHA-1 thumbprint (40 digits).",
            "Azure compares SHA-256: take the 64 hex digits of `step certificate fingerprint` "
            "or `openssl x509 -fingerprint -sha256`.",
        )
    raise DecodingError(
        "thumbprint-format", "A thumbprint is 64 hex digits (SHA-256).", "Paste it with or without colons and spaces."
    )
