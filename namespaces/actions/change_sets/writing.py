"""Write the changes of a change set, or only try whether they apply. Runs inside the caller's transaction."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import transaction

from namespaces.control.kinds import is_deletion, kind_of
from namespaces.control.standing import policy_read_once
from namespaces.models import Change, ChangeSet
from namespaces.rules.errors import RuleError
from portal import activity
from sync import control
from sync.control import HeldBack
from sync.models import SyncedModel


class NoLongerApplies(RuleError):  # noqa: N818 - reads as a sentence
    """A change of the set cannot be made any more. `change` is the first of those."""

    def __init__(self, change: Change, code: str, sentence: str) -> None:
        super().__init__("", code, f"{kind_of(change.kind).label} {change.name}: {sentence}")
        self.change = change


class _Undo(Exception):  # noqa: N818
    """Raised to undo what was only tried."""


def in_order(changes: Iterable[Change]) -> tuple[list[Change], list[Change]]:
    """Return the changes that come first, and the deletions, which follow when Azure has confirmed those."""
    rows = sorted(changes, key=lambda each: each.position)
    return [each for each in rows if not is_deletion(each)], [each for each in rows if is_deletion(each)]


def write(change_set: ChangeSet, changes: Sequence[Change], at: datetime) -> frozenset[str]:
    """Make these changes as the requester, through the actions that forms use, and return for what they need approval.

    Raise NoLongerApplies.
    """
    approved = {(each.kind, each.name) for each in changes}
    reason = f"{change_set}: {change_set.title}" if not change_set.namespace.hides_other_teams else str(change_set)
    with (
        control.applying(lambda kind, name: (kind, name) in approved) as needs,
        activity.because(reason),
        policy_read_once(),
    ):
        for change in changes:
            row = _apply(change_set, change)
            change.written_at = at
            if row is None:
                change.confirmed_at = at  # nothing is sent
            else:
                change.object_pk, change.generation = row.pk, row.generation
    return frozenset(needs)


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
