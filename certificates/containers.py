"""What kind of container these bytes are, told by their outermost shape, without parsing what is inside. Pure.

A private key must be recognised before anything else looks at the bytes. Sources: X.690 (DER), RFC 5208 and 5958
(PKCS#8), RFC 8017 appendix A (PKCS#1), RFC 5915 (SEC1), RFC 7292 (PKCS#12), RFC 2315 (PKCS#7), RFC 7517 (JWK), OpenSSH
PROTOCOL.key, PuTTY's documentation appendix C.
"""

import base64
import binascii
import re
from itertools import islice

MAX_BLOCKS = 50
MAX_ARMOUR_LINES = 1000

_PEM_LINE = re.compile(rb"-----(BEGIN|END) ([A-Z0-9 ]{1,40})-----")
_WHITE = b" \t\r\n\x0b\x0c"
_BASE64_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-_" + _WHITE
_URL_TO_BASE64 = bytes.maketrans(b"-_", b"+/")
_HEX_LETTERS = b"0123456789abcdefABCDEF:" + _WHITE

_KEY_TEXT = re.compile(
    rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY|PuTTY-User-Key-File-|-----BEGIN PGP PRIVATE|---- BEGIN SSH2 ENCRYPTED PRIVATE",
    re.IGNORECASE,
)
# A JSON Web Key is private when it has "d" (EC, RSA, OKP) or "k" (a symmetric key) beside "kty".
_JWK_TYPE = re.compile(rb'"kty"\s*:\s*"')
_JWK_SECRET = re.compile(rb'"(?:d|k|p|q|dp|dq|qi)"\s*:\s*"')
_OPENSSH = b"openssh-key-v1\x00"
_JAVA_KEY_STORES = (bytes.fromhex("feedfeed"), bytes.fromhex("cececece"))
_ENCRYPTION_OIDS = (bytes.fromhex("2a864886f70d0105"), bytes.fromhex("2a864886f70d010c01"))
_KEY_FILE_NAME = re.compile(rb"\.(?:key|pfx|p12|ppk|jks|pvk)(?:\Z|[^A-Za-z0-9])", re.IGNORECASE)


def as_text(data: bytes) -> bytes:
    """The bytes as UTF-8 text: a byte order mark taken off, UTF-16 (with a mark, or plainly one) read as text."""
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return data.decode(encoding, "replace").encode("utf-8", "replace")
    head = data[:64]
    if len(head) >= 8 and not any(head[1::2]) and all(head[0::2]):
        return data.decode("utf-16-le", "replace").encode("utf-8", "replace")
    if len(head) >= 8 and not any(head[0::2]) and all(head[1::2]):
        return data.decode("utf-16-be", "replace").encode("utf-8", "replace")
    return data


def private_key_kind(data: bytes) -> str:
    """Name the kind of private key these bytes hold anywhere, or "" when there is none to see.

    Arguments: `data`, the raw upload, at most `MAX_UPLOAD_BYTES`. Looks into PEM blocks, bare base64, hex, and the names
    of the members of a ZIP archive. Never parses a key.
    """
    text = as_text(data)
    unescaped = text.replace(b"\\n", b"\n")
    # The raw bytes too: what begins like UTF-16 may go on as plain text.
    found = _KEY_TEXT.search(unescaped) or (_KEY_TEXT.search(data) if text is not data else None)
    if found:
        return _kind_of_marker(found.group().upper())
    if _JWK_TYPE.search(text) and _JWK_SECRET.search(text):
        return "JSON Web Key"
    if data.startswith(_JAVA_KEY_STORES):
        return "Java key store"
    if data.startswith(b"PK\x03\x04"):
        return "in a ZIP archive" if _zip_names_a_key(data) else ""
    for der in _encoded_parts(data, text, unescaped):
        if der.startswith(_OPENSSH):
            return "OpenSSH"
        kind = _der_key_kind(der)
        if kind:
            return kind
    return ""


def _kind_of_marker(marker: bytes) -> str:
    if b"PUTTY" in marker:
        return "PuTTY"
    if b"PGP" in marker:
        return "PGP"
    if b"OPENSSH" in marker or b"SSH2" in marker:
        return "OpenSSH"
    if b"RSA " in marker:
        return "PKCS#1"
    if b"EC " in marker:
        return "SEC1"
    if b"ENCRYPTED" in marker:
        return "encrypted PKCS#8"
    return "PKCS#8" if b"BEGIN PRIVATE" in marker else "PEM"


