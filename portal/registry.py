"""What apps add to the shell in `AppConfig.ready`: menu items, search sources, roles, and visible activity."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Protocol

from django.db.models import Q, QuerySet

from portal.models import Activity, Notice, Team, User
from portal.short_cache import kept


@dataclass(frozen=True)
class MenuItem:
    """One entry of a namespace's service menu. `url_name` is reversed with the namespace's primary key."""

    group: str  # "" for the entries above the groups
    label: str
    icon: str
    url_name: str
    order: int = 100
    count: Callable[[Any], int | None] | None = None  # takes what the user sees in the namespace, as its `sight`
    need: str = ""  # "warning" or "bad": the count is of what needs a person, a badge; 0 is not shown
    note: Callable[[User], str] | None = None  # words beside it instead of a count, such as "2 of 14"


@dataclass(frozen=True)
class MenuEntry:
    """A menu item with its count for one namespace."""

    item: MenuItem
    count: int | None


@dataclass(frozen=True)
class SearchHit:
    kind: str
    title: str
    subtitle: str
    url: str


@dataclass(frozen=True)
class HeldRole:
    """A role of the user, for the account page."""

    place: str
    role: str
    through: str  # "yourself", or the team that has the role
    url: str
    since: datetime | None


@dataclass(frozen=True)
class Shortcoming:
    """A fault of a deployment. `code` is for machines; `fix` is what to do, "" if `problem` includes it."""

    severity: str  # "error" | "warning"
    code: str
    problem: str
    fix: str


AdministratorWarnings = Callable[[], Iterable[str]]
DeploymentCheck = Callable[[], Iterable[Shortcoming]]
SearchSource = Callable[[User, str], Iterable[SearchHit]]
# The pages that a user may open: of the portal, and of the current namespace (its primary key).
PageSource = Callable[[User, int | None], Iterable[SearchHit]]


class VisibleScopes(dict[int, datetime | None]):
    """The namespaces whose activity a user may see, by primary key, each with the date since when (None: always).

    `hidden` matches entries of these namespaces that the user may not see; None where nothing is hidden.
    """

    hidden: Q | None = None


ActivityPages = Callable[[User, Sequence[Activity]], Mapping[tuple[str, int | None], str]]
ActivityScope = Callable[[User], VisibleScopes]
# Announces what is due at a time, such as expiries.
NoticeProducer = Callable[[datetime], None]
RoleSource = Callable[[User], Iterable[HeldRole]]

MOST_PAGES = 5  # in search results

_menu_items: list[MenuItem] = []
_search_sources: list[SearchSource] = []
_page_sources: list[PageSource] = []
_action_sources: list[PageSource] = []
_activity_pages: list[ActivityPages] = []
_activity_scopes: list[ActivityScope] = []
_role_sources: list[RoleSource] = []
_deployment_checks: list[DeploymentCheck] = []
_notice_producers: list[NoticeProducer] = []
_administrator_warnings: list[AdministratorWarnings] = []


def register_menu_item(item: MenuItem) -> None:
    if item not in _menu_items:
        _menu_items.append(item)
        _menu_items.sort(key=lambda known: (known.order, known.label))


def menu_for(namespace_pk: int, sight: Any) -> list[tuple[str, list[MenuEntry]]]:
    """Return the service menu of one namespace: groups in the order of their first item, each with its entries.

    `sight` is what the user sees in it: the counts are of that, and kept under its `key`.
    """
    groups: dict[str, list[MenuEntry]] = {}
    counts = kept(f"menu:{namespace_pk}:{sight.key}", lambda: _counts(sight))
    for item in _menu_items:
        entry = MenuEntry(item, counts.get(item.url_name))
        groups.setdefault(item.group, []).append(entry)
    return list(groups.items())


def _counts(sight: Any) -> dict[str, int | None]:
    return {item.url_name: item.count(sight) for item in _menu_items if item.count}


def register_search(source: SearchSource) -> None:
    if source not in _search_sources:
        _search_sources.append(source)


def page_hit(title: str, subtitle: str, url: str) -> SearchHit:
    return SearchHit("Page", title, subtitle, url)


def register_pages(source: PageSource) -> None:
    if source not in _page_sources:
        _page_sources.append(source)


def register_actions(source: PageSource) -> None:
    """Let the search find what a user may do, by its verb: each is a page that begins it."""
    if source not in _action_sources:
        _action_sources.append(source)


def menu_items() -> tuple[MenuItem, ...]:
    """Return every entry of a namespace's service menu."""
    return tuple(_menu_items)


