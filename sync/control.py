"""The gate in front of every change of a synced row: a change may need the approval of other people first.

`sync` knows neither policies nor approvals. The app that has them registers a gate, which raises when a change needs an approval
that it does not have. Changes of an approved change set run inside `applying`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from functools import wraps
from typing import Any, ParamSpec, Protocol, TypeVar

from django.db import transaction

from portal.models import User
from sync.models import Finding, SyncedModel

P = ParamSpec("P")
R = TypeVar("R")


class Operation(StrEnum):
    """What is done to a row. `ADOPT` and `TAKE` copy what Azure holds into the portal; nothing is sent then."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    ADOPT = "adopt"
    TAKE = "take"


@dataclass(frozen=True)
class Intention:
    """A change that is about to be saved. `row` has the new values; `before` is what `describe` returned, None for a new row."""

    actor: User
    row: SyncedModel
    operation: Operation
    before: Mapping[str, Any] | None
    finding: Finding | None = None  # of ADOPT and TAKE; a discarded change has none
    fields: Sequence[str] | None = None  # of TAKE: those that are taken; None for all


@dataclass(frozen=True)
class _Applying:
    """A change set that is applied: what is part of it, and for what its changes need approval, as the gate finds."""

    is_part: Callable[[str, str], bool]
    needs: set[str]


class HeldBack(Exception):  # noqa: N818 - reads as a sentence
    """A change was not saved, because other people must approve it first. The message is for people."""

    code = "needs-approval"

    @classmethod
    def of_all(cls, held: Sequence["HeldBack"], *, done: str = "") -> "HeldBack":
        """Return one for several of the same request. `done`: what was saved of it, in words."""
        return type(held[0]).of_all(held, done=done) if type(held[0]) is not cls else held[0]


class Gate(Protocol):
    def __call__(self, intention: Intention) -> None:
        """Raise HeldBack where the change needs an approval that it does not have."""


class Hold(Protocol):
    def __call__(self, model: type[SyncedModel], pks: Sequence[int]) -> Mapping[int, str]:
        """Return those of the rows that may not be sent yet, by primary key, and what each waits for, in words."""


_gates: list[Gate] = []
_holds: list[Hold] = []
_applying: ContextVar["_Applying | None"] = ContextVar("applying", default=None)


def register_gate(gate: Gate) -> None:
    """Register the gate. There is one."""
    _gates[:] = [gate]


def register_hold(hold: Hold) -> None:
    """Register what holds rows back that are written already. There is one."""
    _holds[:] = [hold]


def held_rows(model: type[SyncedModel], pks: Sequence[int]) -> Mapping[int, str]:
    """Return those of the rows that may not be sent yet, and what each waits for."""
    return {pk: words for hold in _holds for pk, words in hold(model, pks).items()}


def check(intention: Intention) -> None:
    """Let the gate check a change, inside the transaction that saves it."""
    for gate in _gates:
        gate(intention)


@contextmanager
def applying(is_part: Callable[[str, str], bool]) -> Iterator[set[str]]:
    """Apply approved changes, and yield a set that collects for what they need approval.

    `is_part` returns whether this kind of object with this name is one of them. Everything else still needs approval.
    """
    needs: set[str] = set()
    token = _applying.set(_Applying(is_part, needs))
    try:
        yield needs
    finally:
        _applying.reset(token)


def is_applying() -> bool:
    """Return whether an approved change set is being applied, or tried."""
    return _applying.get() is not None


def is_approved(kind: str, name: str, needs: Iterable[str]) -> bool:
    """Return whether this object is part of the change set that is applied, and note for what that needs approval."""
    running = _applying.get()
    if running is None or not running.is_part(kind, name):
        return False
    running.needs.update(needs)
    return True


def one_transaction() -> AbstractContextManager[Any]:
    """Return the transaction of an action: a durable one of its own, or a part of that of the change set that is applied."""
    return transaction.atomic(durable=_applying.get() is None)


def in_one_transaction(action: Callable[P, R]) -> Callable[P, R]:
    """Return an action that does the same in `one_transaction`."""

    @wraps(action)
    def act(*args: P.args, **kwargs: P.kwargs) -> R:
        with one_transaction():
            return action(*args, **kwargs)

    return act
