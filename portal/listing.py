"""Lists: columns that sort, search text, pages."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import QueryDict

PAGE_SIZE = 50


@dataclass(frozen=True)
class Column:
    """A heading that sorts. `next_sort` is what choosing it asks for."""

    key: str
    label: str
    sort: str

    @property
    def direction(self) -> str:
        return {self.key: "ascending", f"-{self.key}": "descending"}.get(self.sort, "")

    @property
    def next_sort(self) -> str:
        return f"-{self.key}" if self.sort == self.key else self.key


def asked_text(query: QueryDict, name: str) -> str:
    """A search text as typed, short, and without what no database takes."""
    return query.get(name, "").replace("\x00", "").strip()[:200]


def page_of(rows: QuerySet[Any], query: QueryDict, size: int = PAGE_SIZE) -> Page[Any]:
    """The asked page; the nearest there is when the number makes no sense."""
    return Paginator(rows, size).get_page(query.get("page"))


def sorting_of(query: QueryDict, columns: Mapping[str, tuple[str, Any]], default: str) -> str:
    """The asked sort key, with a leading "-" where it goes down; the default where nobody knows it."""
    sort = asked_text(query, "sort")
    return sort if sort.removeprefix("-") in columns else default
