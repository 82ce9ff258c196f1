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
_TAG = re.compile(rb"</?([A-Za-z][A-Za-z0-9:]{0,40})(?:(?!-----)[^<>]){0,1000}>")  # an attribute may hold PEM
_INLINE = {b"a", b"b", b"code", b"em", b"font", b"i", b"mark", b"o:p", b"span", b"strong", b"u", b"wbr"}
_PERCENT = re.compile(rb"%[0-9A-Fa-f]{2}")
_FORM_BLANK = re.compile(rb"(?:BEGIN|END)\+[A-Z]", re.IGNORECASE)
_BACKSLASHES = re.compile(
    rb"(?<!\\)\\++(\r?\n|[nrt\"'`/$=+*_.#> -]|u[0-9A-Fa-f]{4}|u\{[0-9A-Fa-f]{1,6}\}|x[0-7][0-9A-Fa-f]|[01][0-7]{2})"
)
_ESCAPED = {b"n": b"\n", b"r": b"\r", b"t": b"\t"}
_BACKTICK = re.compile(rb"`[nrt]")  # PowerShell's backslash
_COLOUR = re.compile(rb"\x1b\[[0-9;]{0,20}[A-Za-z]")  # of a terminal
_QUOTED_PRINTABLE = re.compile(rb"=(?:[0-9A-Fa-f]{2}|[ \t]{0,8}\r?\n[A-Za-z0-9+/=]{20})")
_RTF = re.compile(rb"\\(?:'([0-9a-f]{2})|u(-?\d{1,6}) ?\??|([a-z]{1,32})(?:-?\d{1,10})? ?|([^a-z]))|[{}]", re.DOTALL)
_RTF_WORDS = {b"par": b"\n", b"line": b"\n", b"tab": b"\t", b"endash": b"-", b"emdash": b"-"}
_RTF_SIGNS = {b"~": b" ", b"_": b"-", b"\n": b"\n", b"\r": b"\n", b"\\": b"\\", b"{": b"{", b"}": b"}"}

