"""Files that must not be imported as they are: each with the code of the error, or with what is read of it."""

import io
import json
import struct
import zipfile
from collections.abc import Callable

HEAD = b"Client name,Authentication name\n"


def packed(*files: tuple[str, bytes], level: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", level) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return stream.getvalue()


def row(number: int | str, *cells: str) -> str:
    return f'<row r="{number}">{"".join(cells)}</row>'


def cell(name: str, text: str) -> str:
    return f'<c r="{name}" t="inlineStr"><is><t>{text}</t></is></c>'


HEADINGS = row(1, cell("A1", "Client name"), cell("B1", "Authentication name"))
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"


def workbook(
    *rows: str, after: str = "", formats: str = "", prolog: str = "", extra: tuple[tuple[str, bytes], ...] = ()
) -> bytes:
    """Return an .xlsx file with these rows; `after` follows the rows in the XML of the sheet."""
    sheet = f'<?xml version="1.0"?>{prolog}<worksheet xmlns="{_MAIN}"><sheetData>{"".join(rows)}</sheetData>{after}</worksheet>'
    types = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    return packed(
        (
            "[Content_Types].xml",
            f'<?xml version="1.0"?><Types xmlns="{_PACKAGE}/content-types">'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{types}.sheet.main+xml"/>'
            f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{types}.worksheet+xml"/></Types>'.encode(),
        ),
        (
            "_rels/.rels",
            f'<?xml version="1.0"?><Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="r1" '
            f'Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>'.encode(),
        ),
        (
            "xl/workbook.xml",
            f'<?xml version="1.0"?><workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}"><sheets>'
            '<sheet name="Sheet1" sheetId="1" r:id="r1"/></sheets></workbook>'.encode(),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            f'<?xml version="1.0"?><Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="r1" '
            f'Type="{_RELATIONS}/worksheet" Target="worksheets/sheet1.xml"/>'
            f'<Relationship Id="r2" Type="{_RELATIONS}/styles" Target="styles.xml"/></Relationships>'.encode(),
        ),
        (
            "xl/styles.xml",
            f'<?xml version="1.0"?><styleSheet xmlns="{_MAIN}"><numFmts>{formats}</numFmts><cellXfs count="3"><xf numFmtId="0"/>'
            '<xf numFmtId="14" applyNumberFormat="1"/><xf numFmtId="164"/></cellXfs></styleSheet>'.encode(),
        ),
        ("xl/worksheets/sheet1.xml", sheet.encode()),
        *extra,
    )


def with_flag(data: bytes, flag: int) -> bytes:
    """Return the archive with a flag set for every member, in both of its places."""
    changed = bytearray(data)
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = changed.find(mark)
        while at != -1:
            (held,) = struct.unpack_from("<H", changed, at + offset)
            struct.pack_into("<H", changed, at + offset, held | flag)
            at = changed.find(mark, at + 4)
    return bytes(changed)


def linked() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        link = zipfile.ZipInfo("passwd")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "../../secret")
    return stream.getvalue()


def one_row(*cells: str) -> bytes:
    return workbook(HEADINGS, row(2, *cells))


