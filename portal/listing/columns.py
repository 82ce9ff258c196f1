"""What a query string asks of a list: a search text, the column that sorts it, the size of its pages."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Expression, F
from django.db.models.expressions import OrderBy
from django.http import QueryDict

PAGE_SIZE = 50
PAGE_SIZES = (50, 100, 200)
MOST_DIGITS = 18  # every database can store a whole number of so many digits

# Key → heading and what the column sorts by; None where it cannot sort. An ordering says where rows without a value come in
# ascending order, as an index has them; the descending order is its reverse.
Columns = Mapping[str, tuple[str, F | Expression | OrderBy | None]]


@dataclass(frozen=True)
class Column:
    """A heading of a list. `next_sort` is the sort key that choosing the heading asks for."""

    key: str
    label: str
    sort: str
    is_sortable: bool = True

    @property
    def direction(self) -> str:
        return {self.key: "ascending", f"-{self.key}": "descending"}.get(self.sort, "")

    @property
    def next_sort(self) -> str:
        return f"-{self.key}" if self.sort == self.key else self.key


def asked_text(query: QueryDict, name: str) -> str:
    """Return a search text as typed, cut to 200 characters and without NUL, which no database stores."""
    return query.get(name, "").replace("\x00", "").strip()[:200]


def whole_number(text: str, *, digits: int = MOST_DIGITS) -> int | None:
    """Return the number that `text` writes in at most `digits` ASCII digits, or None."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= digits else None


def size_of(query: QueryDict) -> int:
    """Return the number of rows on a page that the query asks for, if it is one of PAGE_SIZES."""
    size = whole_number(query.get("size", "")) or PAGE_SIZE
    return size if size in PAGE_SIZES else PAGE_SIZE


def sorting_of(query: QueryDict, columns: Columns, default: str) -> str:
    """Return the sort key that the query asks for, with "-" in front when descending; `default` when it is unknown."""
    sort = asked_text(query, "sort")
    _, expression = columns.get(sort.removeprefix("-"), ("", None))
    return sort if expression is not None else default


def ordering_of(columns: Columns, sort: str) -> OrderBy:
    """Return the ordering for a sort key of these columns; rows without a value come last, unless the column says where."""
    expression = columns[sort.removeprefix("-")][1]
    assert expression is not None  # sorting_of returns only keys that sort
    if isinstance(expression, OrderBy):
        ordering = expression.copy()
        if sort.startswith("-"):
            ordering.reverse_ordering()
        return ordering
    return expression.desc(nulls_last=True) if sort.startswith("-") else expression.asc(nulls_last=True)


def headings(columns: Columns, sort: str) -> tuple[Column, ...]:
    return tuple(Column(key, label, sort, expression is not None) for key, (label, expression) in columns.items())
