"""Detect private keys in any container and notation, before anything else reads the bytes. Pure.

This one function decides for uploads, forms, addresses, ARM bodies and logs. A key is recognised by its armour, by a label that names a
secret number (`key_formats.marks`), or by the first elements of its DER, wherever they are: after a certificate, under a wrong label, encoded
several times in any notation (`key_formats.notations`), or in an archive. No key is parsed, and all work is bounded by counting. Sources: X.690
(DER), RFC 5208 and 5958 (PKCS#8), RFC 8017 appendix A (PKCS#1), RFC 5915 (SEC1), RFC 7292 (PKCS#12), RFC 8018 (PKCS#5),
OpenSSH PROTOCOL.key, MS-CAPI's PRIVATEKEYBLOB, PKWARE's APPNOTE (ZIP), RFC 1950 to 1952 (zlib, gzip).
"""

import re
import zlib
from collections.abc import Iterator
from itertools import chain, islice

from certificates.x509.containers import (
    GZIP,
    URL_TO_BASE64,
    as_text,
    from_base64,
    is_hex_text,
    read_element,
    read_header,
)
from certificates.x509.key_formats.marks import kind_of_text
from certificates.x509.key_formats.notations import in_other_letters, plain_texts, written_bytes
from certificates.x509.notations import plain_forms

SHORTEST_KEY = 20  # characters, of armour alone; a key itself has twice as many
MAX_READINGS = 4000
MAX_READ_BYTES = 24_000_000
MAX_KEY_STARTS = 2000
MAX_LAYERS = 4  # base64 of base64 of gzip of a PEM file, as Helm keeps it in a Kubernetes secret
MAX_MEMBERS = 50
MAX_MEMBER_BYTES = 65_536
MAX_STREAMS = 16

_OPENSSH = b"openssh-key-v1\x00"
_JAVA_KEY_STORES = tuple(
    bytes.fromhex(f"{magic}000000{version}") for magic in ("feedfeed", "cececece") for version in ("01", "02")
)
_MICROSOFT_PVK = bytes.fromhex("1ef1b5b0")
_MICROSOFT_BLOB = re.compile(rb"\x07\x02\x00\x00\x00[\x22\x24\xa4]\x00\x00(?:RSA2|DSS2|DSS4)")

# Where DER of a private key may begin: a sequence whose first element is the version 0, 1 or 3, or an algorithm of
# PKCS#5 or PKCS#12. The lookahead finds overlapping starts.
_LENGTH = rb"(?:[\x02-\x80]|\x81.|\x82..|\x83...|\x84....)"
_ENCRYPTION_OIDS = (bytes.fromhex("2a864886f70d0105"), bytes.fromhex("2a864886f70d010c01"))
_KEY_START = re.compile(
    rb"\x30(?="
    + _LENGTH
    + rb"(?:\x02\x01[\x00\x01\x03]|\x30"
    + _LENGTH
    + rb"\x06[\x05-\x0b]\x2a\x86\x48\x86\xf7\x0d\x01))",
    re.DOTALL,
)
# RSA, EC and DSA as algorithms of keys, not of signatures.
_KEY_ALGORITHMS = tuple(map(bytes.fromhex, ("2a864886f70d010101", "2a8648ce3d0201", "2a8648ce380401")))
_PKCS_OIDS = bytes.fromhex("2a864886f70d01")
_PKCS7_OIDS = bytes.fromhex("2a864886f70d0107")

