"""Write the changes of a change set, or only try whether they apply. Runs inside the caller's transaction."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from namespaces.control.held_rows import former_state
from namespaces.control.kinds import RowKind, is_deletion, kind_of
from namespaces.control.rules.digests import digest_of_changes
from namespaces.control.standing import policy_read_once
from namespaces.models import Change, ChangeSet
from namespaces.rules.errors import RuleError
from portal import activity
from sync import control
from sync.control import HeldBack
from sync.models import SyncedModel

AT_ONCE = 25  # changes of a set that are written in one transaction; those of a larger one are written in pieces
PIECE = 0.3  # seconds until a piece ends: others can write in between
PAUSE = 0.12  # seconds between pieces: SQLite asks again after at most 0.1, so that a waiting writer comes first


class NoLongerApplies(RuleError):  # noqa: N818 - reads as a sentence
    """A change of the set cannot be made any more. `change` is the first of those."""

    def __init__(self, change: Change, code: str, sentence: str) -> None:
        super().__init__("", code, f"{kind_of(change.kind).label} {change.name}: {sentence}")
        self.change = change


@dataclass(frozen=True)
class Tried:
    """The changes of a large set applied when they were tried, before the transaction that saves it. `digest`: what was tried."""

    digest: str
    needs: frozenset[str]


class _Undo(Exception):  # noqa: N818
    """Raised to undo what was only tried."""


def in_order(changes: Iterable[Change]) -> tuple[list[Change], list[Change]]:
    """Return the changes that come first, and the deletions, which follow when Azure has confirmed those."""
    rows = sorted(changes, key=lambda each: each.position)
    return [each for each in rows if not is_deletion(each)], [each for each in rows if is_deletion(each)]


def write(
    change_set: ChangeSet, changes: Sequence[Change], at: datetime, *, until: float | None = None, is_held: bool = False
) -> frozenset[str]:
    """Make these changes as the requester, through the actions that forms use, and return for what they need approval.

    `until`: the time of `time.monotonic` after which no further change begins; those that were made have `written_at`.
    `is_held`: keep the rows as they were, and the new ones from being sent. Raise NoLongerApplies.
    """
    approved = {(each.kind, each.name) for each in changes}
    reason = f"{change_set}: {change_set.title}" if not change_set.namespace.hides_other_teams else str(change_set)
    with (
        control.applying(lambda kind, name: (kind, name) in approved) as needs,
        activity.because(reason),
        policy_read_once(),
    ):
        for number, change in enumerate(changes):
            if until is not None and number and time.monotonic() >= until:
                break
            if is_held:
                change.held, change.former = True, _former(change_set, change)
            row = _apply(change_set, change)
            change.written_at = at
            if row is None:
                change.confirmed_at = at  # nothing is sent
            else:
                change.object_pk, change.generation = row.pk, row.generation
    return frozenset(needs)


def _former(change_set: ChangeSet, change: Change) -> object:
    """Return the row that the change is about to write, as it is; None where there is none, or nothing is sent."""
    kind = kind_of(change.kind)
    if not isinstance(kind, RowKind):
        return None
    rows: Any = kind.model._default_manager
    return former_state(rows.filter(namespace=change_set.namespace_id).named(change.name).first(), change.operation)


def _apply(change_set: ChangeSet, change: Change) -> SyncedModel | None:
    try:
        return kind_of(change.kind).apply(change_set.requested_by, change_set.namespace, change)
    except HeldBack as held:  # it would change something else by now
        raise NoLongerApplies(change, held.code, "It is not what was requested any more.") from held
    except ValueError as refusal:  # RuleError, and those of sync and portal
        code = getattr(refusal, "code", "")
        if not code:
            raise
        raise NoLongerApplies(change, code, getattr(refusal, "sentence", str(refusal))) from refusal


def write_first(change_set: ChangeSet, changes: Iterable[Change], at: datetime) -> tuple[list[Change], frozenset[str]]:
    """Write what comes before the deletions, and try those. Return what was written, and for what all of it needs approval.

    Raise NoLongerApplies where any of it cannot be made.
    """
    first, deletions = in_order(changes)
    needs = write(change_set, first, at)
    return first, needs | _tried(change_set, deletions, at)


def try_to_write(change_set: ChangeSet, changes: Iterable[Change], at: datetime) -> frozenset[str]:
    """Return for what the changes need approval now. Nothing is saved. Raise NoLongerApplies where they cannot be made."""
    first, deletions = in_order(changes)
    return _tried(change_set, [*first, *deletions], at)


def try_in_pieces(change_set: ChangeSet, changes: Sequence[Change], at: datetime) -> Tried | None:
    """Try the changes of a large set, a piece in each transaction, all of which are undone. None for one that is not large.

    Call it outside of a transaction. A change may need one of an earlier piece: what is refused so is tried with all of them.
    Raise NoLongerApplies.
    """
    if len(changes) <= AT_ONCE:
        return None
    digest = digest_of_changes([each.content for each in changes])
    first, deletions = in_order(changes)
    left, needs = [*first, *deletions], frozenset[str]()
    while left:
        try:
            count, found = _tried_piece(change_set, left, at)
        except NoLongerApplies:
            with transaction.atomic(durable=True):
                return Tried(digest, _tried(change_set, [*first, *deletions], at))
        needs, left = needs | found, left[count:]
        time.sleep(PAUSE)
    return Tried(digest, needs)


def needs_of(
    change_set: ChangeSet, changes: Sequence[Change], at: datetime, tried: Tried | None = None
) -> frozenset[str]:
    """Return for what the changes need approval: as they were tried before, or tried now. Raise NoLongerApplies."""
    if tried is not None and tried.digest == digest_of_changes([each.content for each in changes]):
        return tried.needs
    return try_to_write(change_set, changes, at)


def _tried_piece(change_set: ChangeSet, changes: Sequence[Change], at: datetime) -> tuple[int, frozenset[str]]:
    """Try the first of these changes, for the time of a piece. Return their number, and for what they need approval."""
    before = [each.written_at for each in changes]
    for each in changes:
        each.written_at = None
    try:
        with transaction.atomic(durable=True):
            needs = write(change_set, changes, at, until=time.monotonic() + PIECE)
            count = sum(each.written_at is not None for each in changes)
            raise _Undo
    except _Undo:
        return count, needs
    finally:
        for each, written in zip(changes, before, strict=True):
            each.written_at = written
            if written is None:
                each.confirmed_at = each.object_pk = each.generation = None


def _tried(change_set: ChangeSet, changes: Sequence[Change], at: datetime) -> frozenset[str]:
    kept = [(each, each.written_at, each.confirmed_at, each.object_pk, each.generation) for each in changes]
    try:
        with transaction.atomic():
            needs = write(change_set, changes, at)
            raise _Undo
    except _Undo:
        return needs
    finally:
        for each, written, confirmed, pk, generation in kept:
            each.written_at, each.confirmed_at, each.object_pk, each.generation = written, confirmed, pk, generation