def search(user: User, query: str, namespace_pk: int | None = None) -> Iterator[SearchHit]:
    """Yield the matches that the user may see: pages, actions, then source by source. Each source limits its own results.

    `namespace_pk` is the current namespace, whose pages are searched too.
    """
    query = query.strip()
    if query:
        yield from islice(_titled(_page_sources, user, query, namespace_pk), MOST_PAGES)
        yield from islice(_titled(_action_sources, user, query, namespace_pk), MOST_PAGES)
        for source in _search_sources:
            yield from source(user, query)


def _titled(sources: Sequence[PageSource], user: User, query: str, namespace_pk: int | None) -> Iterator[SearchHit]:
    """Yield the pages in whose title each word of the query starts a word."""
    wanted = query.casefold().split()
    for source in reversed(sources):  # the apps registered last know the current namespace: its pages come first
        for page in source(user, namespace_pk):
            words = re.split(r"\W+", page.title.casefold())
            if all(any(word.startswith(each) for word in words) for each in wanted):
                yield page


def register_activity_pages(source: ActivityPages) -> None:
    if source not in _activity_pages:
        _activity_pages.append(source)


def activity_pages(user: User, activities: Sequence[Activity]) -> dict[tuple[str, int | None], str]:
    """Return the addresses of the pages of what was changed, by kind and primary key, where the user may see it."""
    return {key: url for source in _activity_pages for key, url in source(user, activities).items()}


def register_activity_scope(scope: ActivityScope) -> None:
    if scope not in _activity_scopes:
        _activity_scopes.append(scope)


def visible_scopes(user: User) -> VisibleScopes:
    """Return the namespaces whose activity the user may see."""
    found = VisibleScopes()
    for source in _activity_scopes:
        scopes = source(user)
        found |= scopes
        if scopes.hidden is not None:
            found.hidden = scopes.hidden if found.hidden is None else found.hidden | scopes.hidden
    return found


def register_roles(source: RoleSource) -> None:
    if source not in _role_sources:
        _role_sources.append(source)


def held_roles(user: User) -> list[HeldRole]:
    """Return every role of the user, source by source."""
    return [role for source in _role_sources for role in source(user)]


def register_deployment_check(check: DeploymentCheck) -> None:
    """Let `manage.py check_deployment` run a check of an app."""
    if check not in _deployment_checks:
        _deployment_checks.append(check)


def deployment_checks() -> tuple[DeploymentCheck, ...]:
    return tuple(_deployment_checks)


class Places(Protocol):
    """The namespaces, as notices and webhooks ask for them."""

    def audience(self, pk: int, team_pk: int | None, *, owners: bool = False) -> Sequence[User]:
        """Return the people who look after what this team owns in a namespace, or what no team owns; `owners`: its Owners."""

    def may_see(self, user: User, notice: Notice) -> bool:
        """Return whether the user may see what a notice about a namespace is about."""

    def owned(self, user: User) -> Mapping[int, str]:
        """Return the namespaces that the user owns, by primary key, with their names."""


_places: list[Places] = []


def register_places(places: Places) -> None:
    _places[:] = [places]


def places() -> Places:
    """Return the registered namespaces. Raise LookupError when no app has registered any."""
    if not _places:
        raise LookupError("no app has registered its namespaces")
    return _places[0]


def may_get(user: User, notice: Notice) -> bool:
    """Return whether the user is active and may see what the notice is about.

    Asked when it is announced, when it is shown, and again when a mail is sent.
    """
    return user.is_active and (notice.scope is None or places().may_see(user, notice))


def register_notice_producer(producer: NoticeProducer) -> None:
    """Let an app announce what is due; a worker calls it every quarter of an hour."""
    if producer not in _notice_producers:
        _notice_producers.append(producer)