# Base64 in lines of some length, so that the words around it are not read as part of it.
_BASE64_RUN = re.compile(
    rb"[A-Za-z0-9+/_](?<![A-Za-z0-9+/_].)[A-Za-z0-9+/_]{39,}+(?:\s{1,80}[A-Za-z0-9+/_]{20,}+)*+(?:\s{1,80}[A-Za-z0-9+/_]{1,19}+)?"
)
_DASHED_LINE = re.compile(rb"(?:^|[\r\n])[ \t]{0,80}-[^\r\n]*")
_KEY_FILE_NAME = re.compile(rb"\.(?:key|pfx|p12|ppk|jks|pvk)(?:\Z|[^A-Za-z0-9])", re.IGNORECASE)
_LOCAL_FILE = b"PK\x03\x04"
_PACKED_STREAMS = (GZIP, b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")  # gzip, zlib
_MARKUP = (b"<", b"{\\rtf", b"','")  # the last between letters of an array in source code
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")
_PRINTABLE = bytes(0x31 if 32 <= byte < 127 or byte in b"\t\n\r" else 0x30 for byte in range(256))
_READABLE = re.compile(rb"[\t\n\r\x20-\x7e]{16,}+")
_X509_OIDS = (bytes.fromhex("06035504"), bytes.fromhex("0603551d"))


def private_key_kind(data: bytes) -> str:
    """Return the kind of private key found anywhere in the data (such as "PKCS#8"), or "" when there is none.

    Arguments: `data`, raw bytes of a file, or a text in UTF-8. Never parses a key.
    """
    if len(data) < SHORTEST_KEY or (len(data) < 2 * SHORTEST_KEY and b"PRIV" not in data.upper()):
        return ""
    search = _Search()
    if kind := search.kind_in(data, MAX_LAYERS):
        return kind
    text = as_text(data)
    if _CONTROL.search(text) or (len(text) > MAX_MEMBER_BYTES and not any(sign in text for sign in _MARKUP)):
        return ""
    forms = plain_forms(text)[1:]  # a key is recognised in whatever a certificate is read in
    return next(filter(None, (search.kind_in_decoded(form, MAX_LAYERS - 1) for form in forms)), "")


def holds_a_private_key(text: str) -> bool:
    """Return whether there is a private key in the text, in any notation."""
    return len(text) >= SHORTEST_KEY and bool(private_key_kind(text.encode("utf-8", "surrogatepass")))


def may_be_a_private_key(data: bytes) -> bool:
    """Return whether the data is base64 of random-looking bytes: an encrypted key, or a key without its first line.

    Certificates, whole or in parts, are full of object identifiers, which encrypted bytes are not.
    """
    if len(data) > MAX_MEMBER_BYTES:
        return False
    body = _without_armour(as_text(data))
    if not _BASE64_RUN.fullmatch(body.strip().rstrip(b"=").translate(URL_TO_BASE64)) or is_hex_text(body):
        return False
    found = from_base64(body)
    if found.startswith(GZIP):  # which `private_key_kind` has unpacked
        return False
    element = read_element(found)
    if element is not None and found[:1] == b"\x30" and element[2] == len(found):  # a shorter one may be chance, too
        return False
    expected = 256 * (1 - (255 / 256) ** len(found))  # distinct values among as many random bytes
    looks_random = len(set(found)) > 0.85 * expected
    return 80 <= len(found) <= 8192 and looks_random and not any(oid in found for oid in _X509_OIDS)


class _Search:
    """One search, with its budget of decoded bytes and unpacked members."""

    def __init__(self) -> None:
        self.readings_left = MAX_READINGS
        self.bytes_left = MAX_READ_BYTES
        self.members_left = MAX_MEMBERS
        self.seen: set[int] = set()  # hashes: the bytes themselves would fill the memory

    def kind_in(self, data: bytes, layers: int) -> str:
        """Return the kind of private key in a file or text. `layers`: how often what is in it may be encoded again."""
        text = as_text(data)
        views = [data] if text is data else [data, text]
        if b"\x00" in data:  # text in UTF-16 and UTF-32, marked or not, is readable when its zero bytes are gone
            views.append(data.translate(None, b"\x00"))
        for view in views:
            if kind := kind_of_text(view) or _kind_of_binary(view):
                return kind
        return self._kind_in_archives(data, layers) or self._kind_in_notations(views, layers)

    def _kind_in_notations(self, views: list[bytes], layers: int) -> str:
        for view in views:
            readable = _readable_part(view) if _CONTROL.search(view) else view
            for text in chain(plain_texts(readable), *map(plain_texts, in_other_letters(view))):
                if text is not view and (kind := kind_of_text(text) or _kind_of_binary(text)):
                    return kind
                for found in written_bytes(text) if layers else ():
                    if kind := self.kind_in_decoded(found, layers - 1):
                        return kind
        return ""

    def kind_in_decoded(self, found: bytes, layers: int) -> str:
        """Search decoded bytes. Most of them are no text at all, since most alignments are wrong."""
        if self.readings_left <= 0 or self.bytes_left <= 0 or hash(found) in self.seen:
            return ""
        self.readings_left -= 1
        self.bytes_left -= len(found)
        self.seen.add(hash(found))
        if kind := _kind_of_binary(found) or self._kind_in_archives(found, layers):
            return kind
        for view in (found, found.translate(None, b"\x00")) if b"\x00" in found else (found,):
            readable = _readable_part(view)
            if len(readable) >= SHORTEST_KEY and (kind := self.kind_in(readable, layers)):
                return kind
        return ""

    def _kind_in_archives(self, data: bytes, layers: int) -> str:
        at = data.find(_LOCAL_FILE)
        if at != -1 and (_names_a_key(data[at:]) or any(map(self._holds_a_key, self._members(data[at:])))):
            return "in a ZIP archive"
        for at in islice(_packed_streams(data), MAX_STREAMS) if layers else ():
            unpacked = _unpacked(data[at : at + MAX_MEMBER_BYTES], 47)
            if len(unpacked) >= SHORTEST_KEY and self.kind_in(unpacked, layers - 1):
                return "in a gzip archive"
        return ""

    def _holds_a_key(self, member: bytes) -> bool:
        return bool(self.kind_in(member, 1))

    def _members(self, data: bytes) -> Iterator[bytes]:
        """Yield the beginning of each compressed member. Stored members are searched as part of the archive."""
        for at in _local_files(data):
            size = int.from_bytes(data[at + 26 : at + 28], "little")
            extra = int.from_bytes(data[at + 28 : at + 30], "little")
            start = at + 30 + size + extra
            if self.members_left <= 0:
                return
            self.members_left -= 1
            is_packed = data[at + 8 : at + 10] == b"\x08\x00"
            piece = data[start : start + MAX_MEMBER_BYTES]
            yield _unpacked(piece, -15) if is_packed else piece


def _readable_part(data: bytes) -> bytes:
    """Return the runs of ASCII text in binary data. By chance, a run is not that long."""
    if data.translate(_PRINTABLE).find(b"1" * 16) == -1:  # nearly always, and much faster than the expression
        return b""
    return b"\n".join(_READABLE.findall(data))


def _packed_streams(data: bytes) -> Iterator[int]:
    """Yield where a compressed stream may begin."""
    for magic in _PACKED_STREAMS:
        at = data.find(magic)
        while at != -1:
            yield at
            at = data.find(magic, at + 1)


def _kind_of_binary(data: bytes) -> str:
    if _OPENSSH in data:
        return "OpenSSH"
    if any(magic in data for magic in _JAVA_KEY_STORES):
        return "Java key store"
    if data.startswith(_MICROSOFT_PVK) or _MICROSOFT_BLOB.search(data):
        return "Microsoft key blob"
    if b"\x02\x01" not in data and _PKCS_OIDS not in data:
        return ""
    starts = islice(_KEY_START.finditer(data), MAX_KEY_STARTS)
    return next((kind for start in starts if (kind := _der_key_kind(data, start.start()))), "")


def _der_key_kind(der: bytes, at: int) -> str:
    """Return the kind of private key whose DER begins at `at`, by its first elements. The DER may be truncated."""
    outer = read_header(der, at)
    first = read_header(der, outer[1]) if outer is not None else None
    if outer is None or first is None:
        return ""
    tag, start, end = first
    if tag == 0x30:  # EncryptedPrivateKeyInfo: SEQUENCE { AlgorithmIdentifier, OCTET STRING }
        return "encrypted PKCS#8" if _starts_with_oid(der, start, _ENCRYPTION_OIDS) else ""
    second = read_header(der, end)
    if second is None or end - start != 1:
        return ""
    version, (tag, start, end) = der[start], second
    size = end - start
    if der[at + 1] != 0x80 and end > outer[2]:  # no such lengths, even where the DER is truncated
        return ""
    if version == 3 and tag == 0x30 and _starts_with_oid(der, start, (_PKCS7_OIDS,)):
        return "PKCS#12"
    if version in (0, 1) and tag == 0x30:
        # A request, a revocation list and a certificate of version 1 begin alike, but have no octets there.
        if _starts_with_oid(der, start, _KEY_ALGORITHMS):
            return "PKCS#8"
        third = read_header(der, end)
        return "PKCS#8" if _starts_with_oid(der, start, (b"",)) and third is not None and third[0] == 0x04 else ""
    if version in (0, 1) and tag == 0x02 and 32 <= size <= 4096:
        return "PKCS#1"
    return "SEC1" if version == 1 and tag == 0x04 and 16 <= size <= 72 else ""


def _starts_with_oid(der: bytes, at: int, prefixes: tuple[bytes, ...]) -> bool:
    oid = read_header(der, at)
    return oid is not None and oid[0] == 0x06 and der[oid[1] : oid[2]].startswith(prefixes)


def _without_armour(text: bytes) -> bytes:
    """Return the text without lines of damaged or misspelled armour."""
    return _DASHED_LINE.sub(b"\n", text) if b"-" in text else text


def _local_files(data: bytes) -> Iterator[int]:
    """Yield the offset of each member of a ZIP archive."""
    at, seen = data.find(_LOCAL_FILE), 0
    while at != -1 and seen < 1000:
        yield at
        at, seen = data.find(_LOCAL_FILE, at + 4), seen + 1


def _names_a_key(data: bytes) -> bool:
    """Return whether a member of the archive is named like a private key."""
    for at in _local_files(data):
        size = int.from_bytes(data[at + 26 : at + 28], "little")
        if _KEY_FILE_NAME.search(data[at + 30 : at + 30 + size]):
            return True
    return False


def _unpacked(data: bytes, window: int) -> bytes:
    """Return the first `MAX_MEMBER_BYTES` of deflated data; b"" when it is damaged."""
    try:
        return zlib.decompressobj(window).decompress(data, MAX_MEMBER_BYTES)
    except zlib.error:
        return b""
