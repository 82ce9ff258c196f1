"""The rows of a list as a file to download: CSV, XLSX or JSON, written while the rows are read.

In CSV and XLSX, cells are text for people, safe in a spreadsheet (`portal.web.csv_files`); XLSX has text cells only, so nothing in
it is a formula or a link. JSON has the values as they are stored, under stable keys, in ASCII: nothing in it is invisible.
"""

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import IO, Any

import xlsxwriter
from django.db.models import QuerySet
from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header

from portal.web.csv_files import LONGEST_CELL, ROWS_AT_ONCE, CsvColumn, csv_response, csv_rows
from portal.web.invisible_characters import named

XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
SHEET_ROWS = 1_048_575  # below the headings: what a worksheet holds
_PIECE = 65_536  # bytes sent at a time
_WIDTH = 22  # characters, of a column
Columns = Mapping[str, CsvColumn]  # by heading
Rows = Iterator[list[object]]


def csv_file(stem: str, found: QuerySet[Any], columns: Columns) -> HttpResponseBase:
    return csv_response(f"{stem}.csv", list(columns), csv_rows(found, list(columns.values())))


def xlsx_file(stem: str, found: QuerySet[Any], columns: Columns) -> HttpResponseBase:
    """Return a workbook that is written to a file on disk row by row, so that memory does not grow with their number."""
    return xlsx_response(f"{stem}.xlsx", list(columns), csv_rows(found, list(columns.values())))


def xlsx_response(name: str, headings: Sequence[str], rows: Iterable[Sequence[object]]) -> StreamingHttpResponse:
    return written_response(name, XLSX_TYPE, lambda file: _write_workbook(file, headings, rows))


def written_response(name: str, content_type: str, write: Callable[[IO[bytes]], None]) -> StreamingHttpResponse:
    """Return a download that `write` writes into a temporary file, which is there only while it is sent."""

    def pieces() -> Iterator[bytes]:
        with tempfile.TemporaryFile() as file:
            write(file)
            file.seek(0)
            while piece := file.read(_PIECE):
                yield piece

    headers = {"Content-Disposition": content_disposition_header(True, name) or "attachment"}
    return StreamingHttpResponse(pieces(), content_type=content_type, headers=headers)


def _write_workbook(file: IO[bytes], headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    book = xlsxwriter.Workbook(file, {"constant_memory": True, "in_memory": False})
    bold = book.add_format({"bold": True})
    sheet: Any = None
    at = SHEET_ROWS
    for row in rows:
        if at == SHEET_ROWS:
            sheet, at = _new_sheet(book, headings, bold), 0
        at += 1
        for column, value in enumerate(row):
            if text := text_cell(value):
                sheet.write_string(at, column, text)
    if sheet is None:
        _new_sheet(book, headings, bold)
    book.close()


def _new_sheet(book: Any, headings: Sequence[str], bold: Any) -> Any:
    sheet = book.add_worksheet()
    sheet.set_column(0, len(headings) - 1, _WIDTH)
    sheet.freeze_panes(1, 0)
    for column, heading in enumerate(headings):
        sheet.write_string(0, column, heading, bold)
    return sheet


def text_cell(value: object) -> str:
    """Return the text of a cell that is always text: times in UTC, invisible characters named, None as empty."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(" ")[:19]
    text = str(value)[:LONGEST_CELL]
    return text if text.isprintable() else named(text.replace("\r\n", "\n"), kept="\n")[:LONGEST_CELL]


def json_file(stem: str, found: QuerySet[Any], columns: Columns) -> HttpResponseBase:
    return StreamingHttpResponse(
        _json_lines(found, list(columns.values())),
        content_type="application/json",
        headers={"Content-Disposition": content_disposition_header(True, f"{stem}.json") or "attachment"},
    )


def _json_lines(found: QuerySet[Any], columns: Sequence[CsvColumn]) -> Iterator[str]:
    """Yield a list of objects, one a line."""
    keys = [column.key for column in columns]
    raw = [column.as_stored for column in columns]
    gathered, separator = ["["], "\n"
    for row in csv_rows(found, raw):
        gathered.append(separator + json.dumps(dict(zip(keys, row, strict=True)), default=_written))
        separator = ",\n"
        if len(gathered) >= ROWS_AT_ONCE:
            yield "".join(gathered)
            gathered.clear()
    yield "".join(gathered) + "\n]\n"


def _written(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return str(value)


FILES: Mapping[str, Callable[[str, QuerySet[Any], Columns], HttpResponseBase]] = {
    "csv": csv_file,
    "xlsx": xlsx_file,
    "json": json_file,
}
