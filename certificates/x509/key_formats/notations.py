"""Undo the notations in which a private key is written as text, so that the key can be recognised by its shape. Pure.

Nothing has to be well-formed: `plain_texts` undoes escapes wherever they are, and `written_bytes` decodes all letters of base64 in the
text as if nothing were between them, in each of the four alignments, and all numbers as if they were bytes. Words around a key thus
hide nothing, and chance makes no key of what is none: see `private_keys`. All work is linear in the length of the text.
Sources: RFC 4648 (base64, base32), RFC 2045 (quoted-printable), RFC 3986 (percent encoding), RFC 8259 (JSON), HTML 5 (character
references); the outputs of `xxd`, `hexdump` and `od`; the notations of C, Java, JavaScript, Python, Go, Rust and PowerShell.
"""

import base64
import html
import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import islice

from certificates.x509.containers import URL_TO_BASE64

MAX_ROUNDS = 4  # of text that was escaped more than once
FEWEST_BYTES = 24
MOST_ESCAPES = 6_000  # of each kind: a megabyte of escapes must not take a second
MOST_NUMBERS = 20_000

_PERCENT = re.compile(rb"%(?:u([0-9A-Fa-f]{4})|([0-9A-Fa-f]{2}))")
_ENTITY = re.compile(rb"&(?:#(\d{1,7});?|#[xX]([0-9a-fA-F]{1,6});?|[A-Za-z]{2,24};)")
_BACKSLASHES = re.compile(
    rb"(?<!\\)\\++(?:u([0-9A-Fa-f]{4})|[ux]\{([0-9A-Fa-f]{1,6})\}|x([0-9A-Fa-f]{2})|([0-3][0-7]{2}|[0-7]{1,2})|([nrtfvb])|(?=([^A-Za-z0-9]))|(?=[A-Z]))"
)
_CONTROLS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"f": b"\f", b"v": b"\v", b"b": b"\b"}
_QUOTED_PRINTABLE = re.compile(rb"=(?:([0-9A-F]{2})|[ \t]{0,8}\r?\n)")
_POWERSHELL = re.compile(rb"`[nrt]")
_DASHES = "\u2212\u2500\u2501\u30fc\u02d7\u2043\u23af"  # besides those that Unicode names so

# Quotation marks with nothing but signs of concatenation between them.
_JOINED_LITERALS = re.compile(rb"[\"'`][\s+.&|\\,;_()\[\]]{0,80}[\"'`]")
_LINE_PREFIX = re.compile(rb"^(?:[^A-Za-z0-9/\n]++|(?=\d))(?:\d{1,5}+[^A-Za-z0-9\n]++)?+(?=[A-Za-z0-9/])", re.MULTILINE)
_NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))
_BASE32_RUN = re.compile(rb"(?<![A-Za-z0-9])[A-Z2-7\s]{56,}+")

_HEX_RUN = re.compile(rb"(?:[0-9A-Fa-f]{2}[^0-9A-Za-z]{0,40}+){%d,}+" % FEWEST_BYTES)
_HEX_PREFIXES = (b"0x", b"0X", b"&H", b"&h", b"8'h", b"16#", b"u8")  # the last behind a number of Rust
_DIGITS, _HEX_DIGITS, _BASE32_LETTERS = b"0123456789", b"0123456789abcdefABCDEF", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_ALPHANUMERIC = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_NOT_ALPHANUMERIC = bytes(set(range(256)) - set(_ALPHANUMERIC))
_NOT_HEX = bytes(set(range(256)) - set(_HEX_DIGITS))
_HEX_NUMBER = re.compile(rb"0[xX]([0-9A-Fa-f]{1,16})(?![0-9A-Fa-f])")
_INTEL_NUMBER = re.compile(rb"(?<![0-9A-Za-z])0?([0-9A-Fa-f]{2})[hH](?![0-9A-Za-z])")
_DUMP_LINE = re.compile(
    rb"^[^0-9A-Za-z\n]{0,20}(?:0x)?[0-9A-Fa-f]{4,16}[:hH|]?[ \t]{1,8}((?:[0-9A-Fa-f]{2,16}(?:[ \t]{1,5}|-|\r?$)){1,32})",
    re.MULTILINE,
)
_BYTES_OF_A_DUMP_LINE = 16
# Bytes at the end of a line, as a device logs them behind a time and a name.
_HEX_TAIL = re.compile(rb"[\s:|\]]((?:[0-9A-Fa-f]{2}[ :,-]){7,31}[0-9A-Fa-f]{2})[ ,]{0,4}\r?$", re.MULTILINE)
_DECIMAL = re.compile(rb"(?<![\w.])-?\d{1,3}(?![\w.])")
_OCTAL = re.compile(rb"(?<![\w.])0?([0-3][0-7]{2})(?![\w.])")
_OCTAL_WORD = re.compile(rb"(?<![\w.])([01][0-7]{5})(?![\w.])")


