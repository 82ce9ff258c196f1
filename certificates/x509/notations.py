"""Undo the notations in which people paste PEM and DER: source code, mail, office documents, dumps. Pure.

`plain_forms` is called before anything looks for a certificate or a private key. It knows neither: it only undoes escapes, and
reads bytes that are written as numbers. Each step takes one pass over at most `MAX_BYTES`, and none makes the text much longer.
Sources: RFC 7468 (PEM), RFC 2045 (quoted-printable), RFC 3986 (percent encoding), RFC 8259 (JSON), Rich Text Format 1.9.1.
"""

import binascii
import html
import re
import unicodedata
from collections.abc import Iterator
from itertools import islice

from certificates.x509.containers import MAX_ARMOUR_LINES, as_text, is_text
from certificates.x509.text import is_invisible

MAX_BYTES = 1_048_576
MAX_ROUNDS = 3  # of text that was escaped more than once
MAX_ESCAPES = 20_000  # of each kind: undone one by one, while a certificate has about a thousand characters

_ENTITY = re.compile(rb"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]{2,12});")
_TAG = re.compile(rb"</?([A-Za-z][A-Za-z0-9:]{0,40})[^<>]{0,1000}>")
_INLINE = {b"a", b"b", b"code", b"em", b"font", b"i", b"mark", b"o:p", b"span", b"strong", b"u", b"wbr"}
_PERCENT = re.compile(rb"%[0-9A-Fa-f]{2}")
_FORM_BLANK = re.compile(rb"(?:BEGIN|END)\+[A-Z]", re.IGNORECASE)
_BACKSLASHES = re.compile(
    rb"(?<!\\)\\++(\r?\n|[nrt\"'`/$=+*_.#> -]|u[0-9A-Fa-f]{4}|u\{[0-9A-Fa-f]{1,6}\}|x[0-7][0-9A-Fa-f]|[01][0-7]{2})"
)
_ESCAPED = {b"n": b"\n", b"r": b"\r", b"t": b"\t"}
_QUOTED_PRINTABLE = re.compile(rb"=(?:[0-9A-Fa-f]{2}|[ \t]{0,8}\r?\n[A-Za-z0-9+/=]{8})")
_RTF = re.compile(rb"\\(?:'([0-9a-f]{2})|u(-?\d{1,6}) ?\??|([a-z]{1,32})(?:-?\d{1,10})? ?|([^a-z]))|[{}]", re.DOTALL)
_RTF_WORDS = {b"par": b"\n", b"line": b"\n", b"tab": b"\t", b"endash": b"-", b"emdash": b"-"}
_RTF_SIGNS = {b"~": b" ", b"_": b"-", b"\n": b"\n", b"\r": b"\n", b"\\": b"\\", b"{": b"{", b"}": b"}"}

# The lines of armour, also with other dashes than five hyphens, blanks around the words or none between them, in any case.
_ARMOUR = re.compile(
    rb"(?<![-_=~*])[-_=~*]{1,80}+[ \t]{0,8}+(BEGIN|END)[ \t_]{0,8}+([A-Z0-9#][A-Z0-9#._ \t]{1,60}?)[ \t]{0,8}[-_=~*]{1,80}",
    re.IGNORECASE,
)
_BARE_ARMOUR = re.compile(
    rb"^[ \t]{0,80}+(BEGIN|END)[ \t_]{1,8}([A-Z0-9 ]{0,20}CERTIFICATE)[ \t\r]{0,80}$", re.I | re.M
)
_PLAIN_ARMOUR = re.compile(rb"-----(BEGIN|END) ([A-Z0-9#. ]{1,62})-----")
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-_ \t\r\n\x0b\x0c"
_LINE_NUMBER = re.compile(rb"[ \t]{0,20}[\[(]?\d{1,7}[\])]?[ \t]{0,8}[:.|)>\t -][ \t]{0,20}")
_QUOTE_MARKS = re.compile(rb"[ \t>|#*;:%!]+")

_LINE_BREAKS = "\x0b\x0c\x85\u2028\u2029"
_DASHES = "\u2212\u2500\u2501\u2504\u2508\u23af\u30fc\u02d7\u2043\u207b\u208b\uff70"  # besides the category Pd
_DOUBLE_QUOTES, _SINGLE_QUOTES = "“”„‟«»″＂", "‘’‚‛‹›′´"

