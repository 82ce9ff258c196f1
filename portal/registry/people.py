"""Roles of people, and what apps check before people and teams change."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django.db.models import QuerySet

from portal.models import Team, User


@dataclass(frozen=True)
class HeldRole:
    """A role of the user, for the account page."""

    place: str
    role: str
    through: str  # "yourself", or the team that has the role
    url: str
    since: datetime | None


RoleSource = Callable[[User], Iterable[HeldRole]]
_role_sources: list[RoleSource] = []


def register_roles(source: RoleSource) -> None:
    if source not in _role_sources:
        _role_sources.append(source)


def held_roles(user: User) -> list[HeldRole]:
    """Return every role of the user, source by source."""
    return [role for source in _role_sources for role in source(user)]


@dataclass(frozen=True)
class RoleChoice:
    """A role in a place, such as a namespace, that can be given. `key` is what forms post and invitations store."""

    key: str
    place: str
    role: str


@dataclass(frozen=True)
class RightLine:
    """One line of *What can this person do?*: whether it is allowed, what, and to how many things."""

    allowed: bool
    sentence: str
    count: int | None = None


@dataclass(frozen=True)
class RightSource:
    """By which role a right is held: a code, `own:ROLE`, `team:ROLE`, `administrator` or `none`, and its words."""

    code: str
    words: str  # "Certificate uploader, by team Line A"


@dataclass(frozen=True)
class RightSection:
    """What a person may do with one kind of thing, and by which roles."""

    key: str
    label: str
    sources: tuple[RightSource, ...]
    lines: tuple[RightLine, ...]


class RoleBook(Protocol):
    """The roles that an app gives to people, as the pages about people need them."""

    def summaries(self, user_pks: Collection[int]) -> Mapping[int, Sequence[str]]:
        """Return the names of the roles of each user, without repetition."""

    def names(self) -> Sequence[tuple[str, str]]:
        """Return key and name of each role, the strongest first, wherever it is held."""

    def holders(self, role: str) -> QuerySet[Any, Any]:
        """Return the primary keys of the users who have the role in some place, themselves or by a team."""

    def is_among(self, role: str, keys: Collection[str]) -> bool:
        """Return whether a role is among choices, which are given by their keys."""

    def choices(self) -> Sequence[RoleChoice]:
        """Return every role in every place."""

    def choice(self, key: str) -> RoleChoice | None:
        """Return the choice with this key; None where its place has been removed."""

    def grant(self, actor: User, user: User, key: str) -> None:
        """Give the role, in the caller's transaction. Does nothing where the place has been removed or the role is held."""

    def places(self, user: User) -> Sequence[tuple[int, str]]:
        """Return primary key and name of each place in which the user has a right."""

    def explain(self, user: User, place: int) -> Sequence[RightSection]:
        """Return what the user may do in one place, and by which role."""


_role_books: list[RoleBook] = []


def register_role_book(book: RoleBook) -> None:
    _role_books[:] = [book]


def role_book() -> RoleBook:
    """Return the registered roles. Raise LookupError when no app has registered any."""
    if not _role_books:
        raise LookupError("no app has registered its roles")
    return _role_books[0]


TeamUses = Callable[[Team], Iterable[str]]
_team_uses: list[TeamUses] = []


def register_team_uses(source: TeamUses) -> None:
    """Register what a team has that keeps it from being deleted, in words such as "3 CA certificates"."""
    if source not in _team_uses:
        _team_uses.append(source)


def uses_of_team(team: Team) -> list[str]:
    return [use for source in _team_uses for use in source(team)]


PersonEnding = Callable[[User], Mapping[str, int]]
_person_endings: list[PersonEnding] = []


def register_person_ending(ending: PersonEnding) -> None:
    """Register what ends when a person is disabled. It runs in that transaction, and returns how much of what it ended."""
    if ending not in _person_endings:
        _person_endings.append(ending)


def end_for_person(user: User) -> dict[str, int]:
    """End whatever the apps let act in the name of the user, and return how much of what."""
    return {name: count for ending in _person_endings for name, count in ending(user).items()}


LeadCheck = Callable[[User, Team, User], None]
_lead_checks: list[LeadCheck] = []


def register_lead_check(check: LeadCheck) -> None:
    """Register a function of the actor, a team and a person. It raises where others must approve that the person leads the team."""
    if check not in _lead_checks:
        _lead_checks.append(check)


JoinCheck = Callable[[Team, User | None, bool, User | None], str]
_join_checks: list[JoinCheck] = []


def register_join_check(check: JoinCheck) -> None:
    """Register a function of a team, a person, whether they lead it and who adds them. It returns why that needs approval, or "".

    The person is None where it is not known yet, and so is the one who adds them where a command does.
    """
    if check not in _join_checks:
        _join_checks.append(check)


def why_not_joined(team: Team, person: User | None, *, by: User | None, leads: bool = False) -> str:
    """Return why a person may not become a member of a team, or its lead, without approval; "" where they may."""
    return next((why for check in _join_checks if (why := check(team, person, leads, by))), "")


def check_lead(actor: User, team: Team, person: User) -> None:
    """Let the apps check, inside the transaction, that a person becomes lead of a team."""
    for check in _lead_checks:
        check(actor, team, person)