def plain_texts(data: bytes) -> Iterator[bytes]:
    """Yield the data, then what remains when one layer of escapes after the other is undone. Each is different."""
    seen = {data}
    yield data
    text = data
    for _ in range(MAX_ROUNDS):
        for undo in (_without_escapes, _without_plus_signs, _without_quoted_printable, _without_escapes_in_literals):
            plain = undo(text)
            if plain not in seen:
                seen.add(plain)
                yield plain
        following = _without_escapes(text)
        if following == text or len(text) - len(following) > 2 * MOST_ESCAPES:
            break
        text = following


def _without_escapes(text: bytes) -> bytes:
    if b"%" in text:
        text = _PERCENT.sub(_of_percent, text, MOST_ESCAPES)
    if b"&" in text and _ENTITY.search(text):
        text = _ENTITY.sub(_of_entity, text, MOST_ESCAPES)
    if b"`" in text:
        text = _POWERSHELL.sub(b"\n", text, MOST_ESCAPES)
    return _BACKSLASHES.sub(_of_backslash, text, MOST_ESCAPES) if b"\\" in text else text


def _without_plus_signs(text: bytes) -> bytes:
    """Undo percent encoding where a blank is a plus sign, as in the query of an address."""
    is_encoded = b"%" in text and b"+" in text and b" " not in text
    return _without_escapes(text.replace(b"+", b" ")) if is_encoded else text


def _without_escapes_in_literals(text: bytes) -> bytes:
    """Undo escapes where a string in source code continues in the next literal."""
    return _without_escapes(_joined(text)) if b"\\" in text else text


def _joined(text: bytes) -> bytes:
    has_literals = b'"' in text or b"'" in text or b"`" in text
    return _JOINED_LITERALS.sub(b"", text, MOST_ESCAPES) if has_literals else text


def _of_percent(found: re.Match[bytes]) -> bytes:
    return _character(int(found[1], 16)) if found[1] else bytes([int(found[2], 16)])


def _of_entity(found: re.Match[bytes]) -> bytes:
    number = found[1] or found[2]
    if number is not None:
        return _character(int(number, 10 if found[1] else 16))
    return html.unescape(found[0].decode("ascii")).encode("utf-8", "replace")


def _of_backslash(found: re.Match[bytes]) -> bytes:
    unit, point, digits, octal, sign, _ = found.groups()
    if sign is not None:
        return _CONTROLS[sign]
    if unit is not None or point is not None:
        return _character(int(unit or point, 16))
    if digits is not None:
        return bytes([int(digits, 16)])
    return bytes([int(octal, 8)]) if octal is not None else b""


def _character(number: int) -> bytes:
    """Return a byte for its number, as DER in JSON is escaped, else UTF-8."""
    if number < 256:
        return bytes([number])
    return chr(number).encode("utf-8", "replace") if number < 0x110000 else b""


def _without_quoted_printable(text: bytes) -> bytes:
    if b"=" not in text:
        return text
    return _QUOTED_PRINTABLE.sub(_of_quoted_printable, text, MOST_ESCAPES)


def _of_quoted_printable(found: re.Match[bytes]) -> bytes:
    return bytes([int(found[1], 16)]) if found[1] else b""


def in_other_letters(data: bytes) -> Iterator[bytes]:
    """Yield the text in ASCII letters where Unicode has others like them, and its characters as bytes. Nothing for ASCII."""
    if data.isascii():
        return
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return
    table: dict[int, str] = {}
    for letter in set(text):
        category = unicodedata.category(letter)
        if category in {"Cf", "Mn"}:
            table[ord(letter)] = ""
        elif category == "Pd" or letter in _DASHES:
            table[ord(letter)] = "-"
        elif category == "Zs":
            table[ord(letter)] = " "
    yield unicodedata.normalize("NFKC", text.translate(table)).encode("utf-8", "replace")
    for encoding in ("latin-1", "cp1252"):
        try:
            yield text.encode(encoding)
        except UnicodeEncodeError:
            continue