# Bytes that are written as numbers: arrays in source code, escapes in strings, hex dumps.
MIN_BYTES = 32
MAX_ARRAYS = 100
MAX_STRING_BYTES = 65_536  # bytes of one string: the longest certificate that is read
MAX_LINES = 8192  # of a dump

_COMMENT = re.compile(rb"/\*[^*]{0,400}\*/|(?:^|[ \t,])//[^\n]{0,400}|(?:^|[ \t,])#[^\n]{0,400}", re.MULTILINE)
_CAST = re.compile(rb"\((?:unsigned[ \t]{1,4}char|byte|u?char|u?int8(?:_t)?|sbyte)\)", re.IGNORECASE)
_ARRAY_END = re.compile(rb"[{}\[\]();=]|<<|>>")
_SHORT_NUMBER = re.compile(rb"(?:0[xX]|\$|&[hH])([0-9A-Fa-f])(?![0-9A-Fa-f])")
_HEX_NUMBER = re.compile(rb"(?:0[xX]|\$|&[hH])((?:[0-9A-Fa-f]{2}){1,8})(?![0-9A-Fa-f])")
_INTEL_NUMBER = re.compile(rb"(?<![0-9A-Za-z])0?([0-9A-Fa-f]{2})[hH](?![0-9A-Za-z])")
_CHARACTER = re.compile(rb"'(?:\\(x[0-9A-Fa-f]{2}|[0-7]{1,3}|[nrt0\\'\"])|([^'\\]))'")
_DECIMAL_LIST = re.compile(rb"[-0-9,\s]+")
_ESCAPE = re.compile(rb"\\(?:x([0-9A-Fa-f]{2})|([0-3][0-7]{2})|([nrtabfv0\\'\"]))|(\"[^\"\\]{0,400}\")", re.DOTALL)
_ESCAPED_BYTE = re.compile(rb"\\(?:x[0-9A-Fa-f]{2}|[0-3][0-7]{2})")
_SIGNS = {
    b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v", b"0": b"\0",
}  # fmt: skip
_LITERAL = re.compile(rb"\"((?:[^\"\\]|\\.)*+)(?:\"|\Z)|'((?:[^'\\]|\\.)*+)(?:'|\Z)", re.DOTALL)
_DUMP_LINE = re.compile(
    rb"^[ \t]{0,20}(?:0x)?([0-9A-Fa-f]{4,16})[:|]?[ \t]{1,8}([0-9A-Fa-f]{2}[^\r\n]{0,400})", re.MULTILINE
)
_HEX_WORDS = re.compile(rb"(?:(?:[0-9A-Fa-f]{2}){1,16}+[ \t]{0,2}+)*+")
_NOT_HEX = re.compile(rb"[^0-9A-Fa-f]+")
_HEX_RUN = re.compile(rb"(?<![0-9A-WYZa-wyz+/])[0-9A-Fa-f]{2}(?:[ :,;_.\-]{0,2}[0-9A-Fa-f]{2})*+")


def plain_forms(data: bytes) -> list[bytes]:
    """Return the data as it is, then what remains when its notation is undone: text, and bytes written as numbers.

    Arguments: `data`, raw bytes, of which the first `MAX_BYTES` count. Forms that are equal are returned once, and binary
    data has no other form.
    """
    data = data[:MAX_BYTES]
    text = as_text(data)
    if not is_text(text):
        return [data]
    plain = unescaped(text)
    return list(dict.fromkeys([data, text, plain, *written_bytes(text), *written_bytes(plain)]))


def unescaped(text: bytes) -> bytes:
    """Return the text without escapes, markup, quotation marks, line numbers and typographic dashes around PEM."""
    text = _without_markup(text)
    for undo in (_without_percent_signs, _without_backslashes, _without_quoted_printable, in_ascii):
        text = undo(text)
    return _without_prefixes(_with_plain_armour(text))


def _without_markup(text: bytes) -> bytes:
    if text[:200].lstrip().startswith(b"{\\rtf"):
        return _RTF.sub(_rtf_part, text, count=MAX_ESCAPES)
    for _ in range(MAX_ROUNDS):
        if b"&" not in text or not _ENTITY.search(text):
            break
        text = _ENTITY.sub(_entity, text, count=MAX_ESCAPES)
    return _TAG.sub(_tag, text, count=MAX_ESCAPES) if b"<" in text else text


def _entity(found: re.Match[bytes]) -> bytes:
    return html.unescape(found[0].decode("ascii")).encode("utf-8", "replace")


def _tag(found: re.Match[bytes]) -> bytes:
    return b"" if found[1].lower() in _INLINE else b"\n"


