"""Make certificates readable of which the library refuses a part that nothing uses. Pure.

The library is strict about text and about every extension. `readable_copy` returns a copy for it, with names as UTF-8 and
without the extensions that nothing here uses. Only facts are read from the copy: thumbprints, signatures and OpenSSL's
verification always use the original. Sources: X.690 (DER), RFC 5280 sections 4.1.2.4 (names) and 4.2 (extensions), RFC 4514
section 2.4 (values that are not text).
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from certificates.x509.containers import read_element

MAX_ELEMENTS = 5000

SEQUENCE, SET, OCTETS, UTF8, BOOLEAN = 0x30, 0x31, 0x04, 0x0C, 0x01
_UTF_16, _UTF_32 = 0x1E, 0x1C
_TEXT = {
    UTF8,
    0x12,
    0x13,
    0x14,
    0x15,
    0x16,
    0x19,
    0x1A,
    0x1B,
}  # string types of one byte a letter, T61String among them
_EXTENSIONS = 0xA3
_FALSE = b"\x01\x01\x00"

# Arcs 2.5.29.n: key identifiers, key usage, alternative names of the subject, basic constraints, extended key usage.
SUBJECT_KEY_IDENTIFIER, KEY_USAGE, ALTERNATIVE_NAMES = b"\x55\x1d\x0e", b"\x55\x1d\x0f", b"\x55\x1d\x11"
BASIC_CONSTRAINTS, AUTHORITY_KEY_IDENTIFIER, EXTENDED_KEY_USAGE = b"\x55\x1d\x13", b"\x55\x1d\x23", b"\x55\x1d\x25"
USED = {
    SUBJECT_KEY_IDENTIFIER: "subject key identifier",
    KEY_USAGE: "key usage",
    ALTERNATIVE_NAMES: "subject alternative name",
    BASIC_CONSTRAINTS: "basic constraints",
    AUTHORITY_KEY_IDENTIFIER: "authority key identifier",
    EXTENDED_KEY_USAGE: "extended key usage",
}
_READABLE_NAMES = {0x81, 0x82, 0x86}  # e-mail address, DNS name, URI: ASCII
_ADDRESS = 0x87
_TIME = re.compile(rb"(?:[0-9]{12}|[0-9]{14})Z")


class NotDerError(ValueError):
    """Raised when the bytes are no certificate in DER."""


class RawExtension(NamedTuple):
    """An extension as it is encoded: object identifier, whether it is critical, and the value."""

    oid: bytes
    critical: bool
    value: bytes


class Parts(NamedTuple):
    """The parts of a certificate, each with its tag and length. `head` is version, serial number and algorithm."""

    signed: bytes
    head: bytes
    issuer: bytes
    validity: bytes
    dates: tuple[bytes, ...]
    subject: bytes
    public_key: bytes
    unique_ids: bytes
    extensions: tuple[RawExtension, ...]
    tail: bytes


def parts_of(der: bytes) -> Parts:
    """Return the parts of a certificate. Raises `NotDerError`."""
    try:
        return _parts(der)
    except (IndexError, ValueError):
        raise NotDerError from None


def _parts(der: bytes) -> Parts:
    signed, *tail = _children(der, SEQUENCE)
    if _element(SEQUENCE, signed + b"".join(tail)) != der or len(tail) != 2:
        raise NotDerError  # bytes after the certificate, or lengths that are not DER
    fields = _children(signed, SEQUENCE)
    place = 3 if fields[0][:1] == b"\xa0" else 2
    if len(fields) < place + 4:
        raise NotDerError
    issuer, validity, subject, public_key, *rest = fields[place:]
    extensions = [field for field in rest if field[0] == _EXTENSIONS]
    if len(extensions) > 1 or extensions != rest[len(rest) - len(extensions) :]:
        raise NotDerError
    return Parts(
        signed,
        b"".join(fields[:place]),
        issuer,
        validity,
        tuple(map(_value, _children(validity, SEQUENCE))),
        subject,
        public_key,
        b"".join(field for field in rest if field[0] != _EXTENSIONS),
        tuple(_extensions(extensions[0])) if extensions else (),
        b"".join(tail),
    )


def readable_copy(der: bytes, *, without: frozenset[bytes] = frozenset()) -> bytes:
    """Return a copy of the certificate in which only what is used is left, in the form that the library reads.

    Arguments: `without`, object identifiers of extensions to leave out too. Raises `NotDerError`, also where a used
    extension occurs twice.
    """
    try:
        return _readable(parts_of(der), without)
    except (IndexError, ValueError):
        raise NotDerError from None


def _readable(parts: Parts, without: frozenset[bytes]) -> bytes:
    kept = [extension for extension in parts.extensions if extension.oid in USED and extension.oid not in without]
    if len({extension.oid for extension in kept}) < len(kept):
        raise NotDerError
    encoded = b"".join(map(_encoded, kept))
    signed = (
        parts.head
        + _readable_name(parts.issuer)
        + parts.validity
        + _readable_name(parts.subject)
        + parts.public_key
        + parts.unique_ids
        + (_element(_EXTENSIONS, _element(SEQUENCE, encoded)) if encoded else b"")
    )
    return _element(SEQUENCE, _element(SEQUENCE, signed) + parts.tail)


def rebuilt(parts: Parts) -> bytes:
    """Return a certificate of these parts. Its signature does not fit where a part was changed."""
    extensions = b"".join(
        _element(
            SEQUENCE,
            _element(0x06, each.oid) + (b"\x01\x01\xff" if each.critical else b"") + _element(OCTETS, each.value),
        )
        for each in parts.extensions
    )
    listed = _element(_EXTENSIONS, _element(SEQUENCE, extensions)) if extensions else b""
    fields = parts.head + parts.issuer + parts.validity + parts.subject + parts.public_key + parts.unique_ids + listed
    return _element(SEQUENCE, _element(SEQUENCE, fields) + parts.tail)


def states_a_serial_number(extension: RawExtension) -> bool:
    """Return whether this is an authority key identifier that names the issuer's certificate by its serial number."""
    if extension.oid != AUTHORITY_KEY_IDENTIFIER:
        return False
    try:
        return any(part[0] == 0x82 for part in _children(extension.value, SEQUENCE))
    except (IndexError, ValueError):
        return False


