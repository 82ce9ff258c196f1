"""How the rows of a resource type are listed: columns that sort, search, filters, pages, limit."""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.paginator import Page
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Lower
from django.db.models.lookups import Lookup
from django.http import QueryDict

from namespaces.models import ClientGroup, Namespace, PermissionBinding, TopicSpace
from portal.listing import (
    MOST_COUNTED,
    PAGE_SIZES,
    Column,
    Columns,
    asked_text,
    headings,
    ordering_of,
    page_of,
    size_of,
    sorting_of,
)
from portal.people.contacts import whom_to_ask_in_each
from portal.short_cache import kept
from sync.models import SyncedModel

NOT_SHOWN = ("base", "sent_states", "replaced_state")  # whole resources as JSON: reading them would take time
WITHIN = "within"  # in a query string: find the search text within values too, however long the list is
Options = Sequence[tuple[str, str]]  # value and label


@dataclass(frozen=True)
class Filter:
    """A choice that narrows a list. `condition` returns None for a value that it does not know, which narrows nothing."""

    key: str
    label: str
    options: Callable[[Namespace], Options]
    condition: Callable[[Namespace, str], Q | None]


@dataclass(frozen=True)
class ShownFilter:
    """A filter with its options in one namespace, and the value that is asked for."""

    key: str
    label: str
    options: Options
    value: str


@dataclass(frozen=True)
class Grid:
    """One page of a list, with what the query asked for."""

    page: Page[Any]
    columns: tuple[Column, ...]
    search: str
    sort: str
    filters: tuple[ShownFilter, ...] = ()
    total: int = 0
    limit: int = 0  # the number of rows that Azure allows; 0 where the list does not show it
    begins_only: bool = False  # a search took only what begins with the text
    hidden: frozenset[str] = frozenset()  # the columns that the person has turned off
    choices: tuple[Column, ...] = ()  # the columns that can be turned off

    @property
    def is_more(self) -> bool:
        """Return whether more rows match than were counted."""
        return bool(getattr(self.page.paginator, "is_more", False))

    @property
    def is_narrowed(self) -> bool:
        return bool(self.search or any(each.value for each in self.filters))

    @property
    def has_team_column(self) -> bool:
        return any(column.key == "team" for column in self.columns)

    @property
    def sizes(self) -> tuple[int, ...]:
        return PAGE_SIZES

    @property
    def asked(self) -> list[tuple[str, str]]:
        """Return what narrows and sorts the list, as pairs of a query string."""
        values = [("q", self.search), ("sort", self.sort), ("size", str(self.page.paginator.per_page))]
        return [*values, *((each.key, each.value) for each in self.filters if each.value)]


@dataclass(frozen=True)
class Listing:
    """The list of one resource type. `matches` makes the condition for a search text; `prepare` adds to the rows of a page what
    their cells show.
    """

    model: type[SyncedModel]
    columns: Columns
    matches: Callable[[str], Q]
    limit_setting: str = ""
    filters: tuple[Filter, ...] = ()
    prepare: Callable[[Namespace, Iterable[Any]], None] | None = None
    begins: Callable[[str], Q] | None = None  # as `matches`, but by an index: exact, or the start of a value
    then_by_name: frozenset[str] = (
        frozenset()
    )  # columns of few values: rows with the same one are in the order of names
    may_choose_columns: bool = False  # each person can turn columns off, all but the first

    @property
    def keys(self) -> tuple[str, ...]:
        """Return the names in a query string that narrow this list."""
        return ("q", WITHIN, *(each.key for each in self.filters))

    def condition(self, namespace: Namespace, query: QueryDict) -> Q:
        """Return the condition for the rows that the query's search text and filters ask for."""
        wanted, _ = self._searched(namespace, query)
        for each in self.filters:
            value = asked_text(query, each.key)
            narrowing = each.condition(namespace, value) if value else None
            wanted &= Q() if narrowing is None else narrowing
        return wanted

    def _searched(self, namespace: Namespace, query: QueryDict) -> tuple[Q, bool]:
        """Return the condition for the search text, and whether it takes only what begins with the text.

        In a long list, where something begins with the text, only that is found unless the query asks for all: finding a text
        within values reads every row.
        """
        search = asked_text(query, "q")
        if not search:
            return Q(), False
        if self.begins is not None and not asked_text(query, WITHIN) and self._is_long(namespace):
            wanted = self.begins(search)
            if self.model.visible_to(namespace.sight).filter(wanted).exists():
                return wanted, True
        return self.matches(search), False

    def _is_long(self, namespace: Namespace) -> bool:
        rows = self.model.visible_to(namespace.sight)[: MOST_COUNTED + 1]
        key = f"long:{self.model._meta.label_lower}:{namespace.pk}:{namespace.sight.key}"
        return kept(key, rows.count) > MOST_COUNTED

    def rows(self, namespace: Namespace, query: QueryDict) -> QuerySet[Any]:
        """Return the rows that the query asks for, in the order it asks for."""
        sort = sorting_of(query, self.columns, "name")
        found: QuerySet[Any] = self._all(namespace).filter(self.condition(namespace, query))
        sign, key = ("-", sort[1:]) if sort.startswith("-") else ("", sort)
        orderings = [sort, f"{sign}name"] if key in self.then_by_name else [sort]
        return found.order_by(*(ordering_of(self.columns, each) for each in orderings), f"{sign}pk")

    def grid(self, namespace: Namespace, query: QueryDict, *, hidden: Collection[str] = ()) -> Grid:
        """Return the page of the list that the query asks for, without the columns in `hidden`."""
        sort = sorting_of(query, self.columns, "name")
        most = MOST_COUNTED if any(asked_text(query, key) for key in self.keys) else 0
        page = page_of(self.rows(namespace, query), query, size_of(query), most=most)
        page.object_list = list(page.object_list)
        for row in page.object_list:
            row.namespace = namespace  # read once, and not with each row
        _say_whom_to_ask(namespace, page.object_list)
        if self.prepare is not None:
            self.prepare(namespace, page.object_list)
        columns = headings(self.columns, sort)
        choices = columns[1:] if self.may_choose_columns else ()
        off = frozenset(column.key for column in choices if column.key in hidden)
        return Grid(
            page=page,
            columns=tuple(column for column in columns if column.key not in off),
            hidden=off,
            choices=choices,
            search=asked_text(query, "q"),
            begins_only=self._searched(namespace, query)[1],
            sort=sort,
            filters=tuple(_shown(each, namespace, query) for each in self.filters),
            total=self._all(namespace).count() if self.limit_setting else 0,
            limit=getattr(settings, self.limit_setting) if self.limit_setting else 0,
        )

    def _all(self, namespace: Namespace) -> Any:
        return self.model.visible_to(namespace.sight).with_findings().select_related("team").defer(*NOT_SHOWN)


