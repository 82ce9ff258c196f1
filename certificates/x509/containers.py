"""Recognise containers by their outermost bytes, and decode PEM, base64 and hex. Pure.

Nothing inside a container is parsed here; `private_keys` looks for keys first. Sources: X.690 (DER), RFC 7468 (textual encodings),
RFC 2315 (PKCS#7), RFC 7517 (x5c). Others hold base64 too: Kubernetes' Secrets, Azure Key Vault's `cer`, SAML's X509Certificate.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from itertools import islice

MAX_BLOCKS = 50
MAX_ARMOUR_LINES = 1000
MAX_PARTS = 200  # of text that are encoded

_PEM_LINE = re.compile(rb"-----(BEGIN|END) ([A-Z0-9 ]{1,40})-----")
_WHITE = b" \t\r\n\x0b\x0c"
_BASE64_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-_" + _WHITE
URL_TO_BASE64 = bytes.maketrans(b"-_", b"+/")
# Base64 in one line or in lines of some length; the words after it may be read as part of it, which does no harm.
_RUN = re.compile(rb"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{40,}+(?:[ \t]{0,8}\r?\n[ \t]{0,80}[A-Za-z0-9+/_-]++)*+")
_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
GZIP = b"\x1f\x8b\x08"
_HEX_LETTERS = b"0123456789abcdefABCDEF:" + _WHITE


def as_text(data: bytes) -> bytes:
    """Return the bytes as UTF-8 text: without a byte order mark, and converted from UTF-16 (with a mark or not) and UTF-32."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "replace").encode("utf-8", "replace")
    head = data[:64]
    if len(head) >= 8 and not any(head[1::2]) and all(head[0::2]):
        return data.decode("utf-16-le", "replace").encode("utf-8", "replace")
    if len(head) >= 8 and not any(head[0::2]) and all(head[1::2]):
        return data.decode("utf-16-be", "replace").encode("utf-8", "replace")
    return data


def pem_blocks(text: bytes) -> list[tuple[str, bytes]]:
    """Return (label, body) of each complete PEM block, at most one more than `MAX_BLOCKS`. Takes one pass."""
    found: list[tuple[str, bytes]] = []
    begin: tuple[bytes, int] | None = None
    for line in islice(_PEM_LINE.finditer(text), MAX_ARMOUR_LINES):
        kind, label = line.groups()
        if kind == b"BEGIN":
            begin = label, line.end()
        elif begin is not None and begin[0] == label:
            found.append((label.decode("ascii"), text[begin[1] : line.start()]))
            begin = None
            if len(found) > MAX_BLOCKS:
                break
    return found


def is_base64_text(text: bytes) -> bool:
    """Return whether the text is nothing but base64 (or base64url) letters and white space."""
    return bool(text.strip()) and not text.translate(None, _BASE64_LETTERS)


def is_hex_text(text: bytes) -> bool:
    """Return whether the text is nothing but hex digits, colons and white space."""
    return bool(text.strip()) and not text.translate(None, _HEX_LETTERS)


def looks_like_der(data: bytes) -> bool:
    """Return whether the data starts with a DER sequence rather than text that starts with a zero."""
    return data[:1] == b"0" and (not data.isascii() or any(byte < 9 or 13 < byte < 32 for byte in data[:16]))


def is_text(data: bytes) -> bool:
    """Return whether the first bytes are text in UTF-8 or a code page, without control characters."""
    head = data[:400]
    return bool(head) and not any(byte < 9 or 13 < byte < 27 or 27 < byte < 32 for byte in head)


def read_header(data: bytes, at: int = 0) -> tuple[int, int, int] | None:
    """Return (tag, start, end) of the DER element at `at`, even where the data ends before it; None when there is none."""
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
    return tag, start, start + length


def read_element(data: bytes, at: int = 0) -> tuple[int, int, int] | None:
    """Return (tag, start, end) of the DER element at `at`, or None when the data does not hold all of it."""
    found = read_header(data, at)
    return found if found is not None and found[2] <= len(data) else None


def is_pkcs7(der: bytes) -> bool:
    """Return whether the DER is a ContentInfo with one of PKCS#7's content types."""
    return der[:1] == b"\x30" and bytes.fromhex("06092a864886f70d0107") in der[:24]


def without_white_space(text: bytes) -> bytes:
    return text.translate(None, _WHITE)


def from_base64(body: bytes) -> bytes:
    """Decode base64 or base64url, ignoring white space and header lines; b"" when it is neither."""
    if b":" in body:
        body = b"\n".join(line for line in body.replace(b"\r", b"\n").split(b"\n") if b":" not in line)
    packed = body.translate(URL_TO_BASE64, _WHITE)
    try:
        return base64.b64decode(packed + b"=" * (-len(packed) % 4), validate=True)
    except binascii.Error:
        return b""


def from_hex(text: bytes) -> bytes:
    """Decode hex with or without colons and white space; b"" when it is not hex."""
    try:
        return bytes.fromhex("".join(text.decode("ascii", "replace").replace(":", " ").split()))
    except ValueError:
        return b""


def encoded_parts(text: bytes) -> Iterator[bytes]:
    """Yield what the base64 in the text decodes to, where it may be DER, text or gzip: at most `MAX_PARTS`, each once."""
    seen: set[bytes] = set()
    for part in islice(_decoded(text), MAX_PARTS):
        if part not in seen and (looks_like_der(part) or is_text(as_text(part)) or part.startswith(GZIP)):
            seen.add(part)
            yield part


def _decoded(text: bytes) -> Iterator[bytes]:
    for _, body in pem_blocks(text):
        yield from_base64(body)
    for run in _RUN.finditer(text):
        packed = without_white_space(run[0])
        yield from_base64(packed[:-1] if len(packed) % 4 == 1 else packed)
