"""The lists of people and teams: what one page of them shows, as the query asks for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from allauth.socialaccount.models import SocialAccount
from django.core.paginator import Page, Paginator
from django.db.models import CharField, Count, F, Q, QuerySet, Value
from django.db.models.functions import Coalesce, Concat, Lower, NullIf, Trim
from django.http import QueryDict
from django.utils import timezone

from portal.listing import PAGE_SIZE, Column, Columns, asked_text, headings, ordering_of, page_of, sorting_of
from portal.models import AccessLink, Membership, Team, User
from portal.people.states import STATES, State, locked_people, state_of
from portal.registry import role_book

_NAME = NullIf(Trim(Concat("first_name", Value(" "), "last_name")), Value(""), output_field=CharField())
ADMINISTRATOR = "administrator"  # beside the roles of the role book
COLUMNS: Columns = {
    "name": ("Person", F("sort_name")),
    "teams": ("Teams", None),
    "roles": ("Roles", None),
    "signed_in": ("Last sign-in", F("signed_in")),
    "state": ("State", None),
}
TEAM_COLUMNS: Columns = {
    "name": ("Team", Lower("name")),
    "leads": ("Leads", None),
    "members": ("Members", F("size")),
}


@dataclass(frozen=True)
class TeamMark:
    """A team of a person in a list."""

    name: str
    is_lead: bool
    by_sso: bool = False


@dataclass(frozen=True)
class PersonRow:
    """A person, or somebody who is invited, in the list."""

    name: str
    detail: str
    teams: tuple[TeamMark, ...]
    roles: tuple[str, ...]
    state: State
    user: User | None = None
    invitation: AccessLink | None = None
    is_sso: bool = False


@dataclass(frozen=True)
class PeopleGrid:
    page: Page[Any]
    rows: Sequence[PersonRow]
    columns: tuple[Column, ...]
    asked: "_Asked"
    sort: str
    teams: Sequence[Team]
    roles: Sequence[tuple[str, str]]
    summary: str

    states = tuple(STATES.items())


@dataclass(frozen=True)
class _Asked:
    """What a query asks for; "" narrows nothing."""

    search: str
    state: str
    team: str
    role: str

    @classmethod
    def of(cls, query: QueryDict) -> "_Asked":
        return cls(*(asked_text(query, name) for name in ("q", "state", "team", "role")))


def people_grid(query: QueryDict) -> PeopleGrid:
    """Return one page of all people and of the invitations that wait."""
    asked, sort = _Asked.of(query), sorting_of(query, COLUMNS, "name")
    found = _people(asked).union(_invited(asked), all=True)
    ordered = found.order_by(ordering_of(COLUMNS, sort), "kind", "pk")
    page = Paginator(ordered, PAGE_SIZE).get_page(query.get("page"))
    teams = list(Team.objects.order_by("name"))
    rows = _rows([(kind, pk) for kind, pk, *_ in page.object_list])
    return PeopleGrid(page, rows, headings(COLUMNS, sort), asked, sort, teams, _role_names(), _summary())


def people_for_csv(query: QueryDict) -> Sequence[PersonRow]:
    asked = _Asked.of(query)
    found = _people(asked).union(_invited(asked), all=True).order_by("sort_name", "pk")
    return _rows([(kind, pk) for kind, pk, *_ in found])


def _summary() -> str:
    people, by_sso = count_people(), SocialAccount.objects.values("user").distinct().count()
    counted = "1 person" if people == 1 else f"{people} people"
    return f"{counted}, {by_sso} by single sign-on" if by_sso else counted


def count_people() -> int:
    return User.objects.count()


def _role_names() -> Sequence[tuple[str, str]]:
    return [(ADMINISTRATOR, "Administrator"), *role_book().names()]


def _people(asked: _Asked) -> QuerySet[Any, Any]:
    rows: QuerySet[Any, Any] = User.objects.annotate(
        kind=Value("user"), shown=Coalesce(_NAME, "username"), signed_in=F("last_login")
    ).annotate(sort_name=Lower("shown"))
    for word in asked.search.split():
        rows = rows.filter(Q(shown__icontains=word) | Q(username__icontains=word) | Q(email__icontains=word))
    if asked.state == "disabled":
        rows = rows.filter(is_active=False)
    elif asked.state in {"active", "locked"}:
        locked = Q(pk__in=list(locked_people()))
        rows = rows.filter(locked if asked.state == "locked" else ~locked, is_active=True)
    elif asked.state == "invited":
        rows = rows.none()
    if asked.team:
        rows = rows.filter(pk__in=Membership.objects.filter(team__name=asked.team).values("user"))
    if asked.role == ADMINISTRATOR:
        rows = rows.filter(is_superuser=True)
    elif asked.role:
        rows = rows.filter(pk__in=role_book().holders(asked.role))
    return rows.values_list("kind", "pk", "sort_name", "signed_in")


def _invited(asked: _Asked) -> QuerySet[Any, Any]:
    rows: QuerySet[Any, Any] = AccessLink.objects.waiting().annotate(
        kind=Value("link"), shown=Coalesce(_NAME, "email"), signed_in=F("used_at")
    )
    rows = rows.annotate(sort_name=Lower("shown"))
    for word in asked.search.split():
        rows = rows.filter(Q(shown__icontains=word) | Q(email__icontains=word))
    if asked.state not in {"", "invited"}:
        rows = rows.none()
    if asked.team:
        rows = rows.filter(pk__in=AccessLink.objects.filter(teams__name=asked.team).values("pk"))
    if asked.role == ADMINISTRATOR:
        rows = rows.filter(makes_administrator=True)
    elif asked.role:
        given = AccessLink.objects.waiting().values_list("pk", "roles")
        rows = rows.filter(pk__in=[pk for pk, keys in given if role_book().is_among(asked.role, keys)])
    return rows.values_list("kind", "pk", "sort_name", "signed_in")


def _rows(keys: Sequence[tuple[str, int]]) -> list[PersonRow]:
    users = User.objects.in_bulk([pk for kind, pk in keys if kind == "user"])
    links = AccessLink.objects.in_bulk([pk for kind, pk in keys if kind == "link"])
    failures, roles = locked_people(users), role_book().summaries(list(users))
    teams: dict[int, list[TeamMark]] = {}
    memberships = Membership.objects.filter(user__in=users).select_related("team").order_by("team__name")
    for held in memberships:
        teams.setdefault(held.user_id, []).append(TeamMark(held.team.name, held.is_lead, held.by_sso))
    by_sso = set(SocialAccount.objects.filter(user__in=list(users)).values_list("user", flat=True))
    found = []
    for kind, pk in keys:
        if kind == "link":
            found.append(invited_row(links[pk]))
            continue
        user, mine = users[pk], tuple(teams.get(pk, ()))
        held_roles = (("Administrator",) if user.is_superuser else ()) + tuple(roles.get(pk, ()))
        is_sso = pk in by_sso or any(mark.by_sso for mark in mine)
        row = PersonRow(
            user.display_name, user.email or user.username, mine, held_roles, state_of(user, failures), user=user,
            is_sso=is_sso,
        )  # fmt: skip
        found.append(row)
    return found


def invited_row(link: AccessLink) -> PersonRow:
    invited = link.invited_teams.select_related("team").order_by("team__name")
    marks = tuple(TeamMark(each.team.name, each.is_lead) for each in invited)
    choices = [role_book().choice(key) for key in link.roles]
    roles = {choice.role: None for choice in choices if choice is not None}
    held = (("Administrator",) if link.makes_administrator else ()) + tuple(roles)
    has_expired = link.expires_at <= timezone.now()
    state = State("invited", "link has expired" if has_expired else "", until=None if has_expired else link.expires_at)
    return PersonRow(str(link), link.email, marks, held, state, invitation=link)


@dataclass(frozen=True)
class TeamGrid:
    page: Page[Any]
    columns: tuple[Column, ...]
    search: str
    sort: str


def team_grid(user: User, query: QueryDict) -> TeamGrid:
    """Return one page of the teams: all of them for an administrator, else those that the user leads."""
    search, sort = asked_text(query, "q"), sorting_of(query, TEAM_COLUMNS, "name")
    rows = Team.objects.annotate(size=Count("memberships"))
    if not user.is_superuser:
        rows = rows.filter(pk__in=Membership.objects.filter(user=user, is_lead=True).values("team"))
    for word in search.split():
        rows = rows.filter(name__icontains=word)
    page = page_of(rows.order_by(ordering_of(TEAM_COLUMNS, sort), "pk"), query)
    leads: dict[int, list[str]] = {}
    held = Membership.objects.filter(team__in=[team.pk for team in page], is_lead=True)
    for each in held.select_related("user").order_by("user__first_name", "user__username"):
        leads.setdefault(each.team_id, []).append(each.user.display_name)
    for team in page:
        team.leads = leads.get(team.pk, [])
    return TeamGrid(page, headings(TEAM_COLUMNS, sort), search, sort)


def find_people(text: str, *, outside: Team, most: int = 8) -> list[User]:
    """Return the active people whose names contain every word and who are not in the team."""
    rows = User.objects.filter(is_active=True).exclude(pk__in=outside.memberships.values("user"))
    for word in text.split():
        rows = rows.filter(Q(username__icontains=word) | Q(first_name__icontains=word) | Q(last_name__icontains=word))
    return list(rows.order_by("first_name", "last_name", "username")[:most])
