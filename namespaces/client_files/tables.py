"""Clients in a CSV file, in rows pasted from a spreadsheet, and in JSON."""

import contextlib
import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from certificates.x509.containers import as_text
from namespaces.client_files.columns import guess_columns, have_names, looks_like_headings, plain_value, values_of
from namespaces.client_files.found_rows import (
    MAX_ROWS,
    FoundRow,
    Table,
    UnreadableFileError,
    check_storable,
    too_many_rows,
)

MAX_COLUMNS = 200
NO_NAME_COLUMN = "no-name-column"
LONGEST_CELL = 20_000  # characters
_DELIMITERS = "\t;,|"
WITHOUT_HEADINGS = ["name", "authentication_name", "validation_scheme", "thumbprints", "state", "description"]


def read_table(data: bytes, source: str) -> list[FoundRow]:
    """Return the clients of a CSV file or of pasted rows. Raise UnreadableFileError."""
    text = text_of(data)
    lines = text.splitlines()
    head = next((line for line in lines if line.strip()), "")
    delimiter = max(_DELIMITERS, key=head.count)
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    return rows_of_cells(_numbered(reader), source)


def _numbered(reader: Any) -> Iterator[tuple[int, Sequence[str]]]:
    try:
        for cells in reader:
            yield reader.line_num, cells
    except csv.Error:
        raise UnreadableFileError(
            "not-a-table", f"Line {reader.line_num} cannot be read: a cell is too long, or a quotation mark is missing."
        ) from None


def rows_of_cells(rows: Iterable[tuple[int, Sequence[str]]], source: str) -> list[FoundRow]:
    """Return the clients in rows of cells, each with its number in the file. Raise UnreadableFileError."""
    table: Table | None = None
    found: list[FoundRow] = []
    for number, cells in rows:
        if len(cells) > MAX_COLUMNS:
            raise UnreadableFileError("too-many-columns", f"Row {number} has more than {MAX_COLUMNS} columns.")
        if not any(cell.strip() for cell in cells):
            continue
        if table is None and looks_like_headings(cells):
            table = Table(source, tuple(cell.strip()[:200] for cell in cells), tuple(guess_columns(cells)))
            continue
        if table is None:
            table = _without_headings(source, len(cells))
        if len(found) == MAX_ROWS:
            raise too_many_rows()
        if not found:
            table = replace(table, sample=tuple(cell[:200] for cell in cells))
        found.append(row_of_cells(table, cells, number))
    if not found:
        raise UnreadableFileError("no-rows", "This table has no clients.")
    return found


def _without_headings(source: str, width: int) -> Table:
    keys = [*WITHOUT_HEADINGS, *[""] * width][: max(width, 1)]
    headings = tuple(f"Column {number}" for number in range(1, len(keys) + 1))
    return Table(source, headings, tuple(keys), has_headings=False)


def with_headings(table: Table) -> Table:
    """Return a table whose first row turned out to have its headings. Where they are known, they say what the columns hold."""
    keys = table.keys
    with contextlib.suppress(UnreadableFileError):
        guessed = guess_columns(table.sample)
        keys = tuple(guessed) if have_names(guessed) else keys
    return replace(table, headings=table.sample, keys=keys, sample=(), has_headings=True)


def row_of_cells(table: Table, cells: Sequence[str], number: int) -> FoundRow:
    """Return the client in one row of a table, as its columns are read."""
    keys, row = table.keys, FoundRow(table.source, number, table=table)
    if any(cell.strip() for cell in cells[len(keys) :]):
        sentence = f"This row has {len(cells)} cells, and the table {len(keys)} columns."
        return replace(row, problem="too-many-cells", sentence=sentence)
    try:
        check_storable({"cells": list(cells)})
        row = replace(row, cells=tuple(cells))
        if not have_names(keys):
            return replace(row, problem=NO_NAME_COLUMN, sentence="Choose the column with the names of the clients.")
        return replace(row, values=check_storable(values_of(keys, cells)))
    except ValueError as problem:
        return replace(row, problem="invalid", sentence=str(problem))


def read_json(data: bytes, source: str) -> list[FoundRow]:
    """Return the clients of a JSON file: a list, `{"value": […]}` as ARM lists them, or one client. Raise UnreadableFileError."""
    try:
        document = json.loads(text_of(data), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise UnreadableFileError("not-json", "This file is not JSON.") from None
    if isinstance(document, dict):
        listed = next((document[key] for key in ("value", "clients", "resources") if key in document), None)
        document = listed if isinstance(listed, list) else [document]
    if not isinstance(document, list):
        raise UnreadableFileError("not-json", "This JSON file has no list of clients.")
    if len(document) > MAX_ROWS:
        raise too_many_rows()
    if not document:
        raise UnreadableFileError("no-rows", "This file has no clients.")
    return [_client(each, source, number) for number, each in enumerate(document, 1)]


def _no_constant(text: str) -> Any:
    raise ValueError(text)


def _client(document: Any, source: str, number: int) -> FoundRow:
    if not isinstance(document, dict):
        return FoundRow(source, number, problem="invalid", sentence="This entry is not a JSON object.")
    properties = document.get("properties")
    flat = document | properties if isinstance(properties, dict) else document
    authentication = flat.get("clientCertificateAuthentication")
    if isinstance(authentication, dict):
        flat = flat | authentication
    try:
        return FoundRow(source, number, check_storable(_values(flat)))
    except ValueError as problem:
        return FoundRow(source, number, problem="invalid", sentence=str(problem))


_JSON_KEYS = {
    "name": "name",
    "authenticationName": "authentication_name",
    "validationScheme": "validation_scheme",
    "allowedThumbprints": "thumbprints",
    "thumbprints": "thumbprints",
    "state": "state",
    "description": "description",
    "attributes": "attributes",
}


def _values(flat: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in flat.items():
        known = _JSON_KEYS.get(key) or (key if key in _JSON_KEYS.values() else "")
        if not known or value is None:
            continue
        if known == "thumbprints":
            if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
                raise ValueError("The thumbprints are not a list of strings.")
        elif known == "attributes":
            if not isinstance(value, dict):
                raise ValueError("The attributes are not a JSON object.")
        elif not isinstance(value, str):
            raise ValueError(f"The {known.replace('_', ' ')} is not a string.")
        values[known] = plain_value(known, value) if isinstance(value, str) else value
    return values


def text_of(data: bytes) -> str:
    """Return the text of a file: UTF-8 or UTF-16 with or without a mark, or Windows-1252. Raise UnreadableFileError."""
    plain = as_text(data)
    if b"\x00" in plain:
        raise UnreadableFileError("binary", "This is a binary file. Save it as CSV or as an Excel workbook (.xlsx).")
    try:
        return plain.decode("utf-8-sig")
    except UnicodeDecodeError:
        return plain.decode("cp1252", "replace")