def _say_whom_to_ask(namespace: Namespace, rows: Sequence[Any]) -> None:
    """Add `whom_to_ask` to the rows of other teams, which the person for whom the namespace was read may not change."""
    others = [row for row in rows if row.team is not None and not namespace.rights.covers(row)]
    sentences = whom_to_ask_in_each({row.team for row in others}) if others else {}
    for row in others:
        row.whom_to_ask = sentences[row.team_id]


def _shown(narrowing: Filter, namespace: Namespace, query: QueryDict) -> ShownFilter:
    options, value = narrowing.options(namespace), asked_text(query, narrowing.key)
    is_known = any(value == known for known, _ in options)
    return ShownFilter(narrowing.key, narrowing.label, options, value if is_known else "")


class Begins(Lookup):
    """Whether a text begins with another one, in the form for which the databases use their indexes.

    SQLite has its indexes in the order of the characters. PostgreSQL needs one of the class `text_pattern_ops`, and LIKE.
    """

    lookup_name = "begins"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        column, parameters = compiler.compile(self.lhs)
        if connection.vendor == "postgresql":
            escaped = re.sub(r"([\\\\%_])", r"\\\1", self.rhs)
            return f"{column} LIKE %s", (*parameters, f"{escaped}%")
        return f"({column} >= %s AND {column} < %s)", (*parameters, self.rhs, *parameters, f"{self.rhs}{_LAST}")


_LAST = "\U0010ffff"  # no text that begins with another one comes after that one and this character


def containing(*columns: str) -> Callable[[str], Q]:
    """Return a function that makes the condition that one of these columns contains a text, ignoring case."""

    def matches(search: str) -> Q:
        wanted = Q()
        for column in columns:
            wanted |= Q(**{f"{column}__icontains": search})
        return wanted

    return matches


NAME = ("Name", Lower("name").asc())
CLIENT_GROUP_LIST = Listing(
    ClientGroup,
    {"name": ("Group name", Lower("name").asc()), "query": ("Query", Lower("query"))},
    containing("name", "query", "description"),
    limit_setting="MAX_CLIENT_GROUPS",
)
TOPIC_SPACE_LIST = Listing(
    TopicSpace,
    {"name": NAME, "templates": ("Topic templates", None)},
    containing("name", "templates", "description"),
    limit_setting="MAX_TOPIC_SPACES",
)
PERMISSION_BINDING_LIST = Listing(
    PermissionBinding,
    {
        "name": NAME,
        "group": ("Client group name", Lower("client_group_name")),
        "space": ("Topic space name", Lower("topic_space_name")),
        "permission": ("Permission", F("permission")),
    },
    containing("name", "client_group_name", "topic_space_name", "description"),
    limit_setting="MAX_PERMISSION_BINDINGS",
)
