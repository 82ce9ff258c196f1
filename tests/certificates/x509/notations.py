"""The notations in which people paste a PEM file or DER, as functions, for tests of certificates and of private keys."""

import html
import json
import quopri
from base64 import b64encode
from collections.abc import Callable
from urllib.parse import quote, quote_plus

Notation = Callable[[bytes], bytes]


def _lines(form: str, joined: str = "\n", around: str = "{}") -> Notation:
    """Return the notation that writes each line as `form`: `{}` is the line and `{n}` its number."""

    def written(pem: bytes) -> bytes:
        lines = pem.decode().splitlines()
        body = joined.join(form.replace("{n}", str(number)).replace("{}", line) for number, line in enumerate(lines, 1))
        return around.replace("{}", body).encode()

    return written


def _replaced(*pairs: tuple[str, str], encoding: str = "utf-8") -> Notation:
    def written(pem: bytes) -> bytes:
        text = pem.decode()
        for old, new in pairs:
            text = text.replace(old, new)
        return text.encode(encoding)

    return written


def _per_byte(form: str, joined: str = ", ", around: str = "{}", *, width: int = 10_000, between: str = "") -> Notation:
    def written(data: bytes) -> bytes:
        rows = (data[at : at + width] for at in range(0, len(data), width))
        return around.replace(
            "{}", between.join(joined.join(form.format(byte) for byte in row) for row in rows)
        ).encode()

    return written


def _dump(line: str, size: int) -> Notation:
    def written(data: bytes) -> bytes:
        found = []
        for at in range(0, len(data), 16):
            row = data[at : at + 16]
            words = " ".join(row[i : i + size].hex() for i in range(0, len(row), size))
            text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
            found.append(line.format(at=at, words=words, text=text))
        return "\n".join(found).encode()

    return written


def _turned_dump(line: str) -> Notation:
    """A dump of words of two bytes, the last byte first."""

    def written(data: bytes) -> bytes:
        padded = data + b"\0" * (len(data) % 2)
        turned = bytes(byte for at in range(0, len(padded), 2) for byte in (padded[at + 1], padded[at]))
        return _dump(line, 2)(turned)

    return written


def _records(data: bytes, line: str, extra: int) -> bytes:
    """Lines of a firmware file. `extra`: bytes that the size counts besides the data."""
    rows = ((at, data[at : at + 16]) for at in range(0, len(data), 16))
    made = (line.format(size=len(row) + extra, at=at, row=row.hex().upper(), sum=sum(row) % 256) for at, row in rows)
    return "\n".join(made).encode()


def _full_width(pem: bytes) -> bytes:
    return "".join(chr(ord(sign) + 0xFEE0) if "!" <= sign <= "~" else sign for sign in pem.decode()).encode()


