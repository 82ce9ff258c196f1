"""Detect private keys in any container, before anything else reads the bytes. Pure.

A key is recognised by its armour, however it is spelled, or by the first elements of its DER, wherever they are: after a
certificate, under a wrong label, in base64 or hex without armour, encoded twice, or in a ZIP archive. No key is parsed,
and all work is bounded by counting. Sources: X.690 (DER), RFC 5208 and 5958 (PKCS#8), RFC 8017 appendix A (PKCS#1), RFC 5915
(SEC1), RFC 7292 (PKCS#12), RFC 8018 (PKCS#5), RFC 1421 (encrypted PEM), RFC 7517 (JWK), OpenSSH PROTOCOL.key, PuTTY's
documentation appendix C, PKWARE's APPNOTE (ZIP), RFC 1952 (gzip).
"""

import re
import zlib
from collections.abc import Iterator
from itertools import islice

from certificates.x509.containers import (
    URL_TO_BASE64,
    as_text,
    from_base64,
    from_hex,
    is_base64_text,
    is_hex_text,
    pem_blocks,
    read_element,
    read_header,
    without_white_space,
)

MAX_ENCODED_PARTS = 1000
MAX_KEY_STARTS = 2000
MAX_LAYERS = 2  # base64 of a PEM file, as a Kubernetes secret holds it
MAX_MEMBERS = 50
MAX_MEMBER_BYTES = 65_536

# Hyphens, and the dashes that mail programs and word processors turn them into, in UTF-8 and Windows code pages.
_DASH = rb"(?:[-_=~\x96\x97]|\xe2\x80[\x90-\x95]|\xe2\x88\x92|\xe2\x94[\x80\x81]|\xef\xb9[\x98\xa3]|\xef\xbc\x8d)"
_BEFORE_PRIVATE = re.compile(
    _DASH + rb"[^A-Z0-9]{0,4}(?:BEGIN|END)[^A-Z0-9]{1,6}(?:[A-Z0-9]{1,12}[^A-Z0-9]{1,6}){0,4}\Z"
)
_KEY = re.compile(rb"[^A-Z0-9]{1,6}KEY")
_AFTER_KEY = re.compile(
    rb"(?:[ _]BLOCK)?\s{0,3}" + _DASH + rb"{3}|:\s{0,4}\(\d"
)  # ":" where `openssl pkey -text` prints it
_WORD = b"PRIVATE"
_MARKS = ((b"PUTTY-USER-KEY-FILE-", "PuTTY"), (b"\nDEK-INFO:", "PEM with a passphrase"))
MAX_WORDS = 1000

# A JSON Web Key is private when it has "d" (EC, RSA, OKP) or "k" (a symmetric key) beside "kty".
_JWK_TYPE = re.compile(rb"""["']kty["']\s{0,20}:\s{0,20}["']""")
_JWK_SECRET = re.compile(rb"""["'](?:d|k|p|q|dp|dq|qi)["']\s{0,20}:\s{0,20}["']""")
_OPENSSH = b"openssh-key-v1\x00"
_JAVA_KEY_STORES = tuple(
    bytes.fromhex(f"{magic}000000{version}") for magic in ("feedfeed", "cececece") for version in ("01", "02")
)
_MICROSOFT_PVK = bytes.fromhex("1ef1b5b0")

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
_PKCS_OIDS = bytes.fromhex("2a864886f70d01")
_PKCS7_OIDS = bytes.fromhex("2a864886f70d0107")

# Base64 in lines of some length, so that the words around it are not read as part of it.
_BASE64_RUN = re.compile(
    rb"[A-Za-z0-9+/_](?<![A-Za-z0-9+/_].)[A-Za-z0-9+/_]{39,}+(?:\s{1,80}[A-Za-z0-9+/_]{20,}+)*+(?:\s{1,80}[A-Za-z0-9+/_]{1,19}+)?"
)
_DASHED_LINE = re.compile(rb"(?:^|[\r\n])[ \t]{0,80}-[^\r\n]*")
_KEY_FILE_NAME = re.compile(rb"\.(?:key|pfx|p12|ppk|jks|pvk)(?:\Z|[^A-Za-z0-9])", re.IGNORECASE)
_LOCAL_FILE = b"PK\x03\x04"
_X509_OIDS = (bytes.fromhex("06035504"), bytes.fromhex("0603551d"))


def private_key_kind(data: bytes) -> str:
    """Return the kind of private key found anywhere in the data (such as "PKCS#8"), or "" when there is none.

    Arguments: `data`, raw bytes, at most `MAX_UPLOAD_BYTES`. Never parses a key.
    """
    return _Search().kind_in(data, MAX_LAYERS)


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
    element = read_element(found)
    if element is not None and found[:1] == b"\x30" and element[2] == len(found):  # a shorter one may be chance, too
        return False
    expected = 256 * (1 - (255 / 256) ** len(found))  # distinct values among as many random bytes
    looks_random = len(set(found)) > 0.85 * expected
    return 80 <= len(found) <= 8192 and looks_random and not any(oid in found for oid in _X509_OIDS)


