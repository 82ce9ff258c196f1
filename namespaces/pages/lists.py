"""How the rows of a resource type are listed: columns that sort, search, team filter, limit."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.paginator import Page
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Lower
from django.http import QueryDict

from namespaces.models import Client, ClientGroup, Namespace, PermissionBinding, TopicSpace
from portal.listing import Column, Columns, asked_text, headings, ordering_of, page_of, sorting_of, whole_number
from portal.models import Team
from sync.models import SyncedModel


@dataclass(frozen=True)
class Grid:
    """One page of a list, with what the query asked for."""

    page: Page[Any]
    columns: tuple[Column, ...]
    search: str
    sort: str
    team: str = ""
    teams: QuerySet[Team] | None = None  # to filter by; None where the list has no such filter
    total: int = 0
    limit: int = 0  # the number of rows that Azure allows; 0 where the list does not show it

    @property
    def is_narrowed(self) -> bool:
        return bool(self.search or self.team)


@dataclass(frozen=True)
class Listing:
    """The list of one resource type. `matches` makes the condition for a search text."""

    model: type[SyncedModel]
    columns: Columns
    matches: Callable[[str], Q]
    limit_setting: str = ""
    has_team_filter: bool = False

    def condition(self, query: QueryDict) -> Q:
        """Return the condition for the rows that the query's search text and team ask for."""
        search = asked_text(query, "q")
        wanted = self.matches(search) if search else Q()
        return wanted & _of_team(asked_text(query, "team")) if self.has_team_filter else wanted

    def rows(self, namespace: Namespace, query: QueryDict) -> QuerySet[Any]:
        """Return the rows that the query asks for, in the order it asks for."""
        sort = sorting_of(query, self.columns, "name")
        found: QuerySet[Any] = self._all(namespace).filter(self.condition(query))
        return found.order_by(ordering_of(self.columns, sort), "pk")

    def grid(self, namespace: Namespace, query: QueryDict) -> Grid:
        """Return the page of the list that the query asks for."""
        sort = sorting_of(query, self.columns, "name")
        return Grid(
            page=page_of(self.rows(namespace, query), query),
            columns=headings(self.columns, sort),
            search=asked_text(query, "q"),
            sort=sort,
            team=asked_text(query, "team") if self.has_team_filter else "",
            teams=self._teams(namespace) if self.has_team_filter else None,
            total=self._all(namespace).count() if self.limit_setting else 0,
            limit=getattr(settings, self.limit_setting) if self.limit_setting else 0,
        )

    def _all(self, namespace: Namespace) -> Any:
        manager: Any = self.model._default_manager
        return manager.with_findings().filter(namespace=namespace).select_related("namespace", "team")

    def _teams(self, namespace: Namespace) -> QuerySet[Team]:
        manager: Any = self.model._default_manager
        return Team.objects.filter(pk__in=manager.filter(namespace=namespace).values("team")).order_by("name")


def containing(*columns: str) -> Callable[[str], Q]:
    """Return a function that makes the condition that one of these columns contains a text, ignoring case."""

    def matches(search: str) -> Q:
        wanted = Q()
        for column in columns:
            wanted |= Q(**{f"{column}__icontains": search})
        return wanted

    return matches


def _of_team(team: str) -> Q:
    if team == "none":
        return Q(team=None)
    pk = whole_number(team)
    return Q() if pk is None else Q(team=pk)


NAME = ("Name", Lower("name"))
CLIENT_LIST = Listing(
    Client,
    {
        "name": ("Client name", Lower("name")),
        "authentication_name": ("Authentication name", F("authentication_key")),
        "validation_scheme": ("Validation scheme", F("validation_scheme")),
        "state": ("Connection state", F("state")),
        "team": ("Team", Lower("team__name")),
        "last_seen": ("Last seen", F("last_seen_at")),
    },
    containing("name", "authentication_name", "description"),
    has_team_filter=True,
)
CLIENT_GROUP_LIST = Listing(
    ClientGroup,
    {"name": ("Group name", Lower("name")), "query": ("Query", Lower("query"))},
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
