"""The program that reads one workbook from its standard input and writes its rows as JSON. It imports nothing of the portal.

python-calamine reads the values. What it does not report is read from the XML of the sheet: formulas, merged cells, and the size of
the sheet, since a sheet is dense in memory: a 5 KB file with a cell in the last row asks for 12 GB.
"""

import contextlib
import io
import json
import re
import resource
import sys
import zipfile
from datetime import date, datetime, time, timedelta
from typing import Any
from xml.parsers import expat

MEMORY = 768 * 1024 * 1024
CPU_SECONDS = 15
MOST_UNPACKED = 100_000_000
MOST_STYLES = 5_000_000
MOST_ROWS, MOST_COLUMNS = 10_001, 200
_CELL = re.compile(r"([A-Z]{1,3})([0-9]{1,7})\Z")


class Refused(Exception):  # noqa: N818 - reads as a sentence
    """The workbook cannot be read. The arguments are the code and the sentence for people."""


class _Styles:
    """Which styles of cells show leading zeros: a number with one has lost them, since it is stored as a number."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.codes: dict[str, str] = {}
        self.of_cells: list[str] = []
        self.is_of_cells = False

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        tag = name.rpartition(":")[2]
        if tag == "numFmt":
            self.codes[attributes.get("numFmtId", "")] = attributes.get("formatCode", "")
        elif tag == "cellXfs":
            self.is_of_cells = True
        elif tag == "xf" and self.is_of_cells:
            self.of_cells.append(attributes.get("numFmtId", ""))

    def _end(self, name: str) -> None:
        if name.rpartition(":")[2] == "cellXfs":
            self.is_of_cells = False

    def padding(self) -> frozenset[str]:
        """Return the numbers of those styles, as cells name them."""
        return frozenset(
            str(at) for at, number in enumerate(self.of_cells) if re.fullmatch("0{2,}", self.codes.get(number, ""))
        )


class _Sheet:
    """What the XML of a sheet shows before its values are read. `padding`: the styles that show leading zeros."""

    def __init__(self, padding: frozenset[str]) -> None:
        self.padding = padding
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.row, self.cell, self.columns = 0, "", 0

    def feed(self, chunk: bytes, *, last: bool = False) -> None:
        try:
            self.parser.Parse(chunk, last)
        except expat.ExpatError:
            raise Refused("broken-workbook", "This workbook is damaged.") from None

    def _doctype(self, *args: Any) -> None:
        raise Refused("broken-workbook", "This workbook has declarations that no spreadsheet writes.")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        tag = name.rpartition(":")[2]
        if tag == "row":
            self._start_row(attributes.get("r", ""))
        elif tag == "c":
            self._start_cell(attributes.get("r", ""))
            if attributes.get("s") in self.padding and attributes.get("t", "n") == "n":
                raise Refused(
                    "leading-zeros",
                    f"Cell {self.cell or '?'} shows leading zeros that its number does not have. Format the column as text "
                    "and enter it again.",
                )
        elif tag == "f":
            raise Refused(
                "formula", f"Cell {self.cell or '?'} has a formula. Paste its value instead (Paste special, Values)."
            )
        elif tag == "mergeCell":
            raise Refused("merged-cells", f"Cells {attributes.get('ref', '')[:20]} are merged. Unmerge them.")

    def _start_row(self, number: str) -> None:
        row = int(number) if number.isascii() and number.isdigit() and len(number) < 8 else self.row + 1
        if row <= self.row:
            raise Refused("broken-workbook", "The rows of this workbook are out of order.")
        self.row, self.columns = row, 0
        if row > MOST_ROWS:
            raise Refused(
                "too-many-rows", f"This sheet uses row {row:,}; an import has at most {MOST_ROWS - 1:,} rows."
            )

    def _start_cell(self, name: str) -> None:
        found = _CELL.match(name)
        self.columns += 1
        self.cell = name[:10]
        column = self.columns
        if found is not None:
            column = 0
            for letter in found[1]:
                column = column * 26 + ord(letter) - 64
            if int(found[2]) != self.row:
                raise Refused("broken-workbook", f"Cell {name[:10]} is in the wrong row.")
        if column > MOST_COLUMNS:
            raise Refused("too-many-columns", f"Cell {name[:10]} is beyond column {MOST_COLUMNS}.")


def check(data: bytes) -> None:
    """Read the XML of the sheets and the sizes of all parts. Raise Refused."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = archive.infolist()
        if sum(part.file_size for part in parts) > MOST_UNPACKED or len(parts) > 2000:
            raise Refused("workbook-too-large", "This workbook is too large when unpacked.")
        if any(part.flag_bits & 1 for part in parts):
            raise Refused("encrypted", "This workbook is encrypted. Save it without a password.")
        sheets = [part for part in parts if re.fullmatch(r"xl/worksheets/[^/]+\.xml", part.filename)]
        if not sheets:
            raise Refused("no-rows", "This workbook has no sheet.")
        padding = _padding(archive)
        unpacked = 0
        for part in sheets:
            sheet = _Sheet(padding)
            with archive.open(part) as stream:
                while chunk := stream.read(65_536):
                    unpacked += len(chunk)
                    if unpacked > MOST_UNPACKED:  # the directory may state less than there is
                        raise Refused("workbook-too-large", "This workbook is too large when unpacked.")
                    sheet.feed(chunk)
            sheet.feed(b"", last=True)


def _padding(archive: zipfile.ZipFile) -> frozenset[str]:
    styles = _Styles()
    with contextlib.suppress(KeyError, expat.ExpatError), archive.open("xl/styles.xml") as stream:
        styles.parser.Parse(stream.read(MOST_STYLES), True)
    return styles.padding()


def rows_of(data: bytes) -> list[tuple[int, list[str]]]:
    """Return the rows of the first sheet with their numbers. Raise Refused."""
    from python_calamine import CalamineWorkbook

    with CalamineWorkbook.from_filelike(io.BytesIO(data)) as workbook:
        sheet = workbook.get_sheet_by_index(0)
        start = sheet.start
        first_row, first_column = start if start is not None else (0, 0)
        values = sheet.to_python(skip_empty_area=True)
    padding = [""] * first_column
    return [
        (first_row + at + 1, [*padding, *(_text(value, first_row + at + 1) for value in row)])
        for at, row in enumerate(values)
    ]


def _text(value: Any, row: int) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (datetime, date, time, timedelta)):
        raise Refused("date", f"Row {row} has a date. Format its cells as text, so that names stay as they are.")
    if isinstance(value, float):
        if value != int(value) or abs(value) >= 1e15:
            raise Refused("number", f"Row {row} has a number that a name cannot be. Format its cells as text.")
        return str(int(value))
    return str(value)


def main() -> None:
    for limit, most in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CPU, CPU_SECONDS), (resource.RLIMIT_CORE, 0)):
        resource.setrlimit(limit, (most, most))
    data = sys.stdin.buffer.read()
    answer: dict[str, Any]
    try:
        check(data)
        answer = {"rows": rows_of(data)}
    except Refused as refusal:
        answer = {"code": refusal.args[0], "sentence": refusal.args[1]}
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, KeyError, OSError):
        answer = {"code": "broken-workbook", "sentence": "This workbook is damaged."}
    except Exception as fault:
        if isinstance(fault, MemoryError):
            raise
        answer = {"code": "broken-workbook", "sentence": "This workbook is damaged, or another kind of Excel file."}
    with contextlib.suppress(BrokenPipeError):
        json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
