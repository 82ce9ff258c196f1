"""CSV files that are safe to open in a spreadsheet: no formulas, line breaks or invisible characters.

Cells contain text from outside: names in certificates, user names, descriptions. A spreadsheet takes a cell that begins
with = + - or @ for a formula (https://owasp.org/www-community/attacks/CSV_Injection), so such a cell begins with an
apostrophe. The file begins with a byte order mark, without which Excel takes UTF-8 for the code page of its machine.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast
from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header

from portal.web.invisible_characters import named

LONGEST_CELL = 30_000  # characters: Excel takes no more than 32,767
ROWS_AT_ONCE = 500  # how many rows a query behind such a file reads at a time
# Also after a semicolon: where it is the list separator, Excel splits there even inside quotes.
_FIRST_OF_FORMULA = frozenset(" =+-@＝＋－＠")
_FORMULA = re.compile(r"(^|;)(\s*[=+\-@＝＋－＠])")


@dataclass(frozen=True, init=False)
class CsvColumn:
    """A column of a file: the lookups that it reads, and what it makes of their values (else the value of the one).

    `key` names it in JSON, which has the stored value where it reads one only. A time is read as the text that the database has
    for it, in UTC: to make a datetime of it and a text of that took a quarter of the time of a file.
    """

    lookups: tuple[str, ...]
    value: Callable[..., object] | None
    key: str
    is_time: bool

    def __init__(
        self, *lookups: str, value: Callable[..., object] | None = None, key: str = "", is_time: bool = False
    ) -> None:
        object.__setattr__(self, "lookups", lookups)
        object.__setattr__(self, "value", value or (_to_the_second if is_time else None))
        object.__setattr__(self, "key", key or lookups[0])
        object.__setattr__(self, "is_time", is_time)

    @property
    def as_stored(self) -> "CsvColumn":
        """Return the column without what is made of its value, where it reads one only."""
        value = _in_json if self.is_time else self.value if len(self.lookups) > 1 else None
        return CsvColumn(*self.lookups, value=value, key=self.key, is_time=self.is_time)


def _to_the_second(text: str | None) -> str | None:
    return text and text[:19]


def _in_json(text: str | None) -> str | None:
    return text and f"{text[:10]}T{text[11:19]}Z"


def csv_rows(found: QuerySet[Any], columns: Sequence[CsvColumn]) -> Iterator[list[object]]:
    """Yield the values of the columns for each row. Models are not made of them: that takes twice the time."""
    times = [lookup for column in columns if column.is_time for lookup in column.lookups]
    found = found.annotate(**{f"{lookup}_text": Cast(lookup, TextField()) for lookup in times})
    lookups = [f"{lookup}_text" if column.is_time else lookup for column in columns for lookup in column.lookups]
    parts, first = [], 0
    for column in columns:
        parts.append((column.value, first, first + len(column.lookups)))
        first += len(column.lookups)
    for row in found.values_list(*lookups).iterator(ROWS_AT_ONCE):
        yield [value(*row[start:end]) if value else row[start] for value, start, end in parts]


def csv_response(file_name: str, headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> StreamingHttpResponse:
    """Return a download that is written while `rows` are read, so that memory does not grow with their number."""
    return StreamingHttpResponse(
        _lines(headings, rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": content_disposition_header(True, file_name) or "attachment"},
    )


def _lines(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    gathered = ["\ufeff", line(headings)]
    for row in rows:
        gathered.append(line(row))
        if len(gathered) >= ROWS_AT_ONCE:
            yield "".join(gathered)
            gathered.clear()
    yield "".join(gathered)


def line(row: Sequence[object]) -> str:
    """Return one line of the file. Nearly always its texts can be checked together, which takes a third of the time."""
    texts = [value if type(value) is str else cell(value) for value in row]
    together = "".join(texts)
    is_plain = together.isprintable() and ";" not in together and len(together) <= LONGEST_CELL
    if not is_plain or not _FIRST_OF_FORMULA.isdisjoint([text[:1] for text in texts]):
        texts = [cell(text) for text in texts]
        together = "".join(texts)
    if '"' in together:
        texts = [text.replace('"', '""') for text in texts]
    return '"' + '","'.join(texts) + '"\r\n'


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