def unusable_part(der: bytes) -> str:
    """Name the part of the certificate because of which no program can read it, or "" when that is not known."""
    try:
        parts = parts_of(der)
    except NotDerError:
        return ""
    for label, moment in zip(("not before", "not after"), parts.dates, strict=False):
        if not _TIME.fullmatch(moment):
            return f"date “{label}” ({moment[:40].decode('ascii', 'replace')})"
    seen: set[bytes] = set()
    for extension in parts.extensions:
        if extension.oid in seen and extension.oid in USED:
            return f"extension {USED[extension.oid]}, which occurs twice"
        seen.add(extension.oid)
    return ""


def has_explicit_curve(public_key: bytes) -> bool:
    """Return whether a SubjectPublicKeyInfo has the parameters of its curve instead of the curve's name (RFC 5480, 2.1.1)."""
    try:
        algorithm, *parameters = _children(_children(public_key, SEQUENCE)[0], SEQUENCE)
    except (IndexError, ValueError):
        return False
    return algorithm == bytes.fromhex("06072a8648ce3d0201") and bool(parameters) and parameters[0][0] == SEQUENCE


def dotted(oid: bytes) -> str:
    """Return an encoded object identifier as numbers, such as "2.5.29.15"."""
    numbers, number = [], 0
    for byte in oid:
        number = number << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(number)
            number = 0
    if not numbers:
        return ""
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, (first, numbers[0] - 40 * first, *numbers[1:])))


def _children(der: bytes, tag: int) -> list[bytes]:
    """Return the elements of a constructed element, each with its tag and length."""
    outer = read_element(der)
    if outer is None or outer[0] != tag or der[1] == 0x80:
        raise NotDerError
    content, at = der[: outer[2]], outer[1]
    parts: list[bytes] = []
    while at < len(content):
        found = read_element(content, at)
        if found is None or len(parts) >= MAX_ELEMENTS:
            raise NotDerError
        parts.append(content[at : found[2]])
        at = found[2]
    return parts


def _value(element: bytes) -> bytes:
    found = read_element(element)
    if found is None:
        raise NotDerError
    return element[found[1] : found[2]]


def _element(tag: int, value: bytes) -> bytes:
    size = len(value)
    if size < 0x80:
        return bytes([tag, size]) + value
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + value


def _extensions(field: bytes) -> Iterator[RawExtension]:
    (listed,) = _children(field, _EXTENSIONS)
    for extension in _children(listed, SEQUENCE):
        oid, *rest = _children(extension, SEQUENCE)
        critical = bool(rest) and rest[0][0] == BOOLEAN and _value(rest[0]) != b"\x00"
        if not 1 <= len(rest) <= 2 or rest[-1][0] != OCTETS:
            raise NotDerError
        yield RawExtension(_value(oid), critical, _value(rest[-1]))


def _encoded(extension: RawExtension) -> bytes:
    value = extension.value
    if extension.oid == BASIC_CONSTRAINTS:
        parts = [part for part in _children(value, SEQUENCE) if part != _FALSE]  # the default, which DER leaves out
        value = _element(SEQUENCE, b"".join(parts))
    elif extension.oid == ALTERNATIVE_NAMES:
        value = _element(SEQUENCE, b"".join(name for name in _children(value, SEQUENCE) if _is_readable_name(name)))
    critical = b"\x01\x01\xff" if extension.critical else b""
    return _element(SEQUENCE, _element(0x06, extension.oid) + critical + _element(OCTETS, value))


def _is_readable_name(name: bytes) -> bool:
    """Return whether a scheme can compare an alternative name. The others match nothing, and are left out of the copy."""
    value = _value(name)
    return (name[0] in _READABLE_NAMES and value.isascii()) or (name[0] == _ADDRESS and len(value) in (4, 16))


def _readable_name(name: bytes) -> bytes:
    return _element(SEQUENCE, b"".join(_element(SET, _readable_values(rdn)) for rdn in _children(name, SEQUENCE)))


def _readable_values(rdn: bytes) -> bytes:
    found = []
    for pair in _children(rdn, SET):
        kind, value = _children(pair, SEQUENCE)
        found.append(_element(SEQUENCE, kind + _element(UTF8, text_of(value).encode("utf-8"))))
    return b"".join(sorted(found))


def text_of(value: bytes) -> str:
    """Return the text of a value in a name, whatever its type.

    T61String and other strings of one byte a letter are read as UTF-8, else as Latin-1, as Windows and .NET do. What is no
    string is written in hex after "#".
    """
    tag, content = value[0], _value(value)
    if tag == _UTF_16:
        return content.decode("utf-16-be", "replace")
    if tag == _UTF_32:
        return content.decode("utf-32-be", "replace")
    if tag not in _TEXT:
        return f"#{value[:100].hex()}"
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")
