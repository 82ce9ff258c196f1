"""Which activity and which notices a user may see, as the app that has the namespaces decides."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from django.db.models import Q

from portal.models import Activity, Notice, User


class VisibleScopes(dict[int, datetime | None]):
    """The namespaces whose activity a user may see, by primary key, each with the date since when (None: always).

    `hidden` matches entries of these namespaces that the user may not see; None where nothing is hidden.
    """

    hidden: Q | None = None


ActivityPages = Callable[[User, Sequence[Activity]], Mapping[tuple[str, int | None], str]]
ActivityScope = Callable[[User], VisibleScopes]
_activity_pages: list[ActivityPages] = []
_activity_scopes: list[ActivityScope] = []


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
