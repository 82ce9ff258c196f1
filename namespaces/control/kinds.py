"""The kinds of change that a change set can hold, registered by the apps that know them: this app never reads a certificate."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from namespaces.control.rules.policy import Need
from namespaces.models import Change, Namespace
from portal.models import Team, User
from sync.control import Intention
from sync.models import SyncedModel


@dataclass(frozen=True)
class Draft:
    """A change that was about to be saved and needs approval, with what `Change` keeps of it."""

    kind: str
    operation: str
    name: str
    edition: str = ""
    team: Team | None = None
    before: Mapping[str, Any] | None = None
    values: Mapping[str, Any] | None = None


Apply = Callable[[User, Namespace, Change], SyncedModel | None]
Affected = Callable[[Namespace, Change], frozenset[int]]
Inverse = Callable[[Namespace, Change], Draft | None]
Renew = Callable[[Namespace, Change], None]
Gains = Callable[[Change], frozenset[int]]
Routine = Callable[[Change], bool]
Elsewhere = Callable[[Namespace, Change], frozenset[int]]


def _no_one(change: Change) -> frozenset[int]:
    return frozenset()


def _nowhere(namespace: Namespace, change: Change) -> frozenset[int]:
    return frozenset()


def _never(change: Change) -> bool:
    return False


@dataclass(frozen=True)
class ChangeKind:
    """One kind of change.

    The callables: `apply` makes the change through the actions that forms use, inside the transaction of the change set, and
    returns the row that is sent to Azure, or None; it raises ValueError with `code` where it no longer applies. `affected`
    returns the teams whose clients or rows it concerns, 0 for no team. `inverse` returns the change that undoes it, None where
    nothing does. `renew` reads `before` and `edition` again, for a rebase. `gains` returns the people who would get a right by it,
    by primary key: they never approve it. `is_routine` returns whether a change is an everyday one: pages list it after the others.
    `elsewhere` returns the other namespaces, by primary key, whose policy asks for approval of it too.
    """

    code: str
    label: str
    apply: Apply
    affected: Affected
    inverse: Inverse
    renew: Renew
    gains: Gains = field(default=_no_one, kw_only=True)
    is_routine: Routine = field(default=_never, kw_only=True)
    elsewhere: Elsewhere = field(default=_nowhere, kw_only=True)


@dataclass(frozen=True)
class RowKind(ChangeKind):
    """A kind of change of a synced model. `needs` and `values` are called by the gate."""

    model: type[SyncedModel]
    needs: Callable[[Intention], frozenset[Need]]
    values: Callable[[Any], Mapping[str, Any]]  # of the row: everything that creates it again


_kinds: dict[str, ChangeKind] = {}


def register_kind(kind: ChangeKind) -> None:
    """Register a kind of change, under its code."""
    _kinds[kind.code] = kind


def is_registered(code: str) -> bool:
    """Return whether there is a kind of this code."""
    return code in _kinds


def kind_of(code: str) -> ChangeKind:
    """Return a kind by its code. Raise LookupError for one that is not registered."""
    return _kinds[code]


def row_kind_of(model: type[SyncedModel]) -> RowKind | None:
    """Return the kind of changes of a synced model, None where it is not controlled."""
    found = (kind for kind in _kinds.values() if isinstance(kind, RowKind) and kind.model is model)
    return next(found, None)


def is_deletion(change: Change) -> bool:
    """Return whether a change deletes something in Azure: it follows when Azure has confirmed the others."""
    return change.operation == "delete"