def _rtf_part(found: re.Match[bytes]) -> bytes:
    byte, number, word, sign = found.groups()
    if byte is not None:
        return bytes.fromhex(byte.decode("ascii")).decode("cp1252", "replace").encode("utf-8")
    if number is not None:
        return _character(int(number) % 65536)
    return _RTF_WORDS.get(word, b"") if word is not None else _RTF_SIGNS.get(sign or b"", b"")


def _character(number: int) -> bytes:
    return chr(number).encode("utf-8", "replace") if number < 0x110000 else b""


def _without_percent_signs(text: bytes) -> bytes:
    for _ in range(MAX_ROUNDS):
        if b"%" not in text or not _PERCENT.search(text):
            break
        if _FORM_BLANK.search(text):
            text = text.replace(b"+", b" ")
        text = binascii.a2b_qp(text.replace(b"=", b"=3D").replace(b"%", b"="))  # the same escapes with another sign
    return text


def _without_backslashes(text: bytes) -> bytes:
    """Undo the escapes of JSON, C and shells, also where each backslash was escaped again."""
    return _BACKSLASHES.sub(_backslash, text, count=MAX_ESCAPES) if b"\\" in text else text


def _backslash(found: re.Match[bytes]) -> bytes:
    sign = found[1]
    if len(sign) == 1 or sign == b"\r\n":
        return _ESCAPED.get(sign, sign)
    digits = sign.strip(b"ux{}")
    return _character(int(digits, 8 if sign[:1].isdigit() else 16))


def _without_quoted_printable(text: bytes) -> bytes:
    return binascii.a2b_qp(text) if b"=" in text and _QUOTED_PRINTABLE.search(text) else text


def in_ascii(text: bytes) -> bytes:
    """Return the text with hyphens for all dashes, blanks for all spaces, and no invisible characters."""
    if text.isascii():
        return text
    try:
        readable = text.decode("utf-8")
    except UnicodeDecodeError:
        readable = text.decode("cp1252", "replace")
    table = {ord(letter): _ascii(letter) for letter in set(readable) if not letter.isascii()}
    return readable.translate(table).encode("utf-8", "replace")


def _ascii(letter: str) -> str:
    category = unicodedata.category(letter)
    if category == "Pd" or letter in _DASHES:
        return "-"
    if letter in _LINE_BREAKS:
        return "\n"
    if category == "Zs":
        return " "
    if is_invisible(letter):
        return ""
    if letter in _DOUBLE_QUOTES or letter in _SINGLE_QUOTES:
        return '"' if letter in _DOUBLE_QUOTES else "'"
    return chr(ord(letter) - 0xFEE0) if "\uff01" <= letter <= "\uff5e" else letter


def _with_plain_armour(text: bytes) -> bytes:
    text = _ARMOUR.sub(_plain_line, text, count=MAX_ARMOUR_LINES)
    return _BARE_ARMOUR.sub(_plain_line, text, count=MAX_ARMOUR_LINES)


def _plain_line(found: re.Match[bytes]) -> bytes:
    label = b" ".join(found[2].upper().replace(b"_", b" ").split())
    return b"-----" + found[1].upper() + b" " + label + b"-----"


def _without_prefixes(text: bytes) -> bytes:
    """Remove what precedes each line of a PEM block: quotation marks, line numbers, comment signs, timestamps."""
    return b"".join(_pieces(text))


def _pieces(text: bytes) -> Iterator[bytes]:
    begin: re.Match[bytes] | None = None
    done = 0
    for line in islice(_PLAIN_ARMOUR.finditer(text), MAX_ARMOUR_LINES):
        if line[1] == b"BEGIN":
            begin = line
        elif begin is not None and begin[2] == line[2]:
            yield text[done : begin.end()]
            yield _body(text, begin.start(), text[begin.end() : line.start()])
            done, begin = line.start(), None
    yield text[done:]


def _body(text: bytes, begin: int, body: bytes) -> bytes:
    """Return the body of a PEM block without what precedes each line. `begin` is where its first line starts."""
    nearest = max(begin - 200, text.rfind(b"\n", max(0, begin - 200), begin) + 1)
    prefix = text[nearest:begin]
    quote = prefix.rstrip()[-1:]
    if quote in (b'"', b"'", b"`") and quote in body:
        return b"\n".join(body.split(quote)[::2])  # inside and outside of the quotation marks in turn
    if not prefix.strip() or b"\n" not in body.strip():
        return body
    return b"\n".join(_without_prefix(line, prefix) for line in body.replace(b"\r", b"\n").split(b"\n"))


