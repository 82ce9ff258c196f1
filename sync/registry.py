"""Synced models and callbacks that other apps register with `sync`, which therefore imports none of them."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django.apps import apps
from django.db.models import Q

from portal.models import User
from sync.models import NOTHING_SEEN, Sight, SyncedModel

NextExpiries = Callable[[Sight], Mapping[int, datetime]]
ReachabilityObserver = Callable[[int, str | None], None]
ChangeObserver = Callable[[Sequence[SyncedModel]], None]


@dataclass(frozen=True)
class ConnectionSource:
    """A namespace with a connection log. `cursor`: the position up to which it was read."""

    pk: int
    resource_id: str
    cursor: int


@dataclass(frozen=True)
class Scope:
    """What `sync` needs of a namespace."""

    pk: int
    resource_id: str
    name: str
    sight: Sight = NOTHING_SEEN  # of the user for whom it was read; workers have none


class RowRights(Protocol):
    """What a user may change in one namespace."""

    @property
    def may_contribute(self) -> bool:
        """Return whether the user may change what belongs to no team, and the namespace's own settings."""

    @property
    def may_change_some(self) -> bool:
        """Return whether there are resources of any type that the user may change."""

    def condition(self, model: type[SyncedModel]) -> Q:
        """Return the condition for the rows of a model that the user may change."""

    def covers(self, model: type[SyncedModel], team_pk: int | None) -> bool:
        """Return whether the user may change a row of this model that this team owns, or no team."""


class Scopes(Protocol):
    """The namespaces, as the app that stores them provides them."""

    def all(self) -> Iterable[Scope]:
        """Return every namespace that can be compared with Azure now."""

    def pks(self) -> Collection[int]:
        """Return the primary keys of all namespaces, including those that cannot be compared now."""

    def visible(self, user: User) -> Iterable[Scope]:
        """Return the namespaces that the user may view."""

    def get(self, user: User, pk: int, *, may_change: bool) -> Scope:
        """Return a namespace.

        Raise Http404 when the user may not view it, PermissionDenied when they may only view it and `may_change` is set.
        """

    def rights(self, user: User, pk: int) -> RowRights:
        """Return what the user may change in a namespace, as the database has it now; nothing for a disabled user."""


class ConnectionStore(Protocol):
    """Stores connection records, in the app that has the namespaces."""

    def sources(self) -> Iterable[ConnectionSource]:
        """Return the namespaces whose log is to be read."""

    def take(self, pk: int, records: Sequence[Mapping[str, Any]], cursor: int, connected: int | None = None) -> None:
        """Store records of the namespace `pk`, the cursor after them, and how many clients are connected, where known."""

    def failed(self, pk: int, reason: str) -> None:
        """Store why the log of the namespace `pk` could not be read."""


_models: list[type[SyncedModel]] = []
_next_expiries: list[NextExpiries] = []
_observers: list[ReachabilityObserver] = []
_change_observers: list[ChangeObserver] = []
_stores: list[ConnectionStore] = []
_scopes: list[Scopes] = []


def register(model: type[SyncedModel], *, next_expiries: NextExpiries | None = None) -> None:
    """Make a model synced. `next_expiries` returns, by primary key of a namespace, when the first of its rows expires."""
    if model not in _models:
        _models.append(model)
        if next_expiries is not None:
            _next_expiries.append(next_expiries)


def models() -> tuple[type[SyncedModel], ...]:
    """Return the synced models in the order of registration."""
    return tuple(_models)


def model_for(label: str) -> type[SyncedModel]:
    """Return the synced model of a label such as "namespaces.client". Raise LookupError for any other label."""
    model = apps.get_model(label)
    if model not in _models:
        raise LookupError(f"{label} is not a synced model")
    found: type[SyncedModel] = model
    return found


def next_expiries(sight: Sight) -> dict[int, datetime]:
    """Return when the first seen row of each namespace expires, by primary key; those where none expires are left out."""
    found: dict[int, datetime] = {}
    for ask in _next_expiries:
        for pk, at in ask(sight).items():
            found[pk] = min(at, found.get(pk, at))
    return found


def register_reachability_observer(observer: ReachabilityObserver) -> None:
    """Register a function of a namespace's primary key and a reason, which is None when Azure answered."""
    if observer not in _observers:
        _observers.append(observer)


def note_reachability(scope_pk: int, reason: str | None) -> None:
    """Report to the observers whether Azure answered a call for a namespace: None, or why not."""
    for observer in _observers:
        observer(scope_pk, reason)


def register_change_observer(observer: ChangeObserver) -> None:
    """Register a function of rows whose values change, or that are deleted, called in the transaction of the change."""
    if observer not in _change_observers:
        _change_observers.append(observer)


def note_changes(rows: Sequence[SyncedModel]) -> None:
    """Report rows that were saved with other values, or are being deleted, to the observers. Call it in their transaction."""
    for observer in _change_observers:
        observer(rows)


def register_connection_store(store: ConnectionStore) -> None:
    if store not in _stores:
        _stores.append(store)


def connection_stores() -> tuple[ConnectionStore, ...]:
    return tuple(_stores)


def register_scopes(scopes: Scopes) -> None:
    _scopes[:] = [scopes]


def scopes() -> Scopes:
    """Return the registered namespaces. Raise LookupError when no app has registered any."""
    if not _scopes:
        raise LookupError("no app has registered its namespaces")
    return _scopes[0]