# The lines of armour, also with other dashes than five hyphens, blanks around the words or none between them, in any case.
_ARMOUR = re.compile(
    rb"(?<![-_=~*])[-_=~*]{1,80}+\s{0,8}+(BEGIN|END)[\s_]{0,8}+([A-Z0-9#][A-Z0-9#._ \t]{1,60}?)\s{0,8}[-_=~*]{1,80}",
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
# Numbers of Verilog, Erlang and VHDL, what Rust and Kotlin write behind a number, and the names of a JSON object of bytes.
_OTHER_HEX = re.compile(rb"(?<![0-9A-Za-z])(?:8'[hH]|16#|[xX]\")([0-9A-Fa-f]{2})(?:#|\"|(?![0-9A-Fa-f]))")
_AROUND_NUMBER = re.compile(
    rb"(?<=[0-9A-Fa-f])(?:_?u8|[uU]|\.toU?Byte\(\))(?![0-9A-Za-z])|\"\d{1,6}\"\s{0,8}:\s{0,8}(?=\d)"
)
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
_HEX_RUN = re.compile(
    rb"(?<![0-9A-WYZa-wyz+/])[0-9A-Fa-f]{2}(?:[ :,;_.\-]{0,2}(?:\\?\r?\n[ \t]{0,24})?[0-9A-Fa-f]{2})*+"
)
_TURNED = re.compile(rb"[\x81-\x83]0|----B-")  # `hexdump` and `od -x` write words of two bytes, the last byte first
_HEX_TAIL = re.compile(rb"[\s:|\]]((?:[0-9A-Fa-f]{2}[ :,-])*+[0-9A-Fa-f]{2})[ ,]{0,4}\r?$", re.MULTILINE)  # of a log
_RECORD = re.compile(rb"^(?:(:)|S([123]))([0-9A-Fa-f]{2})([0-9A-Fa-f]{6,520})\r?$", re.MULTILINE)  # Intel, Motorola
_SEAM = re.compile(
    rb"(?:\\[nr]){0,4}+[\"'`][\s+.&|\\,;()]{0,80}[\"'`]|(?m:^)"
    + _LINE_NUMBER.pattern
    + rb"(?=[A-Za-z0-9+/]{20}|[A-Za-z0-9+/=]{1,80}\s{0,9}\Z)"
)


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
    joined = () if b"-----" in plain else (_SEAM.sub(b"\n", text, count=MAX_ESCAPES),)  # base64 in literals or lines
    return list(dict.fromkeys([data, text, plain, *written_bytes(text), *written_bytes(plain), *joined]))


def unescaped(text: bytes) -> bytes:
    """Return the text without escapes, markup, quotation marks, line numbers and typographic dashes around PEM."""
    text = _with_plain_armour(_without_markup(_COLOUR.sub(b"", text)))
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
    if b"`" in text:
        text = _BACKTICK.sub(b"\n", text, count=MAX_ESCAPES)
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
    if b"BEGIN" not in (capitals := text.upper()) and b"END" not in capitals:  # much faster than the expressions
        return text
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
    """Return the body of a PEM block without what is around each line. `begin` is where its first line starts."""
    nearest = max(begin - 200, text.rfind(b"\n", max(0, begin - 200), begin) + 1)
    prefix = text[nearest:begin]
    quote = prefix.rstrip()[-1:]
    if quote in (b'"', b"'", b"`") and quote in body:
        return b"\n".join(body.split(quote)[::2])  # inside and outside of the quotation marks in turn
    suffix, *lines = body.replace(b"\r", b"\n").split(b"\n")
    if not lines or not (prefix.strip() or suffix.strip() or all(line[:1] == b"-" for line in lines if line)):
        return body
    if prefix and len(lines[-1]) <= len(prefix) + 3:
        lines[-1] = b""  # what precedes the END line
    found = [_without_prefix(line, prefix or b"-") for line in lines]
    if _is_suffix(suffix):
        found = [line.partition(suffix.split()[0])[0] for line in found]
    return b"\n".join((b"", *found))


def _is_suffix(text: bytes) -> bool:
    """Return whether this follows each line, as the "$" of `cat -A`."""
    return bool(text.strip()) and not text.strip()[:1].translate(None, b"|$^>\\,;\xe2")


def _without_prefix(line: bytes, prefix: bytes) -> bytes:
    sign = prefix.strip()
    number = _LINE_NUMBER.match(line)
    if number is not None and _LINE_NUMBER.fullmatch(prefix):
        return line[number.end() :]
    if line.lstrip().startswith(sign):
        return line.lstrip()[len(sign) :]
    if _QUOTE_MARKS.fullmatch(prefix):
        return line.lstrip(b" \t>|#*;:%!")
    if line[len(prefix) - 1 : len(prefix)] == prefix[-1:] and not line[len(prefix) :].translate(None, _BASE64):
        return line[len(prefix) :]  # a column as wide as that of the first line
    if prefix[-1:] in b":|)>" and prefix[-1:] in line:
        return line.rpartition(prefix[-1:])[2]
    words = line.split()
    place = len(prefix.split())
    return words[place] if prefix[-1:] in b" \t" and len(words) > place else line


def written_bytes(text: bytes) -> Iterator[bytes]:
    """Yield the bytes of each array, escaped string, hex dump and run of hex digits, at least `MIN_BYTES` long.

    Arguments: `text`, of bounded length. What has other bytes before a certificate or key is yielded from there too.
    """
    for found in islice((found for found in _all(text) if len(found) >= MIN_BYTES), MAX_ARRAYS):
        yield found
        start = found.find(b"\x30\x82")
        if start > 0:
            yield found[start:]


def _all(text: bytes) -> Iterator[bytes]:
    for dump in (_dumped(text), b"".join(map(_of_record, _RECORD.findall(text)))):
        if dump:
            yield _turned(dump) if _TURNED.match(dump) else dump
            return
    yield from _arrays(text)
    if _ESCAPED_BYTE.search(text):
        yield _escaped_string(text)
    for run in _HEX_RUN.finditer(text) if len(text) >= 2 * MIN_BYTES else ():
        if run.end() - run.start() >= 2 * MIN_BYTES:
            yield bytes.fromhex(_NOT_HEX.sub(b"", run[0]).decode("ascii"))
    yield from _logged(text)


def _turned(words: bytes) -> bytes:
    turned = bytearray(len(words) // 2 * 2)
    turned[0::2], turned[1::2] = words[1::2], words[0 : len(turned) : 2]
    return bytes(turned)


def _of_record(record: tuple[bytes, bytes, bytes, bytes]) -> bytes:
    """Return the data of a line of a firmware file in Intel's or Motorola's hex."""
    intel, motorola, count, digits = record
    size, rest = int(count, 16), bytes.fromhex(digits.decode("ascii")) if len(digits) % 2 == 0 else b""
    if intel:
        return rest[3:-1] if len(rest) == size + 4 and rest[2:3] == b"\0" else b""
    return rest[int(motorola) + 1 : -1] if len(rest) == size else b""


def _logged(text: bytes) -> Iterator[bytes]:
    """Yield the bytes at the ends of lines, as a device logs them behind a time and a name."""
    tails = [tail.translate(None, b" :,-") for tail in _HEX_TAIL.findall(text)] if b"\n" in text else []
    whole = [at for at, tail in enumerate(tails) if len(tail) >= 16]
    if len(whole) > 1:
        yield bytes.fromhex(b"".join(tails[whole[0] : whole[-1] + 2]).decode("ascii"))


def _arrays(text: bytes) -> Iterator[bytes]:
    if b"," not in text and b"[" not in text:
        return
    if b"'," in text:
        form = b"0x%02x" if _HEX_NUMBER.search(text) else b"%d"
        text = _CHARACTER.sub(lambda found: form % _letter(*found.groups()), text, count=MAX_STRING_BYTES)
    text = _AROUND_NUMBER.sub(b"", _OTHER_HEX.sub(rb"0x\1", _CAST.sub(b"", _COMMENT.sub(b"\n", text))))
    for piece in _ARRAY_END.split(text):
        if piece.count(b",") < MIN_BYTES // 8 and (b"," in piece or len(piece) < 2 * MIN_BYTES):
            continue
        usual, intel = _HEX_NUMBER.findall(_SHORT_NUMBER.sub(rb"0x0\1", piece)), _INTEL_NUMBER.findall(piece)
        numbers = max(usual, intel, key=len)
        if numbers:
            yield bytes.fromhex(b"".join(numbers).decode("ascii"))
        elif _DECIMAL_LIST.fullmatch(piece):
            yield _decimals(piece)


def _decimals(piece: bytes) -> bytes:
    words = piece.replace(b",", b" ").split()
    try:
        numbers = [int(word, 8 if words[0][:1] == b"0" < words[0] else 10) for word in words]  # octal as in C
    except ValueError:
        return b""
    return bytes(number % 256 for number in numbers) if min(numbers) >= -128 and max(numbers) < 256 else b""


def _letter(escape: bytes | None, letter: bytes) -> int:
    if escape is None:
        return letter[0]
    if escape[:1] == b"x":
        return int(escape[1:], 16)
    return int(escape, 8) % 256 if escape.isdigit() else _SIGNS.get(escape, escape)[0]


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


def _dumped(text: bytes) -> bytes:
    """Return the bytes of a hex dump. The offsets of two lines, in hex, octal or decimal, say how many the first one has."""
    lines = _DUMP_LINE.findall(text)[:MAX_LINES] if b"\n" in text else []
    if len(lines) < 2:
        return b""
    return next(filter(None, (_dumped_with(lines, base) for base in (16, 8, 10))), b"")


def _dumped_with(lines: list[tuple[bytes, bytes]], base: int) -> bytes:
    try:
        offsets = [int(offset, base) for offset, _ in lines]
    except ValueError:
        return b""
    width, found = offsets[1], []
    if not 1 <= width <= 64 or any(offset != number * width for number, offset in enumerate(offsets)):
        return b""
    for _, rest in lines:
        words = _HEX_WORDS.match(rest)
        found.append(_NOT_HEX.sub(b"", words[0])[: 2 * width] if words is not None else b"")
    if any(len(row) < 2 * width for row in found[:-1]):
        return b""
    return bytes.fromhex(b"".join(found).decode("ascii"))