def _without_prefix(line: bytes, prefix: bytes) -> bytes:
    sign = prefix.strip()
    number = _LINE_NUMBER.match(line)
    if number is not None and _LINE_NUMBER.fullmatch(prefix):
        return line[number.end() :]
    if line.lstrip().startswith(sign):
        return line.lstrip()[len(sign) :]
    if _QUOTE_MARKS.fullmatch(prefix):
        return line.lstrip(b" \t>|#*;:%!")
    words = line.split()
    place = len(prefix.split())
    return words[place] if prefix[-1:] in b" \t" and len(words) > place else line


def written_bytes(text: bytes) -> Iterator[bytes]:
    """Yield the bytes of each array, escaped string, hex dump and run of hex digits, at least `MIN_BYTES` long.

    Arguments: `text`, of bounded length.
    """
    yield from islice(filter(_is_long_enough, _all(text)), MAX_ARRAYS)


def _is_long_enough(found: bytes) -> bool:
    return len(found) >= MIN_BYTES


def _all(text: bytes) -> Iterator[bytes]:
    dump = b"".join(_dumped(text))
    if dump:
        yield dump
        return
    yield from _arrays(text)
    if _ESCAPED_BYTE.search(text):
        yield _escaped_string(text)
    for run in _HEX_RUN.finditer(text):
        if run.end() - run.start() >= 2 * MIN_BYTES:
            yield bytes.fromhex(_NOT_HEX.sub(b"", run[0]).decode("ascii"))


def _arrays(text: bytes) -> Iterator[bytes]:
    if b"," not in text:
        return
    if text.count(b"',") >= MIN_BYTES:
        yield b"".join(_letter(*sign) for sign in _CHARACTER.findall(text)[:MAX_STRING_BYTES])
    for piece in _ARRAY_END.split(_CAST.sub(b"", _COMMENT.sub(b"\n", text))):
        if piece.count(b",") < MIN_BYTES // 8:
            continue
        usual, intel = _HEX_NUMBER.findall(_SHORT_NUMBER.sub(rb"0x0\1", piece)), _INTEL_NUMBER.findall(piece)
        numbers = max(usual, intel, key=len)
        if numbers:
            yield bytes.fromhex(b"".join(numbers).decode("ascii"))
        elif _DECIMAL_LIST.fullmatch(piece):
            yield _decimals(piece)


def _decimals(piece: bytes) -> bytes:
    try:
        numbers = list(map(int, piece.strip().strip(b",").split(b",")))
    except ValueError:
        return b""
    return bytes(number % 256 for number in numbers) if min(numbers) >= -128 and max(numbers) < 256 else b""


def _letter(escape: bytes, letter: bytes) -> bytes:
    if letter:
        return letter
    if escape[:1] == b"x":
        return bytes.fromhex(escape[1:].decode("ascii"))
    return bytes([int(escape, 8) % 256]) if escape.isdigit() else _SIGNS.get(escape, escape)


def _escaped_string(text: bytes) -> bytes:
    """Return the bytes of a string in source code, whose parts are concatenated; of bare escapes where it has no quotes."""
    parts = [double or single for double, single in _LITERAL.findall(text)]
    written = b"".join(parts) if any(_ESCAPED_BYTE.search(part) for part in parts) else text.strip()
    return _ESCAPE.sub(_unescaped, written, count=MAX_STRING_BYTES)


def _unescaped(found: re.Match[bytes]) -> bytes:
    digits, octal, sign, other = found.groups()
    if digits is not None:
        return bytes.fromhex(digits.decode("ascii"))
    if octal is not None:
        return bytes([int(octal, 8)])
    return _SIGNS.get(sign, sign) if sign is not None else other or b""


def _dumped(text: bytes) -> Iterator[bytes]:
    """Yield the bytes of each line of a hex dump. The offsets of two lines say how many bytes the first one has."""
    lines = _DUMP_LINE.findall(text)
    if len(lines) < 2 or int(lines[0][0], 16) != 0:
        return
    width = int(lines[1][0], 16)
    if not 1 <= width <= 64:
        return
    for number, (offset, rest) in enumerate(lines[:MAX_LINES]):
        words = _HEX_WORDS.match(rest)
        if int(offset, 16) != number * width or words is None:
            return
        yield bytes.fromhex(_NOT_HEX.sub(b"", words[0])[: 2 * width].decode("ascii"))