def written_bytes(text: bytes) -> Iterator[bytes]:
    """Yield what the letters and numbers in the text are, read as bytes in each notation."""
    joined = _joined(text)
    yield from _from_base64(joined)
    if b"\n" in text:
        stripped = _LINE_PREFIX.sub(b"", joined, MOST_ESCAPES)
        if stripped != joined:
            yield from _from_base64(stripped)
    yield from _from_hex(text)
    if _has_run(text, _DIGITS, FEWEST_BYTES) or text.count(b"(") >= FEWEST_BYTES:  # CHR(48)||CHR(130)
        yield from _from_numbers(text)
    if _has_run(text, _BASE32_LETTERS, FEWEST_BYTES):
        yield from map(_from_base32, _BASE32_RUN.findall(text))


def _has_run(text: bytes, letters: bytes, length: int) -> bool:
    """Return whether so many of these letters follow each other, signs and blanks aside. Much faster than an expression."""
    return text.translate(_marking(letters), _NOT_ALPHANUMERIC).find(b"1" * length) != -1


@cache
def _marking(letters: bytes) -> bytes:
    return bytes(0x31 if byte in letters else 0x30 for byte in range(256))


def _from_base64(text: bytes) -> Iterator[bytes]:
    letters = text.translate(URL_TO_BASE64, b"\n\r").translate(None, _NOT_BASE64)
    if len(letters) * 3 < FEWEST_BYTES * 4:
        return
    for shift in range(4):
        end = len(letters) - (len(letters) - shift) % 4
        yield base64.b64decode(letters[shift:end])


def _from_base32(run: bytes) -> bytes:
    letters = b"".join(run.split())
    return base64.b32decode(letters[: len(letters) // 8 * 8])


def _from_hex(text: bytes) -> Iterator[bytes]:
    if text.count(b"0x") + text.count(b"0X") >= FEWEST_BYTES // 4:
        numbers = [number.zfill(2) if len(number) < 3 else number for number in _HEX_NUMBER.findall(text)]
        yield from _in_each_order(b"".join(numbers))
    if text.count(b"h") + text.count(b"H") >= FEWEST_BYTES:
        yield _of_digits(b"".join(_INTEL_NUMBER.findall(text)))
    for prefix in _HEX_PREFIXES:
        if prefix in text:
            text = text.replace(prefix, b"")
    if not _has_run(text, _HEX_DIGITS, FEWEST_BYTES):
        return
    dumped = _DUMP_LINE.findall(text)
    if dumped:
        words = [line.translate(None, _NOT_HEX) for line in dumped]
        yield from _in_each_order(b"".join(word[: 2 * _BYTES_OF_A_DUMP_LINE] for word in words))
        yield from _in_each_order(b"".join(words))
    tails = _HEX_TAIL.findall(text) if b"\n" in text else []
    if tails:
        yield _of_digits(b"".join(tails).translate(None, _NOT_HEX))
    for run in _HEX_RUN.finditer(text):
        digits = run[0].translate(None, _NOT_HEX)
        yield from _in_each_order(digits)
        yield _of_digits(digits[1:])


def _in_each_order(digits: bytes) -> Iterator[bytes]:
    """Yield the bytes as written, and for words of two and four bytes with the last byte first, as `od` writes them."""
    found = _of_digits(digits)
    yield found
    for size in (2, 4, 8):
        whole = found[: len(found) // size * size]
        turned = bytearray(len(whole))
        for at in range(size):
            turned[at::size] = whole[size - 1 - at :: size]
        yield bytes(turned)


def _of_digits(digits: bytes) -> bytes:
    return bytes.fromhex(digits[: len(digits) // 2 * 2].decode("ascii"))


def _from_numbers(text: bytes) -> Iterator[bytes]:
    numbers = map(int, _matches(_DECIMAL, text))
    yield bytes(number % 256 for number in numbers if -128 <= number < 256)
    for pattern, read in ((_OCTAL, _byte_of_octal), (_OCTAL_WORD, _word_of_octal)):
        yield b"".join(map(read, _matches(pattern, text)))


def _matches(pattern: re.Pattern[bytes], text: bytes) -> Iterator[bytes]:
    return (found[found.lastindex or 0] for found in islice(pattern.finditer(text), MOST_NUMBERS))


def _byte_of_octal(digits: bytes) -> bytes:
    return bytes([int(digits, 8)])


def _word_of_octal(digits: bytes) -> bytes:
    return int(digits, 8).to_bytes(2, "little")
