"""The synced models and what the rooms above tell `sync` of themselves, so that nothing here names a domain model."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django.apps import apps

from portal.models import User
from sync.models import SyncedModel

NextExpiries = Callable[[Collection[int]], Mapping[int, datetime]]
ReachabilityObserver = Callable[[int, str | None], None]


@dataclass(frozen=True)
class ConnectionSource:
    """A namespace whose connection log is read, and up to where it was read."""

    pk: int
    resource_id: str
    cursor: int


@dataclass(frozen=True)
class Scope:
    """A namespace, as far as `sync` needs to know it."""

    pk: int
    resource_id: str
    name: str


class Scopes(Protocol):
    """What the room that has the namespaces tells of them."""

    def all(self) -> Iterable[Scope]:
        """Every namespace that can be compared with Azure now."""

    def pks(self) -> Collection[int]:
        """Primary keys of every namespace there is, also of those that cannot be compared now."""

    def visible(self, user: User) -> Iterable[Scope]:
        """Those that the user may see."""

    def get(self, user: User, pk: int, *, may_change: bool) -> Scope:
        """The door: raises Http404 to strangers, PermissionDenied to those who may only look."""


class ConnectionTaker(Protocol):
    """What takes connection records in: the room that keeps them."""

    def sources(self) -> Iterable[ConnectionSource]: ...

    def take(self, pk: int, records: Sequence[Mapping[str, Any]], cursor: int) -> None: ...

    def failed(self, pk: int, reason: str) -> None: ...


_models: list[type[SyncedModel]] = []
_next_expiries: list[NextExpiries] = []
_observers: list[ReachabilityObserver] = []
_takers: list[ConnectionTaker] = []
_scopes: list[Scopes] = []


def register(model: type[SyncedModel], *, next_expiries: NextExpiries | None = None) -> None:
    """Make a model synced. `next_expiries` answers, for primary keys of namespaces, when the first row in each ends."""
    if model not in _models:
        _models.append(model)
        if next_expiries is not None:
            _next_expiries.append(next_expiries)


def models() -> tuple[type[SyncedModel], ...]:
    return tuple(_models)


def model_for(label: str) -> type[SyncedModel]:
    """The synced model of a label such as "namespaces.client". Raises LookupError for anything else."""
    model = apps.get_model(label)
    if model not in _models:
        raise LookupError(f"{label} is not a synced model")
    found: type[SyncedModel] = model
    return found


def next_expiries(scope_pks: Collection[int]) -> dict[int, datetime]:
    """When the first thing in each namespace ends, where something does."""
    found: dict[int, datetime] = {}
    for ask in _next_expiries:
        for pk, at in ask(scope_pks).items():
            found[pk] = min(at, found.get(pk, at))
    return found


def register_reachability_observer(observer: ReachabilityObserver) -> None:
    """`observer(scope_pk, reason)` hears how each call for a namespace went: a reason, or None when Azure answered."""
    if observer not in _observers:
        _observers.append(observer)


def note_reachability(scope_pk: int, reason: str | None) -> None:
    for observer in _observers:
        observer(scope_pk, reason)


def register_connection_taker(taker: ConnectionTaker) -> None:
    if taker not in _takers:
        _takers.append(taker)


def connection_takers() -> tuple[ConnectionTaker, ...]:
    return tuple(_takers)


def register_scopes(scopes: Scopes) -> None:
    _scopes[:] = [scopes]


def scopes() -> Scopes:
    """The namespaces. Raises LookupError where no room has registered any."""
    if not _scopes:
        raise LookupError("no room has registered its namespaces")
    return _scopes[0]