class _Search:
    """One search, with its budget of decoded parts and unpacked members."""

    def __init__(self) -> None:
        self.parts_left = MAX_ENCODED_PARTS
        self.members_left = MAX_MEMBERS
        self.seen: set[bytes] = set()

    def kind_in(self, data: bytes, layers: int) -> str:
        views = [data]
        # Text in UTF-16 and UTF-32, marked or not, is readable when its zero bytes are gone.
        if b"\x00" in data:
            views += [data.translate(None, b"\x00")]
        text = as_text(data)
        if text is not data:
            views.append(text)
        for view in views:
            kind = _kind_of_text(view)
            if kind:
                return kind
        return _kind_of_binary(data) or self._kind_in_archive(data, layers) or self._kind_in_parts(views, layers)

    def _kind_in_archive(self, data: bytes, layers: int) -> str:
        if data.startswith(_LOCAL_FILE) and (_names_a_key(data) or any(map(self._holds_a_key, self._members(data)))):
            return "in a ZIP archive"
        if data.startswith(b"\x1f\x8b") and layers and self.kind_in(_unpacked(data, 31), layers - 1):
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

    def _kind_in_parts(self, views: list[bytes], layers: int) -> str:
        # Only text holds another encoded layer: there is none inside a certificate's DER.
        if not layers or (layers < MAX_LAYERS and not views[0].isascii()):
            return ""
        for view in views:
            for part in _encoded_parts(view):
                if not part or part in self.seen:
                    continue
                if self.parts_left <= 0:
                    return ""
                self.parts_left -= 1
                self.seen.add(part)
                kind = self.kind_in(part, layers - 1)
                if kind:
                    return kind
        return ""


def _kind_of_text(text: bytes) -> str:
    capitals = text.upper()
    for mark, kind in _MARKS:
        if mark in capitals:
            return kind
    at = capitals.find(_WORD)
    for _ in range(MAX_WORDS):
        if at == -1:
            break
        kind = _kind_of_armour(capitals, at)
        if kind:
            return kind
        at = capitals.find(_WORD, at + 1)
    if b"kty" in text and _JWK_TYPE.search(text) and _JWK_SECRET.search(text):
        return "JSON Web Key"
    return ""


def _kind_of_armour(capitals: bytes, at: int) -> str:
    """Return the kind of key whose armour has the word PRIVATE at `at`. Prose about private keys has no armour."""
    end = at + len(_WORD)
    key = _KEY.match(capitals, end)
    begin = _BEFORE_PRIVATE.search(capitals[max(0, at - 80) : at])
    if key is None or (begin is None and not _AFTER_KEY.match(capitals, key.end())):
        return ""
    words = re.findall(rb"[A-Z0-9]+", begin.group() if begin is not None else capitals[max(0, at - 10) : at])
    for word, kind in (
        (b"PGP", "PGP"),
        (b"OPENSSH", "OpenSSH"),
        (b"SSH2", "OpenSSH"),
        (b"RSA", "PKCS#1"),
        (b"EC", "SEC1"),
        (b"ENCRYPTED", "encrypted PKCS#8"),
    ):
        if word in words:
            return kind
    return "PKCS#8" if len(words) == 1 else "PEM"


def _kind_of_binary(data: bytes) -> str:
    if _OPENSSH in data:
        return "OpenSSH"
    if any(magic in data for magic in _JAVA_KEY_STORES):
        return "Java key store"
    if data.startswith(_MICROSOFT_PVK):
        return "Microsoft PVK"
    if b"\x02\x01" not in data and _PKCS_OIDS not in data:
        return ""
    starts = islice(_KEY_START.finditer(data), MAX_KEY_STARTS)
    return next((kind for start in starts if (kind := _der_key_kind(data, start.start()))), "")


def _der_key_kind(der: bytes, at: int) -> str:
    """Return the kind of private key whose DER begins at `at`, by its first elements. The DER may be truncated."""
    outer = read_header(der, at)
    first = read_header(der, outer[1]) if outer is not None else None
    if first is None:
        return ""
    tag, start, end = first
    if tag == 0x30:  # EncryptedPrivateKeyInfo: SEQUENCE { AlgorithmIdentifier, OCTET STRING }
        return "encrypted PKCS#8" if _starts_with_oid(der, start, _ENCRYPTION_OIDS) else ""
    second = read_header(der, end)
    if second is None or end - start != 1:
        return ""
    version, (tag, start, end) = der[start], second
    size = end - start
    if version == 3 and tag == 0x30 and _starts_with_oid(der, start, (_PKCS7_OIDS,)):
        return "PKCS#12"
    if version in (0, 1) and tag == 0x30:
        # A request, a revocation list and a certificate of version 1 begin alike, but have no octets there.
        third = read_header(der, end)
        return "PKCS#8" if _starts_with_oid(der, start, (b"",)) and third is not None and third[0] == 0x04 else ""
    if version in (0, 1) and tag == 0x02 and 32 <= size <= 4096:
        return "PKCS#1"
    return "SEC1" if version == 1 and tag == 0x04 and 16 <= size <= 72 else ""


def _starts_with_oid(der: bytes, at: int, prefixes: tuple[bytes, ...]) -> bool:
    oid = read_header(der, at)
    return oid is not None and oid[0] == 0x06 and der[oid[1] : oid[2]].startswith(prefixes)


def _encoded_parts(view: bytes) -> Iterator[bytes]:
    """Decode the base64 and hex in the text: each PEM block, each run inside other text, and the text as a whole."""
    text = view.replace(b"\\r", b"").replace(b"\\n", b"\n").replace(b"\\/", b"/")
    if is_hex_text(text):
        yield from_hex(text)
        return
    blocks = pem_blocks(text)
    for _, body in blocks:
        yield from_base64(body)
    for run in _BASE64_RUN.finditer(text):
        packed = without_white_space(run.group())
        yield from_base64(packed[: len(packed) // 4 * 4])
        if is_hex_text(packed):
            yield from_hex(packed)
    if not blocks and is_base64_text(body := _without_armour(text)):
        yield from_base64(body)


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
