"""CSV files that are safe to open in a spreadsheet: no formulas, line breaks or invisible characters.

Cells contain text from outside: names in certificates, user names, descriptions. A spreadsheet takes a cell that begins
with = + - or @ for a formula (https://owasp.org/www-community/attacks/CSV_Injection), so such a cell begins with an
apostrophe. The file begins with a byte order mark, without which Excel takes UTF-8 for the code page of its machine.
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header

from portal.web.invisible_characters import named

LONGEST_CELL = 30_000  # characters: Excel takes no more than 32,767
ROWS_AT_ONCE = 500  # how many rows a query behind such a file reads at a time
# Also after a semicolon: where it is the list separator, Excel splits there even inside quotes.
_FORMULA = re.compile(r"(^|;)(\s*[=+\-@＝＋－＠])")


@dataclass(frozen=True, init=False)
class CsvColumn:
    """A column of a file: the lookups that it reads, and what it makes of their values (else the value of the one).

    `key` names it in JSON, which has the stored value where it reads one only.
    """

    lookups: tuple[str, ...]
    value: Callable[..., object] | None
    key: str

    def __init__(self, *lookups: str, value: Callable[..., object] | None = None, key: str = "") -> None:
        object.__setattr__(self, "lookups", lookups)
        object.__setattr__(self, "value", value)
        object.__setattr__(self, "key", key or lookups[0])

    @property
    def as_stored(self) -> "CsvColumn":
        """Return the column without what is made of its value, where it reads one only."""
        return CsvColumn(*self.lookups, value=self.value if len(self.lookups) > 1 else None, key=self.key)


def csv_rows(found: QuerySet[Any], columns: Sequence[CsvColumn]) -> Iterator[list[object]]:
    """Yield the values of the columns for each row. Models are not made of them: that takes twice the time."""
    lookups = [lookup for column in columns for lookup in column.lookups]
    parts, first = [], 0
    for column in columns:
        parts.append((column.value, first, first + len(column.lookups)))
        first += len(column.lookups)
    for row in found.values_list(*lookups).iterator(ROWS_AT_ONCE):
        yield [value(*row[start:end]) if value else row[start] for value, start, end in parts]


class _Echo:
    """A file whose `write` returns its argument."""

    def write(self, text: str) -> str:
        return text


def csv_response(file_name: str, headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> StreamingHttpResponse:
    """Return a download that is written while `rows` are read, so that memory does not grow with their number."""
    return StreamingHttpResponse(
        _lines(headings, rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": content_disposition_header(True, file_name) or "attachment"},
    )


def _lines(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    writer = csv.writer(_Echo(), quoting=csv.QUOTE_ALL)
    gathered = ["\ufeff", writer.writerow(headings)]
    for row in rows:
        gathered.append(writer.writerow([cell(value) for value in row]))
        if len(gathered) >= ROWS_AT_ONCE:
            yield "".join(gathered)
            gathered.clear()
    yield "".join(gathered)


def cell(value: object) -> str:
    """Return the text of one cell: times in UTC, None as empty."""
    if value is None:
        return ""
    if type(value) is not str and isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(" ")[:19]
    text = str(value)[:LONGEST_CELL]
    if not text.isprintable():  # seldom
        text = named(text.replace("\r\n", "\n"), kept="")
    if ";" not in text and (text[:1].isalnum() or not text):
        return text  # nearly always, and much faster than the expression
    return _FORMULA.sub(r"\1'\2", text)