def _zip_names_a_key(data: bytes) -> bool:
    """Whether a member of the archive is named like a private key, or a stored member shows one. Nothing is unpacked."""
    at, seen = data.find(b"PK\x03\x04"), 0
    while at != -1 and seen < 1000:
        size = int.from_bytes(data[at + 26 : at + 28], "little")
        if _KEY_FILE_NAME.search(data[at + 30 : at + 30 + size]):
            return True
        at, seen = data.find(b"PK\x03\x04", at + 4), seen + 1
    return False


def _encoded_parts(data: bytes, text: bytes, unescaped: bytes) -> list[bytes]:
    """What DER there is to look at: the file itself, each PEM block, or the whole text as base64 or hex."""
    if looks_like_der(data):
        return [data]
    if data.startswith(_OPENSSH):
        return [data]
    blocks = pem_blocks(unescaped) + (pem_blocks(data) if text is not data else [])
    if blocks:
        return [der for _, body in blocks if (der := from_base64(body))]
    if is_hex_text(text):
        return [from_hex(text)]
    # Armour that was cut or spelled wrongly: what stands between the lines is still looked at.
    body = b"\n".join(line for line in unescaped.splitlines() if not line.strip().startswith(b"-"))
    return [from_base64(body)] if is_base64_text(body) else []


def pem_blocks(text: bytes) -> list[tuple[str, bytes]]:
    """Label and body of each complete PEM block, at most one more than `MAX_BLOCKS`. One pass, whatever the text."""
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
    """Whether the text is made of nothing but base64's (or base64url's) letters and white space."""
    return bool(text.strip()) and not text.translate(None, _BASE64_LETTERS)


def is_hex_text(text: bytes) -> bool:
    """Whether the text is made of nothing but hex digits, colons and white space."""
    return bool(text.strip()) and not text.translate(None, _HEX_LETTERS)


def looks_like_der(data: bytes) -> bool:
    """Whether this starts as a DER sequence and not as a text whose first letter is a zero."""
    return data[:1] == b"0" and (not data.isascii() or any(byte < 9 or 13 < byte < 32 for byte in data[:16]))


def read_element(data: bytes, at: int = 0) -> tuple[int, int, int] | None:
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


def _der_key_kind(der: bytes) -> str:
    """Name the kind of private-key container by the shape of its first elements."""
    outer = read_element(der)
    if outer is None or outer[0] != 0x30:
        return ""
    first = read_element(der, outer[1])
    if first is None:
        return ""
    tag, start, end = first
    second = read_element(der, end)
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
    # EncryptedPrivateKeyInfo: SEQUENCE { AlgorithmIdentifier with a PKCS#5 or PKCS#12 OID, OCTET STRING }
    if tag == 0x30 and second is not None and second[0] == 0x04 and second[2] == outer[2]:
        oid = read_element(der, start)
        if oid is not None and oid[0] == 0x06 and der[oid[1] : oid[2]].startswith(_ENCRYPTION_OIDS):
            return "encrypted PKCS#8"
    return ""


def is_pkcs7(der: bytes) -> bool:
    """ContentInfo with one of PKCS#7's content types."""
    return der[:1] == b"\x30" and bytes.fromhex("06092a864886f70d0107") in der[:24]


def from_base64(body: bytes) -> bytes:
    """Base64 (also base64url) without its white space and header lines, or b"" when it is none."""
    if b":" in body:
        body = b"\n".join(line for line in body.replace(b"\r", b"\n").split(b"\n") if b":" not in line)
    packed = body.translate(_URL_TO_BASE64, _WHITE)
    try:
        return base64.b64decode(packed + b"=" * (-len(packed) % 4), validate=True)
    except binascii.Error:
        return b""


def from_hex(text: bytes) -> bytes:
    """Hex with or without colons and white space, or b"" when it is none."""
    try:
        return bytes.fromhex("".join(text.decode("ascii", "replace").replace(":", " ").split()))
    except ValueError:
        return b""
