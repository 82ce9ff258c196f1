"""Find traces of private keys in any text or file: unencrypted, in PEM, DER, hex or base64.

`tests.key_watch.plugin` searches after each test and at the end of the run. Keys that a test must write for another program
are in files named *.key (for a client) or in a folder named corpus (for a fuzzer). These are ignored; a key in any other file is
a leak.
"""

import base64
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, rsa

_WINDOW = 32  # characters of base64 to search for
_PIECE = 24  # bytes of a key
_HEX = 2 * _PIECE
_BLOCK = 16  # bytes: whatever contains 32 consecutive ones contains a block of these that begins at a multiple of 16
_BETWEEN = b"\r\n\0 :\t"  # separators within one text: line breaks, colons, the zero bytes of UTF-16
_WRITTEN_BREAKS = re.compile(rb"\\+[rn]")  # as JSON and Python escape them, also one within the other
_ESCAPE = re.compile(rb"\\.", re.DOTALL)
_DER_NUMBER = re.compile(rb"\x04\x20(?=(.{32}))", re.DOTALL)  # RFC 5915: the private key of P-256
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{%d,}" % _WINDOW)
_HEX_DIGITS = re.compile(rb"[0-9a-fA-F]{%d,}" % _HEX)


class KeyTraces:
    """The keys to search for. Searching for thousands costs no more than for one."""

    def __init__(self) -> None:
        self._numbers: set[bytes] = set()
        self._in_base64: set[bytes] = set()
        self._in_hex: set[bytes] = set()
        self._pieces: set[bytes] = set()  # raw bytes at any place: for a few keys only
        self._as_brought: set[bytes] = set()
        self._blocks_as_brought: set[bytes] = set()  # all blocks at the beginning of those

    def add(self, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, *, anywhere: bool = False) -> None:
        """Search for this key from now on; with `anywhere`, also for its bytes outside of DER."""
        if isinstance(key, ec.EllipticCurvePrivateKey):
            size = (key.curve.key_size + 7) // 8
            number = key.private_numbers().private_value.to_bytes(size, "big")
            self._numbers.add(number)
        else:
            exponent = key.private_numbers().d  # DER writes it without leading zeros, unlike the number above
            number = exponent.to_bytes((exponent.bit_length() + 7) // 8, "big")
        self.add_bytes(number, anywhere=anywhere)

    def add_bytes(self, secret: bytes, *, anywhere: bool = True) -> None:
        """Search for the beginning of these bytes."""
        assert len(secret) >= 32
        self._in_hex.add(secret[:_PIECE].hex().encode())
        for shift in range(3):  # wherever they begin in a base64 text
            self._in_base64.add(base64.b64encode(b"\0" * shift + secret[:32])[4 : 4 + _WINDOW])
        if anywhere:
            self._pieces |= {secret[:_PIECE], _as_python_writes(secret[:_PIECE])}

    def add_file(self, data: bytes, *, public: bytes) -> None:
        """Search for a piece of this uploaded file that does not occur in `public`."""
        pieces = (data[at : at + _WINDOW] for at in range(len(data) - _WINDOW, 0, -_WINDOW))
        secret = next((piece for piece in pieces if piece not in public and len(set(piece)) > 8), None)
        if secret is not None:
            for piece in (secret, _as_python_writes(secret)):
                self._as_brought.add(piece)
                self._blocks_as_brought |= {piece[at : at + _BLOCK] for at in range(_WINDOW - _BLOCK + 1)}

    def found_in(self, data: bytes, *, as_brought: bool = False) -> bool:
        """Return whether one of the keys is in the data; with `as_brought`, also as a piece of an uploaded file."""
        unquoted = _without_quote_escapes(data)  # a log may have written bytes as Python does
        for written in (data,) if unquoted is data else (data, unquoted):
            if any(piece in written for piece in self._pieces) or (as_brought and self._has_brought(written)):
                return True
        if any(found[1] in self._numbers for found in _DER_NUMBER.finditer(data)):
            return True
        has_breaks = b"\\r" in data or b"\\n" in data
        text = (_WRITTEN_BREAKS.sub(b"", data) if has_breaks else data).translate(None, _BETWEEN)
        return any(window in self._in_base64 for window in _windows(_BASE64, text, _WINDOW)) or any(
            window in self._in_hex for window in _windows(_HEX_DIGITS, text, _HEX, lower=True)
        )

    def _has_brought(self, data: bytes) -> bool:
        """Return whether one of a hundred pieces is in the data: one look at each block shows that hardly any data has one."""
        blocks = (data[at : at + _BLOCK] for at in range(0, len(data), _BLOCK))
        return not self._blocks_as_brought.isdisjoint(blocks) and any(piece in data for piece in self._as_brought)

    def files_with_keys(self, folders: Iterable[Path]) -> list[Path]:
        """Return the files with one of the keys, except those for client programs."""
        return sorted(
            path for folder in folders for path in _files(folder) if self.found_in(_read(path), as_brought=True)
        )


def _as_python_writes(data: bytes) -> bytes:
    return _without_quote_escapes(repr(data)[2:-1].encode())


def _without_quote_escapes(written: bytes) -> bytes:
    r"""Return a text as Python writes bytes with ' for \': which of the two it writes depends on the other quotes in the text.

    Reads escapes from the left, two characters each: in \\\' the first two are a backslash, and the last two are the quote.
    """
    return _ESCAPE.sub(lambda found: found[0].replace(b"\\'", b"'"), written) if b"\\'" in written else written


def _windows(pattern: re.Pattern[bytes], text: bytes, size: int, *, lower: bool = False) -> Iterator[bytes]:
    for found in pattern.findall(text):
        run = found.lower() if lower else found
        yield from (run[at : at + size] for at in range(len(run) - size + 1))


def _files(folder: Path) -> Iterator[Path]:
    for inside, _, names in os.walk(folder):
        is_given = "corpus" in Path(inside).relative_to(folder).parts
        for path in () if is_given else map(Path(inside).joinpath, names):
            if path.suffix != ".key" and path.name != "corpus" and path.is_file() and not path.is_symlink():
                yield path


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""  # deleted meanwhile, or a socket
