"""Write a large change set in pieces, each a short transaction, so that nobody else waits for the database.

What is written is held: the sync sends nothing of it, and forms do not change it, until the last transaction releases all of it.
Where a change no longer applies, or an approval no longer counts, what was written is put back in the same way. Each piece starts
from what the database holds, so any worker goes on where another one died.
"""

import time
from collections.abc import Sequence
from datetime import datetime
from enum import Enum

from django.db import transaction

from namespaces.actions.change_sets.records import note
from namespaces.actions.change_sets.writing import PAUSE, PIECE, NoLongerApplies, write
from namespaces.actions.ownership import team_kind
from namespaces.control.held_rows import put_back, put_team_back, release
from namespaces.control.kinds import ChangeKind, RowKind, is_registered, kind_of
from namespaces.models import Change, ChangeSet
from sync import control
from sync.push.bulk_sql import update_each
from sync.workers.wakeups import wake_on_commit

MOST = 100  # changes of one piece
WRITTEN = ("object_pk", "generation", "written_at", "confirmed_at", "overtaken", "held", "former")


class Piece(Enum):
    """How one piece ended."""

    MORE = "more"
    DONE = "done"


def save(changes: Sequence[Change]) -> None:
    """Save how far these changes are."""
    update_each(Change, [{"pk": each.pk} | {name: getattr(each, name) for name in WRITTEN} for each in changes])


def rest() -> None:
    """Let others write between two pieces: SQLite has one writer, and does not queue them."""
    time.sleep(PAUSE)


def write_piece(change_set: ChangeSet, changes: Sequence[Change], now: datetime, began: float) -> frozenset[str]:
    """Write the first of these changes that fit into a piece, and hold them. Return for what they need approval.

    `began`: when its transaction began, by `time.monotonic`. Runs in the caller's transaction. Raise NoLongerApplies.
    """
    try:
        with transaction.atomic():
            needs = write(change_set, changes, now, until=began + PIECE, is_held=True)
            written = [each for each in changes if each.written_at is not None]
            save(written)
    except NoLongerApplies:
        for each in changes:
            _forget(each)
        raise
    return needs


def let_go(change_set: ChangeSet, changes: Sequence[Change]) -> None:
    """Release all that is held, in the caller's transaction: the sync sends it."""
    kinds = {each.kind: kind_of(each.kind) for each in changes}
    rows = {code: kind for code, kind in kinds.items() if isinstance(kind, RowKind)}
    release(change_set, changes, rows)
    for each in changes:
        each.held, each.former = False, None
    for code, kind in rows.items():
        pks = [each.object_pk for each in changes if each.kind == code]
        row = kind.model._default_manager.filter(pk__in=pks).first()
        if row is not None:
            wake_on_commit(row)


def put_piece_back(change_set: ChangeSet, changes: Sequence[Change], began: float) -> Piece:
    """Put back what is held, the last change first, for the time of a piece. Runs in the caller's transaction."""
    held = [each for each in reversed(changes) if each.held]
    done = []
    for number, each in enumerate(held):
        if number and time.monotonic() >= began + PIECE:
            break
        _put_back(change_set, each)
        _forget(each)
        done.append(each)
    save(done)
    if len(done) < len(held):
        return Piece.MORE
    if held:
        note(None, change_set, "Take change set back")
    return Piece.DONE


def _put_back(change_set: ChangeSet, change: Change) -> None:
    kind = kind_of(change.kind)
    rows = _kind_of_team(change.kind)
    if isinstance(kind, RowKind):
        put_back(kind, change, str(change_set))
    elif rows is not None:
        put_team_back(rows, change, change_set.namespace_id)
    else:
        _invert(change_set, change, kind)


def _kind_of_team(code: str) -> RowKind | None:
    """Return the kind of the rows whose team a kind changes; None for another kind."""
    of_rows = code.removesuffix("_team")
    found = kind_of(of_rows) if is_registered(of_rows) else None
    return found if isinstance(found, RowKind) and team_kind(of_rows) == code else None


def _invert(change_set: ChangeSet, change: Change, kind: ChangeKind) -> None:
    """Undo a change that is sent nowhere, such as of a role, by its inverse. Where that cannot be, the reason says so."""
    draft = kind.inverse(change_set.namespace, change)
    if draft is None:
        return
    inverse = Change(
        change_set=change_set, kind=draft.kind, operation=draft.operation, name=draft.name, edition=draft.edition,
        team=draft.team, before=draft.before, values=draft.values,
    )  # fmt: skip
    try:
        with transaction.atomic(), control.applying(lambda code, name: (code, name) == (draft.kind, draft.name)):
            kind_of(draft.kind).apply(change_set.requested_by, change_set.namespace, inverse)
    except ValueError as refusal:  # RuleError, and those of sync and portal
        sentence = getattr(refusal, "sentence", str(refusal))
        change_set.problem = f"{change_set.problem} {kind.label} {change.name} could not be taken back: {sentence}"
        change_set.save(update_fields=["problem"])


def _forget(change: Change) -> None:
    change.written_at = change.confirmed_at = change.object_pk = change.generation = change.former = None
    change.held = False


def waiting_first(change_set: ChangeSet) -> list[Change]:
    """Return the next changes before the deletions that are not written yet, in order: more than a piece holds."""
    waiting = change_set.changes.filter(written_at=None).exclude(operation="delete")
    return list(waiting.order_by("position")[:MOST])