OF_TEXT: dict[str, Notation] = {
    "C string": _lines('"{}\\n"', "\n", "static const char ca[] =\n{};"),
    "#define": _lines('"{}\\r\\n"', " \\\n", "#define CA_CERT \\\n{}\n"),
    "JavaScript, joined with +": _lines("'{}\\n'", " +\n  ", "const ca = {};"),
    "shell, in apostrophes": _lines("'{}'", "$'\\n'", "CA={}"),
    "JSON": lambda pem: json.dumps({"certificatePem": pem.decode()}).encode(),
    "JSON in JSON": lambda pem: json.dumps(json.dumps({"pem": pem.decode()})).encode(),
    "JSON, three times": lambda pem: json.dumps(json.dumps(json.dumps(pem.decode()))).encode(),
    "JSON, array of lines": lambda pem: json.dumps(pem.decode().splitlines()).encode(),
    "JSON, ASCII escapes": _replaced(("-", "\\u002d"), ("\n", "\\u000a"), ("=", "\\u003d")),
    "YAML": _lines("    {}", "\n", "ca: |\n{}\n"),
    "a quotation in mail": _lines("> {}"),
    "a quotation of a quotation": _lines("> >{}"),
    "line numbers, as cat -n": _lines("    {n}\t{}"),
    "line numbers and a blank": _lines("{n} {}"),
    "line numbers, as grep -n": _lines("{n}:{}"),
    "a list": _lines("{n}. {}"),
    "comments with //": _lines("// {}"),
    "comments with #": _lines("# {}"),
    "a patch": _lines("+{}"),
    "a log": _lines("2026-03-01T12:00:00Z api-7 | {}"),
    "tabs": _lines("\t{}\t"),
    "carriage returns only": _replaced(("\n", "\r")),
    "quoted-printable": lambda pem: quopri.encodestring(pem),
    "quoted-printable, long line": lambda pem: quopri.encodestring(
        b"\n".join((pem.splitlines()[0], b"".join(pem.splitlines()[1:-1]), pem.splitlines()[-1]))
    ),
    "quoted-printable dashes": _replaced(("=", "=3D"), ("-", "=2D")),
    "en dashes": _replaced(("--", "–")),
    "em dashes": _replaced(("-----", "—-")),
    "one em dash": _replaced(("-----", "—")),
    "minus signs": _replaced(("-", "−")),
    "en dashes in Windows-1252": _replaced(("-----", "--–"), encoding="cp1252"),
    "four dashes": _replaced(("-----", "----")),
    "no dashes": _replaced(("-----", "")),
    "blanks inside the dashes": _replaced(("-----BEGIN", "----- BEGIN"), ("E-----", "E -----"), ("Y-----", "Y -----")),
    "no blank after BEGIN": _replaced(("BEGIN ", "BEGIN")),
    "two blanks": _replaced(("BEGIN ", "BEGIN  ")),
    "lower case": _replaced(("BEGIN ", "begin "), ("END ", "end "), ("CERTIFICATE", "certificate"), ("PRIVATE KEY", "private key")),
    "zero-width spaces": _replaced(("BEGIN", "BE\u200bGIN"), ("\n", "\u200b\n")),
    "word joiners": _replaced(("-----B", "-----\u2060B")),
    "soft hyphens": _replaced(("E", "E\u00ad")),
    "variation selectors": _replaced(("-", "-\ufe0f")),
    "no-break spaces": _replaced((" ", "\u00a0")),
    "narrow no-break spaces": _replaced((" ", "\u202f")),
    "line separators": _replaced(("\n", "\u2028")),
    "full width": _full_width,
    "HTML": lambda pem: html.escape(pem.decode()).replace("-", "&#45;").replace("\n", "<br>\n").encode(),
    "HTML, named dashes": _replaced(("-----", "&mdash;&ndash;"), (" ", "&nbsp;")),
    "HTML, escaped twice": _replaced(("-", "&amp;#x2d;")),
    "an attribute of XML": _lines("{}", "&#10;", '<ca file="{}"/>'),
    "RTF": _lines("{}", "\\par\n", "{\\rtf1\\ansi{\\fonttbl\\f0\\fmodern Courier;}\\f0\\fs20 {}\\par}"),
    "RTF, dashes": lambda pem: OF_TEXT["RTF"](pem).replace(b"--", b"\\endash "),
    "Markdown": _replaced(("-", "\\-")),
    "percent signs": lambda pem: quote(pem.decode(), safe="").encode(),
    "a form": lambda pem: quote_plus(pem.decode()).encode(),
    "percent signs, twice": lambda pem: quote(quote(pem.decode())).encode(),
    "UTF-16": lambda pem: pem.decode().encode("utf-16"),
    "UTF-32": lambda pem: pem.decode().encode("utf-32"),
    "colours of a terminal": _lines("\x1b[32m{}\x1b[0m"),
    "cells of a table": _lines("| {} |"),
    "a box": _lines("│ {} │"),
    "PowerShell": _lines("{}", "`n", '$ca = "{}"'),
    "a patch that removes it": _lines("-{}"),
    "line numbers, as grep -n in files": _lines("ca.pem:{n}:{}"),
    "a log of a device": _lines("I ({n}) ca: {}"),
    "git blame": _lines("a1b2c3d4 (Ada 2026-03-01) {}"),
    "cat -A": _lines("{}^M$"),
    "shell, with echo": _lines("echo {} >> ca.pem"),
    "equals signs": _replaced(("-----", "=====")),
    "armour in two lines": _replaced(("BEGIN ", "BEGIN\n")),
    "dashes in a line of their own": _replaced(("-----BEGIN", "-----\nBEGIN")),
    "UTF-16 without a mark": lambda pem: pem.decode().encode("utf-16-le"),
    "array of characters": lambda pem: ("{" + ",".join("'\\n'" if b == 10 else f"'{chr(b)}'" for b in pem) + "}").encode(),
}  # fmt: skip
OF_BYTES: dict[str, Notation] = {
    "xxd -i": _per_byte("0x{:02x}", ", ", "unsigned char ca_der[] = {\n{}\n};\nunsigned int ca_der_len = 400;\n"),
    "Go": _per_byte("0x{:x}", ",\n", "var ca = []byte{{}}"),
    "Java": _per_byte("(byte) 0x{:02X}", ", ", "byte[] ca = {{}};"),
    "signed bytes": lambda data: ("{" + ",".join(str(b - 256 if b > 127 else b) for b in data) + "}").encode(),
    "decimal": _per_byte("{}", ", ", "[{}]"),
    "a JSON Buffer": _per_byte("{}", ",", '{"type":"Buffer","data":[{}]}'),
    "Pascal": _per_byte("${:02X}", ", ", "({})"),
    "Erlang": _per_byte("{}", ",", "<<{}>>"),
    "assembler": _per_byte("0{:02x}h", ",", "db {}"),
    "string of hex escapes": _per_byte("\\x{:02x}", "", 'const char ca[] = "{}";'),
    "string of octal escapes": _per_byte("\\{:03o}", "", '"{}"'),
    "Python bytes": lambda data: f"ca = {data!r}".encode(),
    "hex": lambda data: data.hex().encode(),
    "hex of SQL": lambda data: b"INSERT INTO cas VALUES (1, 0x" + data.hex().encode() + b");",
    "hex with dashes": _per_byte("{:02X}", "-"),
    "hex with colons": _per_byte("{:02X}", ":", "Raw: {}"),
    "xxd": _dump("{at:08x}: {words:<39}  {text}", 2),
    "hexdump -C": _dump("{at:08x}  {words:<48} |{text}|", 1),
    "od -A x -t x1": _dump("{at:06x} {words}", 1),
    "od -t x1": _dump("{at:07o} {words}", 1),
    "hexdump": _turned_dump("{at:07x} {words}"),
    "od -x": _turned_dump("{at:07o} {words}"),
    "a log of bytes": _dump("I (123) ca: {words}", 1),
    "registry of Windows": _per_byte("{:02x}", ",", '"Blob"=hex:{}', width=25, between=",\\\n  "),
    "Rust": _per_byte("0x{:02x}_u8", ", ", "&[{}]"),
    "Rust, decimal": _per_byte("{}u8", ", ", "&[{}]"),
    "Kotlin": _per_byte("0x{:02x}.toByte()", ", ", "byteArrayOf({})"),
    "JSON of a typed array": lambda data: json.dumps(dict(enumerate(data))).encode(),
    "Go, as %v": _per_byte("{}", " ", "[{}]"),
    "octal array": _per_byte("0{:03o}", ",", "{{}}"),
    "VHDL": _per_byte('x"{:02X}"', ", "),
    "Verilog": _per_byte("8'h{:02X}", ", "),
    "Erlang, base 16": _per_byte("16#{:02X}", ",", "<<{}>>"),
    "letters and numbers": lambda data: (
        "{" + ",".join(f"'{chr(b)}'" if chr(b).isascii() and chr(b).isalnum() else str(b) for b in data) + "}"
    ).encode(),
    "Intel hex": lambda data: _records(data, ":{size:02X}{at:04X}00{row}{sum:02X}", 0),
    "Motorola hex": lambda data: _records(data, "S1{size:02X}{at:04X}{row}{sum:02X}", 3),
    "Python, in a dictionary": lambda data: f"{{'cer': {bytearray(data)!r}, 'id': 'https://v.example'}}".encode(),
    "base64": b64encode,
}
