"""The role assignments of a namespace, and the people and teams that can be given a role."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page
from django.db.models import Case, CharField, Count, F, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce, Concat, Lower, NullIf, Trim
from django.http import QueryDict

from namespaces.access import administrators
from namespaces.models import Namespace, NamespaceRole, Role
from namespaces.rights import STRONGEST_FIRST
from portal.listing import (
    Column,
    Columns,
    asked_text,
    headings,
    ordering_of,
    page_of,
    sorting_of,
    whole_number,
)
from portal.models import Team, User

MEANINGS: dict[Role, str] = {
    Role.READER: "Sees this namespace and tests certificates and permissions. Changes nothing.",
    Role.CERTIFICATE_UPLOADER: "As a Reader; also uploads, edits and deletes the CA certificates of their teams.",
    Role.CLIENT_MANAGER: "As a Reader; also registers, edits and deletes the clients of their teams.",
    Role.CONTRIBUTOR: "As a Reader; also creates, edits and deletes what their teams or no team owns, and decides about "
    "drift.",
    Role.OWNER: "As a Contributor for every team; also gives and takes roles, and disconnects the namespace.",
}
MOST_FOUND = 8  # people and teams offered at once

_SHOWN_NAME = NullIf(
    Trim(Concat("user__first_name", Value(" "), "user__last_name")), Value(""), output_field=CharField()
)
COLUMNS: Columns = {
    "name": ("Name", Lower("shown_name")),
    "role": ("Role", Case(*(When(role=role, then=Value(at)) for at, role in enumerate(STRONGEST_FIRST)))),
    "since": ("Has access since", F("since")),
}


@dataclass(frozen=True)
class RoleGrid:
    """One page of the role assignments of a namespace, as the query asks for it."""

    page: Page[NamespaceRole]
    columns: tuple[Column, ...]
    search: str
    sort: str
    administrators: Sequence[User]  # owners without an assignment; only where the whole list is shown


def role_grid(namespace: Namespace, query: QueryDict) -> RoleGrid:
    search, sort = asked_text(query, "q"), sorting_of(query, COLUMNS, "role")
    rows: Any = NamespaceRole.objects.filter(namespace=namespace).select_related("user", "team")
    rows = rows.annotate(
        shown_name=Coalesce("team__name", _SHOWN_NAME, "user__username"), members=Count("team__members")
    )
    if search:
        rows = rows.filter(
            Q(shown_name__icontains=search) | Q(user__username__icontains=search) | Q(role__icontains=search)
        )
    page = page_of(rows.order_by(ordering_of(COLUMNS, sort), Lower("shown_name"), "pk"), query)
    is_whole = not search and not page.has_next()
    return RoleGrid(page, headings(COLUMNS, sort), search, sort, list(administrators()) if is_whole else [])


@dataclass(frozen=True)
class Holder:
    """A person or a team that can be given a role. `key` is what a form posts."""

    key: str
    name: str
    detail: str
    user: User | None = None
    team: Team | None = None

    def is_called(self, text: str) -> bool:
        wanted = text.casefold()
        return wanted == self.name.casefold() or (self.user is not None and wanted == self.user.username.casefold())


def find_holders(text: str, most: int = MOST_FOUND) -> list[Holder]:
    """Return the people and teams whose names contain every word."""
    words = text.split()
    people: QuerySet[User] = User.objects.filter(is_active=True)
    teams: QuerySet[Team] = Team.objects.all()
    for word in words:
        people = people.filter(
            Q(username__icontains=word) | Q(first_name__icontains=word) | Q(last_name__icontains=word)
        )
        teams = teams.filter(name__icontains=word)
    found = [_person(user) for user in people.order_by("first_name", "last_name", "username")[:most]]
    found += [_team(team) for team in teams.annotate(size=Count("members")).order_by("name")[:most]]
    return sorted(found, key=lambda each: not each.is_called(text))[:most]


def holder_of(key: str) -> Holder | None:
    """Return the person or team that a form posts as `key`."""
    kind, _, digits = key.partition("-")
    pk = whole_number(digits)
    if pk is None:
        return None
    if kind == "user":
        user = User.objects.filter(pk=pk, is_active=True).first()
        return _person(user) if user else None
    team = Team.objects.annotate(size=Count("members")).filter(pk=pk).first() if kind == "team" else None
    return _team(team) if team else None


def _person(user: User) -> Holder:
    return Holder(f"user-{user.pk}", user.display_name, user.username, user=user)


def _team(team: Team) -> Holder:
    size = team.size  # type: ignore[attr-defined]  # annotated
    return Holder(f"team-{team.pk}", team.name, f"team of {size}", team=team)
