"""The pages of a list: by number, which reads the primary keys up to there, or by the place where the last one ended."""

import hashlib
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.core.paginator import EmptyPage, Page, Paginator
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.functional import cached_property

from portal.listing.columns import PAGE_SIZE
from portal.listing.keyset import AFTER, BEFORE, Key, Place, keys_of, noted
from portal.short_cache import kept

MOST_COUNTED = 10_000  # rows that a filtered list is counted up to; Azure allows so many clients
LAST_PAGE = 10**9  # no page beyond has rows, and every database takes its offset


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

    @cached_property
    def keys(self) -> tuple[Key, ...]:
        """Return what the rows are ordered by, where a place in this order can be written."""
        return keys_of(self.object_list)

    def asked(self, text: str) -> "_Page":
        """Return the page that a query string asks for, by number or place, or the nearest one that exists."""
        place = Place.read(text, self.keys) if self.keys else None
        found = self._page_at(place) if place else None
        return found or self.get_page(text.partition(".")[0])

    def get_page(self, number: Any) -> "_Page":
        found = super().get_page(number)
        assert isinstance(found, _Page)
        return found

    def page(self, number: int | str) -> "_Page":
        number = self.validate_number(number)
        first = (number - 1) * self.per_page
        pks = list(self.object_list.values_list("pk", flat=True)[first : first + self.per_page + 1])
        if not pks and self.is_more:
            return self.page(self.num_pages)
        return self._page_with(pks, number, precedes=number > 1, follows=len(pks) > self.per_page)

    def _page_at(self, place: Place) -> "_Page | None":
        """Return the page that begins after the place, or ends before it; None where no row is there any more."""
        forward = place.way == AFTER
        keys = self.keys if forward else tuple(key.reversed() for key in self.keys)
        pks: list[Any] = []
        for part in place.rows_after(self.object_list, keys):
            pks += part.values_list("pk", flat=True)[: self.per_page + 1 - len(pks)]
            if len(pks) > self.per_page:
                break
        if not pks:
            return None
        more = len(pks) > self.per_page
        if forward:
            return self._page_with(pks, place.number, precedes=True, follows=more)
        return self._page_with(pks, place.number if more else 1, precedes=more, follows=True)

    def _page_with(self, pks: list[Any], number: int, *, precedes: bool, follows: bool) -> "_Page":
        shown = noted(self.object_list.filter(pk__in=pks[: self.per_page]), self.keys)
        return _Page(shown, number, self, precedes=precedes, follows=follows)


class _Page(Page[Any]):
    """A page that knows whether others come before and after it, also where the number of pages is not known.

    `previous_place` and `next_place` are what a query string asks for them by.
    """

    paginator: _Pages

    def __init__(self, rows: QuerySet[Any], number: int, paginator: _Pages, *, precedes: bool, follows: bool) -> None:
        super().__init__(rows, number, paginator)
        self._precedes, self._follows = precedes, follows

    def has_previous(self) -> bool:
        return self._precedes

    def has_next(self) -> bool:
        return self._follows

    def previous_page_number(self) -> int:
        return max(self.number - 1, 1)

    def next_page_number(self) -> int:
        return self.number + 1

    def end_index(self) -> int:
        return self.start_index() + len(self) - 1 if len(self) else 0

    @cached_property
    def previous_place(self) -> str:
        return self._place(0, self.previous_page_number(), BEFORE)

    @cached_property
    def next_place(self) -> str:
        return self._place(len(self) - 1, self.next_page_number(), AFTER)

    def _place(self, at: int, number: int, way: str) -> str:
        keys = self.paginator.keys
        if not keys or not len(self):
            return str(number)
        place = Place.of(self[at], keys, number=number, way=way)
        return str(place) if place.is_whole(keys) else str(number)


def page_of(rows: QuerySet[Any], query: QueryDict, size: int = PAGE_SIZE, *, most: int = 0) -> Page[Any]:
    """Return the page that the query asks for, or the nearest one that exists. `most`: count no more rows than these.

    A list that can be walked by place is ordered by texts, numbers and times, at last by "pk", and says where missing values come.
    """
    return _Pages(rows, size, most).asked(query.get("page", ""))
