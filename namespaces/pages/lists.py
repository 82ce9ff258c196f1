"""The list of clients: search, filter and order."""

from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Lower
from django.http import QueryDict

from namespaces.models import Client, Namespace
from portal.listing import Column, asked_text, page_of, sorting_of
from portal.models import Team

CLIENT_COLUMNS: dict[str, tuple[str, F | Lower]] = {
    "name": ("Client name", Lower("name")),
    "authentication_name": ("Authentication name", F("authentication_key")),
    "validation_scheme": ("Validation scheme", F("validation_scheme")),
    "state": ("Connection state", F("state")),
    "team": ("Team", Lower("team__name")),
    "last_seen": ("Last seen", F("last_seen_at")),
}


@dataclass(frozen=True)
class ClientGrid:
    """The clients of a namespace as somebody wants to see them."""

    page: Page[Client]
    columns: tuple[Column, ...]
    search: str
    team: str
    teams: QuerySet[Team]
    sort: str

    @property
    def is_narrowed(self) -> bool:
        return bool(self.search or self.team)


def narrowed_clients(namespace: Namespace, query: QueryDict) -> QuerySet[Client]:
    """The clients that a grid with this search text and team is about."""
    search, team = asked_text(query, "q"), asked_text(query, "team")
    rows: QuerySet[Client] = Client.objects.filter(namespace=namespace)
    if search:
        rows = rows.filter(
            Q(name__icontains=search) | Q(authentication_name__icontains=search) | Q(description__icontains=search)
        )
    if team == "none":
        rows = rows.filter(team=None)
    elif team.isascii() and team.isdigit() and len(team) < 19:
        rows = rows.filter(team=int(team))
    return rows


def listed_clients(namespace: Namespace, query: QueryDict) -> QuerySet[Client]:
    """The clients that somebody asks for, in the order asked for."""
    sort = sorting_of(query, CLIENT_COLUMNS, "name")
    narrowed: Any = narrowed_clients(namespace, query)
    order = CLIENT_COLUMNS[sort.removeprefix("-")][1]
    ordering = order.desc(nulls_last=True) if sort.startswith("-") else order.asc(nulls_last=True)
    found: QuerySet[Client] = narrowed.with_findings().select_related("team", "namespace").order_by(ordering, "pk")
    return found


def client_grid(namespace: Namespace, query: QueryDict) -> ClientGrid:
    search, team = asked_text(query, "q"), asked_text(query, "team")
    sort = sorting_of(query, CLIENT_COLUMNS, "name")
    teams = Team.objects.filter(pk__in=Client.objects.filter(namespace=namespace).values("team")).order_by("name")
    columns = tuple(Column(key, label, sort) for key, (label, _) in CLIENT_COLUMNS.items())
    return ClientGrid(page_of(listed_clients(namespace, query), query), columns, search, team, teams, sort)
