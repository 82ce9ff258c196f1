"""Read bytes that are written as numbers: arrays in source code, escapes in strings, hex dumps. Pure.

Nothing is interpreted: the result may be DER, PEM or anything else. All patterns take one pass. Sources: the outputs of `xxd`,
`xxd -i`, `hexdump -C` and `Format-Hex`; the notations of C, Java, JavaScript, Python, Go, Pascal and Visual Basic.
"""

import re
from collections.abc import Iterator
from itertools import islice

MIN_BYTES = 32
MAX_ARRAYS = 100
MAX_ESCAPES = 65_536  # bytes of one string: the longest certificate that is read
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
        yield b"".join(_character(*sign) for sign in _CHARACTER.findall(text)[:MAX_ESCAPES])
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


def _character(escape: bytes, letter: bytes) -> bytes:
    if letter:
        return letter
    if escape[:1] == b"x":
        return bytes.fromhex(escape[1:].decode("ascii"))
    return bytes([int(escape, 8) % 256]) if escape.isdigit() else _SIGNS.get(escape, escape)


def _escaped_string(text: bytes) -> bytes:
    """Return the bytes of a string in source code, whose parts are concatenated; of bare escapes where it has no quotes."""
    parts = [double or single for double, single in _LITERAL.findall(text)]
    written = b"".join(parts) if any(_ESCAPED_BYTE.search(part) for part in parts) else text.strip()
    return _ESCAPE.sub(_unescaped, written, count=MAX_ESCAPES)


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