READ = "read"
# What is brought, and the codes of what is read of it, in order.
HOSTILE: dict[str, tuple[str, Callable[[], bytes], list[str]]] = {
    # Text
    "nothing": ("a.csv", lambda: b"", ["empty"]),
    "white space": ("a.csv", lambda: b" \r\n\t\n", ["empty"]),
    "a byte order mark and nothing else": ("a.csv", lambda: b"\xef\xbb\xbf\n", ["not-a-certificate"]),
    "only headings": ("a.csv", lambda: HEAD, ["no-rows"]),
    "the same heading twice": ("a.csv", lambda: b"name,client name\na,b\n", ["same-heading"]),
    "the same attribute twice": ("a.csv", lambda: b"name,attr.a,attributes.a\na,1,2\n", ["same-heading"]),
    "headings in other words": ("a.csv", lambda: b"Geraetename;Status\na;on\n", ["no-name-column"]),
    "a quotation mark that never ends": ("a.csv", lambda: HEAD + b'"a,b\n' + b"x,y\n" * 9000, ["not-a-table"]),
    "a cell of a megabyte": ("a.csv", lambda: HEAD + b"a," + b"x" * 1_000_000 + b"\n", ["not-a-table"]),
    "a million columns": ("a.csv", lambda: b"name," + b"," * 1_000_000 + b"\na\n", ["too-many-columns"]),
    "more cells than columns": ("a.csv", lambda: HEAD + b"a,a,extra\n", ["too-many-cells"]),
    "fewer cells than columns": ("a.csv", lambda: HEAD + b"a\n", [READ]),
    "blank rows between": ("a.csv", lambda: HEAD + b"a,a\n,,\n\n ,\nb,b\n", [READ, READ]),
    "too many rows": ("a.csv", lambda: HEAD + b"a,a\n" * 10_001, ["!too-many-rows"]),
    "more than 20 MB": ("a.csv", lambda: HEAD + b"a" * 20_000_000, ["!too-large"]),
    "UTF-16 with a mark": ("a.csv", lambda: (HEAD + b"a,a\n").decode().encode("utf-16"), [READ]),
    "UTF-16 without a mark": ("a.csv", lambda: (HEAD + b"a,a\n").decode().encode("utf-16-le"), [READ]),
    "UTF-32": ("a.csv", lambda: (HEAD + b"a,a\n").decode().encode("utf-32"), [READ]),
    "Windows-1252": ("a.csv", lambda: HEAD + "a,Größe\n".encode("cp1252"), [READ]),
    "NUL in a cell": ("a.csv", lambda: HEAD + b"a,b\x00c\n", ["binary"]),
    "a formula": ("a.csv", lambda: HEAD + b"a,=cmd|' /C calc'!A0\n", [READ]),
    "a formula with the apostrophe of the export": ("a.csv", lambda: HEAD + b"a,'=1+1\n", [READ]),
    "attributes that are not JSON": ("a.csv", lambda: b"name,attributes\na,floor=2\n", ["invalid"]),
    "attributes that are a list": ("a.csv", lambda: b"name,attributes\na,\"[1]\"\n", ["invalid"]),
    "attributes as deep as a well": ("a.csv", lambda: b'name,attributes\na,"' + b"[" * 9000 + b'"\n', ["invalid"]),
    "carriage returns only": ("a.csv", lambda: b"name,description\ra,x\rb,y\r", [READ, READ]),
    "semicolons": ("a.csv", lambda: b"name;description\na;x\n", [READ]),
    "a web page": ("a.csv", lambda: b"<!doctype html><html><body>Sign in</body></html>", ["html"]),
    "random bytes": ("a.csv", lambda: bytes(range(256)) * 20, ["binary"]),
    "a picture": ("a.png", lambda: b"\x89PNG\r\n\x1a\n" + b"\x00\x00\x00\rIHDR" + bytes(40), ["binary"]),
    # JSON
    "JSON that ends early": ("a.json", lambda: b'[{"name": "a"', ["not-json"]),
    "JSON as deep as a well": ("a.json", lambda: b"[" * 100_000, ["not-json"]),
    "JSON that is not a number": ("a.json", lambda: b'[{"name": NaN}]', ["not-json"]),
    "an empty list": ("a.json", lambda: b"[]", ["no-rows"]),
    "a list of texts": ("a.json", lambda: b'["a", "b"]', ["invalid", "invalid"]),
    "a name that is a list": ("a.json", lambda: b'[{"name": ["a"]}]', ["invalid"]),
    "thumbprints that are text": ("a.json", lambda: b'[{"name": "a", "thumbprints": "x"}]', ["invalid"]),
    "attributes that are text": ("a.json", lambda: b'[{"name": "a", "attributes": "x"}]', ["invalid"]),
    "NUL in a name": ("a.json", lambda: b'[{"name": "a\\u0000"}]', ["invalid"]),
    "half of a surrogate pair": ("a.json", lambda: b'[{"name": "a\\ud800"}]', ["invalid"]),
    "an endless number": ("a.json", lambda: b'[{"name": "a", "attributes": {"b": 1e999}}]', ["invalid"]),
    "10,001 entries": ("a.json", lambda: json.dumps([{"name": "a"}] * 10_001).encode(), ["!too-many-rows"]),
    "a body of ARM": ("a.json", lambda: b'{"value": [{"name": "a", "properties": {"state": "Enabled"}}]}', [READ]),
    # Archives
    "a damaged archive": ("a.zip", lambda: packed(("a.csv", HEAD + b"a,a\n"))[:-30], ["broken-archive"]),
    "an archive that lies about its sizes": ("a.zip", lambda: b"PK\x03\x04" + bytes(200), ["broken-archive"]),
    "an archive of folders": ("a.zip", lambda: packed(("a/", b"")), ["no-rows"]),
    "an encrypted archive": ("a.zip", lambda: with_flag(packed(("a.csv", HEAD)), 1), ["encrypted"]),
    "an archive in an archive": ("a.zip", lambda: packed(("b.zip", packed(("a.csv", HEAD)))), ["zip"]),
    "a bomb": ("a.zip", lambda: packed(("a.csv", HEAD + bytes(30_000_000))), ["!too-large"]),
    "many small bombs": ("a.zip", lambda: packed(*((f"{n}.csv", bytes(1_000_000)) for n in range(30))), ["!too-large"]),
    "a link": ("a.zip", linked, ["link"]),
    "a path that climbs": ("a.zip", lambda: packed(("../../a.csv", HEAD + b"a,a\n")), [READ]),
    "10,001 files": ("a.zip", lambda: packed(*((f"{n}.crt", b"x") for n in range(10_001))), ["!too-many-rows"]),
    # Workbooks
    "a workbook": ("a.xlsx", lambda: one_row(cell("A2", "a"), cell("B2", "007")), [READ]),
    "a formula cell": ("a.xlsx", lambda: one_row(cell("A2", "a"), '<c r="B2"><f>1+1</f><v>2</v></c>'), ["formula"]),
    "merged cells": ("a.xlsx", lambda: workbook(HEADINGS, row(2, cell("A2", "a")), after='<mergeCells><mergeCell ref="A2:B2"/></mergeCells>'), ["merged-cells"]),
    "a date for a name": ("a.xlsx", lambda: one_row('<c r="A2" s="1"><v>45000</v></c>'), ["date"]),
    "half a number": ("a.xlsx", lambda: one_row('<c r="A2"><v>1.5</v></c>'), ["number"]),
    "a whole number": ("a.xlsx", lambda: one_row('<c r="A2"><v>7</v></c>'), [READ]),
    "zeros that only its format shows": ("a.xlsx", lambda: workbook(HEADINGS, row(2, '<c r="A2" s="2"><v>7</v></c>'), formats='<numFmt numFmtId="164" formatCode="0000"/>'), ["leading-zeros"]),
    "a cell in the last row": ("a.xlsx", lambda: workbook(HEADINGS, row(1048576, cell("XFD1048576", "a"))), ["!too-many-rows"]),
    "a cell in the last column": ("a.xlsx", lambda: one_row(cell("XFD2", "a")), ["too-many-columns"]),
    "rows out of order": ("a.xlsx", lambda: workbook(HEADINGS, row(3, cell("A3", "a")), row(2, cell("A2", "b"))), ["broken-workbook"]),
    "a cell in another row": ("a.xlsx", lambda: one_row(cell("A9999999", "a")), ["broken-workbook"]),
    "entities that multiply": ("a.xlsx", lambda: workbook(HEADINGS, prolog='<!DOCTYPE x [<!ENTITY a "aaaa">]>'), ["broken-workbook"]),
    "a sheet that is no XML": ("a.xlsx", lambda: workbook("<row"), ["broken-workbook"]),
    "a workbook without sheets": ("a.xlsx", lambda: packed(("[Content_Types].xml", b"<x/>"), ("xl/workbook.xml", b"<x/>")), ["no-rows"]),
    "a workbook that unpacks to 120 MB": ("a.xlsx", lambda: workbook(HEADINGS, extra=(("xl/media/x.bin", bytes(120_000_000)),)), ["workbook-too-large"]),
    "an encrypted workbook": ("a.xlsx", lambda: with_flag(one_row(cell("A2", "a")), 1), ["encrypted"]),
    "only headings in a workbook": ("a.xlsx", lambda: workbook(HEADINGS), ["no-rows"]),
    "an old Excel file": ("a.xls", lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), ["binary"]),
}  # fmt: skip
