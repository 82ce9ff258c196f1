"""Lists: columns that sort, search text, numbers and pages, as a query string asks for them."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.core.paginator import EmptyPage, Page, Paginator
from django.db.models import Expression, F, QuerySet
from django.db.models.expressions import OrderBy
from django.http import QueryDict
from django.utils.functional import cached_property

from portal.short_cache import kept

PAGE_SIZE = 50
PAGE_SIZES = (50, 100, 200)
MOST_DIGITS = 18  # every database can store a whole number of so many digits
MOST_COUNTED = 10_000  # rows that a filtered list is counted up to; Azure allows so many clients
LAST_PAGE = 10**9  # no page beyond has rows, and every database takes its offset

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


class _Pages(Paginator):  # type: ignore[type-arg]  # Django cannot subscript it
    """Pages of a query whose number of rows is kept for a moment, and whose rows are read by primary key.

    A database makes each row before the page, with its joins and subqueries, only to skip it: 49 ms for page 150 of 200. It also
    chooses worse indexes for joins: SQLite sorted all rows for the first page. The primary keys alone come from the index that
    the rows are ordered by. With `most`, rows are counted up to that number only: where
    there are more, the last page is not known, and each page knows whether another one follows.
    """

    object_list: QuerySet[Any]

    def __init__(self, rows: QuerySet[Any], per_page: int, most: int = 0) -> None:
        super().__init__(rows, per_page)
        self.most = most

    @cached_property
    def _counted(self) -> int:
        counted = self.object_list
        if self.most:
            counted = counted.order_by().values("pk")[: self.most + 1]
        try:
            asked = hashlib.sha256(repr(counted.query.sql_with_params()).encode()).hexdigest()
        except EmptyResultSet:
            return 0
        return kept(f"count:{asked}", counted.count)

    @property
    def count(self) -> int:
        return min(self._counted, self.most) if self.most else self._counted

    @property
    def is_more(self) -> bool:
        """Return whether there are more rows than were counted."""
        return bool(self.most) and self._counted > self.most

    def validate_number(self, number: int | float | str) -> int:
        try:
            return super().validate_number(number)
        except EmptyPage:
            if self.is_more and self.num_pages < int(number) <= LAST_PAGE:
                return int(number)
            raise

    def page(self, number: int | str) -> Page[Any]:
        number = self.validate_number(number)
        first = (number - 1) * self.per_page
        pks = list(self.object_list.values_list("pk", flat=True)[first : first + self.per_page + 1])
        if not pks and self.is_more:
            return self.page(self.num_pages)
        shown = self.object_list.filter(pk__in=pks[: self.per_page])
        return _Page(shown, number, self, follows=len(pks) > self.per_page)


class _Page(Page[Any]):
    """A page that knows whether another one follows, also where the number of pages is not known."""

    def __init__(self, rows: QuerySet[Any], number: int, paginator: _Pages, *, follows: bool) -> None:
        super().__init__(rows, number, paginator)
        self._follows = follows

    def has_next(self) -> bool:
        return self._follows

    def end_index(self) -> int:
        return self.start_index() + len(self) - 1 if len(self) else 0


def page_of(rows: QuerySet[Any], query: QueryDict, size: int = PAGE_SIZE, *, most: int = 0) -> Page[Any]:
    """Return the page that the query asks for, or the nearest one that exists. `most`: count no more rows than these."""
    return _Pages(rows, size, most).get_page(query.get("page"))


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