def notice_producers() -> tuple[NoticeProducer, ...]:
    return tuple(_notice_producers)


def register_administrator_warnings(source: AdministratorWarnings) -> None:
    """Let an app warn administrators on every page."""
    if source not in _administrator_warnings:
        _administrator_warnings.append(source)


def administrator_warnings() -> list[str]:
    """What administrators have to know now, as sentences."""
    return kept("warnings", lambda: [sentence for source in _administrator_warnings for sentence in source()])


# People and teams


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
class RightSection:
    """What a person may do with one kind of thing. `sources` say by which role: "Certificate uploader, by team Line A"."""

    key: str
    label: str
    sources: tuple[str, ...]
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


TeamUses = Callable[[Team], Iterable[str]]
PersonEnding = Callable[[User], Mapping[str, int]]

_role_books: list[RoleBook] = []
_team_uses: list[TeamUses] = []
_person_endings: list[PersonEnding] = []


def register_role_book(book: RoleBook) -> None:
    _role_books[:] = [book]


def role_book() -> RoleBook:
    """Return the registered roles. Raise LookupError when no app has registered any."""
    if not _role_books:
        raise LookupError("no app has registered its roles")
    return _role_books[0]


def register_team_uses(source: TeamUses) -> None:
    """Register what a team has that keeps it from being deleted, in words such as "3 CA certificates"."""
    if source not in _team_uses:
        _team_uses.append(source)


def uses_of_team(team: Team) -> list[str]:
    return [use for source in _team_uses for use in source(team)]


def register_person_ending(ending: PersonEnding) -> None:
    """Register what ends when a person is disabled. It runs in that transaction, and returns how much of what it ended."""
    if ending not in _person_endings:
        _person_endings.append(ending)


def end_for_person(user: User) -> dict[str, int]:
    """End whatever the apps let act in the name of the user, and return how much of what."""
    return {name: count for ending in _person_endings for name, count in ending(user).items()}


@dataclass(frozen=True)
class ShellItem:
    """One entry of the service menu of the portal's home."""

    group: str  # "" for the entries above the groups
    label: str
    icon: str
    url_name: str
    order: int = 100
    is_shown: Callable[[User], bool] = lambda user: True
    count: Callable[[User], int | None] = lambda user: None
    note: Callable[[User], str] | None = None  # words beside it instead of a count, such as "2 of 14"


_shell_items: list[ShellItem] = []


def register_shell_item(item: ShellItem) -> None:
    if item.url_name not in [known.url_name for known in _shell_items]:
        _shell_items.append(item)
        _shell_items.sort(key=lambda known: (known.order, known.label))


def shell_items(user: User) -> list[ShellItem]:
    """Return the entries of the home's service menu that the user may open."""
    return [item for item in _shell_items if item.is_shown(user)]


@dataclass(frozen=True)
class ShellBar:
    """A bar above the content of every page of a user: a template, and what it draws, as `bar`."""

    template: str
    context: Mapping[str, Any]


# Takes the user, and the address of the page when it was opened by GET, else "".
ShellBarSource = Callable[[User, str], ShellBar | None]
_shell_bars: list[ShellBarSource] = []


def register_shell_bar(source: ShellBarSource) -> None:
    if source not in _shell_bars:
        _shell_bars.append(source)


def shell_bars(user: User, opened: str) -> list[ShellBar]:
    """Return the bars that apps put on the page of this user."""
    return [bar for source in _shell_bars if (bar := source(user, opened)) is not None]


@dataclass(frozen=True)
class BellLine:
    """A line on top of the notifications, such as what waits for the user. `count`: of the things it is about."""

    code: str
    count: int
    text: str
    url: str


BellLineSource = Callable[[User], BellLine | None]
_bell_lines: list[BellLineSource] = []


def register_bell_line(source: BellLineSource) -> None:
    if source not in _bell_lines:
        _bell_lines.append(source)


def bell_lines(user: User) -> list[BellLine]:
    """Return the lines that apps put on top of the notifications of this user."""
    return [line for source in _bell_lines if (line := source(user)) is not None]


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
