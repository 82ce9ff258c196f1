"""The rows of a list as a file to download: CSV, XLSX or JSON, written while the rows are read.

In CSV and XLSX, cells are text for people, safe in a spreadsheet (`portal.web.csv_files`); XLSX has text cells only, so nothing in
it is a formula or a link. JSON has the values as they are stored, under stable keys, in ASCII: nothing in it is invisible.
"""

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, Any

import xlsxwriter
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.urls import register_converter
from django.urls.converters import StringConverter
from django.utils.http import content_disposition_header

from portal.web.csv_files import LONGEST_CELL, ROWS_AT_ONCE, CsvColumn, csv_response, csv_rows
from portal.web.export_progress import Progress, asked_progress
from portal.web.invisible_characters import named

XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
SHEET_ROWS = 1_048_575  # below the headings: what a worksheet holds
_PIECE = 65_536  # bytes sent at a time
_WIDTH = 22  # characters, of a column
Columns = Mapping[str, CsvColumn]  # by heading


@dataclass(frozen=True)
class RowColumn:
    """A column of a file whose rows are objects: its heading, what people read of a row, and what JSON has where that differs."""

    heading: str
    shown: Callable[[Any], object]
    stored: Callable[[Any], object] | None = None


def list_file(
    request: HttpRequest, ending: str, stem: str, found: QuerySet[Any], columns: Columns
) -> StreamingHttpResponse:
    """Return the rows of a query as a file of this kind, without making models of them."""
    wanted = [column.as_stored for column in columns.values()] if ending == "json" else list(columns.values())
    headings = {column.key: heading for heading, column in columns.items()}
    progress = asked_progress(request, found.order_by().count)
    return _file(ending, stem, headings, csv_rows(found, wanted), progress)


def row_file(
    request: HttpRequest,
    ending: str,
    stem: str,
    rows: Iterable[Any],
    columns: Mapping[str, RowColumn],
    *,
    count: Callable[[], int],
) -> StreamingHttpResponse:
    """Return objects as a file of this kind. `columns`: by the key that names them in JSON; `count`: the number of the rows."""
    values = [column.stored or column.shown if ending == "json" else column.shown for column in columns.values()]
    headings = {key: column.heading for key, column in columns.items()}
    return _file(
        ending, stem, headings, ([value(row) for value in values] for row in rows), asked_progress(request, count)
    )


def _file(
    ending: str, stem: str, headings: Mapping[str, str], rows: Iterable[Sequence[object]], progress: Progress | None
) -> StreamingHttpResponse:
    if progress is None:
        return _response(ending, stem, headings, rows)
    response = _response(ending, stem, headings, progress.counted(rows))
    pieces: Any = response.streaming_content
    response.streaming_content = progress.until_sent(pieces)
    return response


def _response(
    ending: str, stem: str, headings: Mapping[str, str], rows: Iterable[Sequence[object]]
) -> StreamingHttpResponse:
    match ending:
        case "csv":
            return csv_response(f"{stem}.csv", list(headings.values()), rows)
        case "xlsx":
            return xlsx_response(f"{stem}.xlsx", list(headings.values()), rows)
        case _:
            return json_response(f"{stem}.json", list(headings), rows)


def xlsx_response(name: str, headings: Sequence[str], rows: Iterable[Sequence[object]]) -> StreamingHttpResponse:
    """Return a workbook that is written to a file on disk row by row, so that memory does not grow with their number."""
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


def json_response(name: str, keys: Sequence[str], rows: Iterable[Sequence[object]]) -> StreamingHttpResponse:
    headers = {"Content-Disposition": content_disposition_header(True, name) or "attachment"}
    return StreamingHttpResponse(_json_lines(keys, rows), content_type="application/json", headers=headers)


def _json_lines(keys: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Yield a list of objects, one a line."""
    gathered, separator = ["["], "\n"
    for row in rows:
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


class FileEndingConverter(StringConverter):
    """The files of a list beside CSV, which has an address of its own."""

    regex = "xlsx|json"


register_converter(FileEndingConverter, "file_ending")
