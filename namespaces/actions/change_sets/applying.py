"""Apply approved change sets: write the rows, follow them to Azure, then the deletions. A worker calls it.

The rows are written in one transaction, or in pieces that are held until the last one (`pieces`). Every step is one durable transaction that starts from what the database holds, so a worker that dies loses nothing: the periodic
task goes on where it stopped. Rows that are written are sent by `sync` like every other change.
"""

import time
from collections.abc import Collection, Sequence
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from namespaces.actions.change_sets import pieces
from namespaces.actions.change_sets.pieces import Piece
from namespaces.actions.change_sets.records import note, people, tell
from namespaces.actions.change_sets.requests import ask_people, mark_stale
from namespaces.actions.change_sets.writing import (
    AT_ONCE,
    NoLongerApplies,
    in_order,
    try_in_pieces,
    write,
    write_first,
)
from namespaces.control.cases import ApprovalState, affected_teams, approval_state
from namespaces.control.kinds import RowKind, is_deletion, kind_of
from namespaces.models import Change, ChangeSet
from portal.models import User
from portal.registry import places
from sync.models import SyncedModel

State = ChangeSet.State
_WRITTEN = pieces.WRITTEN
_VOID = "approval-void"  # of a set that is put back: it is open again then


class _NotApproved(Exception):  # noqa: N818 - reads as a sentence
    """Too few approvals count for what was written, which is undone. `needs`: for what it needs approval."""

    def __init__(self, needs: frozenset[str]) -> None:
        super().__init__()
        self.needs = needs


def run_change_set(pk: int) -> None:
    """Do what can be done for this change set now: write what was approved, and note what Azure has confirmed."""
    start = _start_in_pieces if Change.objects.filter(change_set=pk).count() > AT_ONCE else _start
    if start(pk):
        while _follow(pk, _why_not_deleted(pk)):
            pieces.rest()


def run_unfinished(*, most: int = 200) -> None:
    """Go on with every change set whose message was lost, whose worker died, or that waits for Azure; those that stopped last."""
    for states in ((State.APPROVED, State.SENDING), (State.PARKED,)):
        for pk in ChangeSet.objects.filter(state__in=states).order_by("pk").values_list("pk", flat=True)[:most]:
            run_change_set(pk)


def _start(pk: int) -> bool:
    """Write the changes of an approved set, all or none. Return whether there is something to follow."""
    now = timezone.now()
    try:
        with transaction.atomic(durable=True):
            row = _locked(pk)
            if row is None or row.state != State.APPROVED:
                return row is not None and row.state in ChangeSet.UNFINISHED
            changes = list(row.changes.order_by("position"))
            approval = approval_state(row)  # before anything is written, such as a role
            try:
                with transaction.atomic():
                    first, needs = write_first(row, changes, now)
                    if not (row.is_emergency or approval.is_enough_for(needs)):
                        raise _NotApproved(needs)
            except _NotApproved as missing:
                row.needs = sorted(missing.needs)
                _ask_again(row, changes, approval)
                return False
            row.needs = sorted(needs)
            pieces.save(first)
            row.state, row.applied_at = State.SENDING, now
            row.save()
            note(None, row, "Apply change set", changes=len(changes))
    except NoLongerApplies as problem:
        _give_up(pk, problem.code, problem.sentence)
        return False
    return True


def _start_in_pieces(pk: int) -> bool:
    """Write the changes of a large approved set, all or none. Return whether there is something to follow."""
    found = _approved(pk)
    if found is not None and not found.changes.filter(held=True).exists() and not found.problem_code:
        _, deletions = in_order(found.changes.all())
        try:
            try_in_pieces(found, deletions, timezone.now())
        except NoLongerApplies as problem:
            _give_up(pk, problem.code, problem.sentence)
    while _approved(pk) is not None:
        try:
            if _step(pk) is Piece.DONE:
                break
        except NoLongerApplies as problem:
            _turn_back(pk, problem.code, problem.sentence)
        pieces.rest()
    return ChangeSet.objects.filter(pk=pk, state__in=[State.SENDING, State.PARKED]).exists()


def _approved(pk: int) -> ChangeSet | None:
    rows = ChangeSet.objects.select_related("namespace", "requested_by")
    return rows.filter(pk=pk, state=State.APPROVED).first()


def _step(pk: int) -> Piece:
    """Write the next piece, release what is written, or put back the next piece of it. Raise NoLongerApplies."""
    now, began = timezone.now(), time.monotonic()
    with transaction.atomic(durable=True):
        row = _locked(pk)
        if row is None or row.state != State.APPROVED:
            return Piece.DONE
        if row.problem_code:
            return _put_back(row, list(row.changes.order_by("position")), began)
        waiting = pieces.waiting_first(row)
        is_begun = row.changes.filter(written_at__isnull=False).exists()
        if (is_begun and waiting) or _is_enough(row):
            if not waiting:
                return _release(row, now)
            needs = pieces.write_piece(row, waiting, now, began)
            row.needs = sorted({*row.needs, *needs})
            row.save(update_fields=["needs"])
            return Piece.MORE
    _turn_back(pk, _VOID, "Too few approvals count by now.")
    return Piece.MORE


def _is_enough(row: ChangeSet) -> bool:
    """Return whether enough approvals count: before the first piece, and when all of it is about to be sent.

    Changes of the set itself may end a right of an approver: those were approved.
    """
    written = row.changes.filter(written_at__isnull=False).values_list("kind", flat=True).distinct()
    own_rights = any(not isinstance(kind_of(code), RowKind) for code in written.order_by())
    return row.is_emergency or own_rights or approval_state(row).is_enough_for(row.needs)


def _release(row: ChangeSet, now: datetime) -> Piece:
    """Let the sync send what is written: all that comes before the deletions."""
    changes = list(row.changes.order_by("position"))
    pieces.let_go(row, changes)
    row.state, row.applied_at = State.SENDING, now
    row.save()
    note(None, row, "Apply change set", changes=len(changes))
    return Piece.DONE


def _turn_back(pk: int, code: str, sentence: str) -> None:
    """Put back what is written of a set that cannot be applied: from now on, workers do that."""
    with transaction.atomic(durable=True):
        row = _locked(pk)
        if row is not None and row.state == State.APPROVED and not row.problem_code:
            row.problem_code, row.problem = code, sentence
            row.save(update_fields=["problem_code", "problem"])


def _put_back(row: ChangeSet, changes: Sequence[Change], began: float) -> Piece:
    """Put back the next piece. When nothing is left, the set no longer applies, or is open again where approvals are void."""
    if pieces.put_piece_back(row, changes, began) is Piece.MORE:
        return Piece.MORE
    if row.problem_code == _VOID:
        row.problem_code = row.problem = ""
        _ask_again(row, changes, approval_state(row))
    else:
        mark_stale(row, row.problem_code, row.problem)
    return Piece.DONE


def _locked(pk: int) -> ChangeSet | None:
    rows = ChangeSet.objects.select_for_update(of=("self",)).select_related("namespace", "requested_by")
    return rows.filter(pk=pk).first()


def _ask_again(row: ChangeSet, changes: Sequence[Change], approval: ApprovalState) -> None:
    """Open a set again whose approvals count no more: a right was lost, or it reaches clients of one more team.

    They stay void, also when what voided them is undone: the person approves again.
    """
    void = [each.approval.pk for each in approval.approvals if each.objection is not None]
    row.approvals.filter(pk__in=void).delete()
    row.state, row.decided_at, row.decided_by = State.OPEN, None, None
    row.teams = sorted(affected_teams(row, changes))
    row.save()
    note(None, row, "Approval is void")
    ask_people(row)


def _give_up(pk: int, code: str, sentence: str) -> None:
    with transaction.atomic(durable=True):
        row = _locked(pk)
        if row is not None and row.state == State.APPROVED:
            mark_stale(row, code, sentence)


def _why_not_deleted(pk: int) -> str:
    """Try the deletions of a large set before the first of them is written. Return why not, "" where they can be."""
    row = ChangeSet.objects.select_related("namespace", "requested_by").filter(pk=pk).first()
    changes = list(Change.objects.filter(change_set=pk).order_by("position"))
    first, deletions = in_order(changes)
    is_next = all(each.confirmed_at for each in first) and all(each.written_at is None for each in deletions)
    if row is None or len(changes) <= AT_ONCE or not is_next:
        return ""
    try:
        try_in_pieces(row, deletions, timezone.now())
    except NoLongerApplies as problem:
        return problem.sentence
    return ""


def _follow(pk: int, why_not_deleted: str = "") -> bool:
    """Note what Azure has confirmed, then write the deletions that waited for it. Return whether more can be done at once."""
    now, began = timezone.now(), time.monotonic()
    with transaction.atomic(durable=True):
        row = _locked(pk)
        if row is None or row.state not in (State.SENDING, State.PARKED):
            return False
        changes = list(row.changes.order_by("position"))
        if row.state == State.PARKED and any(each.held for each in changes):  # deletions, of which one cannot be made
            return pieces.put_piece_back(row, changes, began) is Piece.MORE
        before = {each.pk: _progress(each) for each in changes}
        refused = _refusals(changes, now)
        first, deletions = in_order(changes)
        waiting = [each for each in deletions if each.written_at is None]
        is_written = False
        if not refused and waiting and all(each.confirmed_at for each in first):
            refused, is_there = _still_in_azure(first)
            if is_there:
                refused = why_not_deleted or _write_deletions(row, changes, waiting, now, began)
                is_written = not refused
        pieces.save([each for each in changes if _progress(each) != before[each.pk]])
        _settle(row, changes, refused, now)
        return is_written


def _progress(change: Change) -> tuple[object, ...]:
    return tuple(getattr(change, name) for name in _WRITTEN)


def _still_in_azure(changes: Sequence[Change]) -> tuple[str, bool]:
    """Return why nothing is deleted, "" where nothing is wrong, and whether Azure holds what these changes wrote or a later edit.

    Only then may the deletions follow: without its successor, a CA certificate is still needed.
    """
    is_there = True
    for kind in {each.kind for each in changes}:
        mine = [each for each in changes if each.kind == kind and each.object_pk is not None]
        rows = _rows(kind, [each.object_pk for each in mine if each.object_pk is not None])
        for each in mine:
            row = rows.get(each.object_pk or 0)
            if row is None or row.deleted_at is not None:
                return f"{kind_of(kind).label} {each.name} is no longer there, so nothing is deleted.", False
            is_there = is_there and row.synced_generation >= row.generation
    return "", is_there


def _write_deletions(
    row: ChangeSet, changes: Sequence[Change], waiting: Sequence[Change], now: datetime, began: float
) -> str:
    """Write the deletions, all or none; of a large set, the next piece. Return why not, "" where they are written."""
    try:
        if len(changes) > AT_ONCE:
            pieces.write_piece(row, waiting, now, began)
            if all(each.written_at is not None for each in waiting):
                pieces.let_go(row, [each for each in changes if is_deletion(each)])
            return ""
        with transaction.atomic():
            write(row, waiting, now)
    except NoLongerApplies as problem:
        for each in waiting:
            each.written_at = each.confirmed_at = each.object_pk = each.generation = None
        return problem.sentence
    return ""


def _refusals(changes: Sequence[Change], now: datetime) -> str:
    """Set `confirmed_at` of what Azure has by now. Return the first rejection as a sentence, "" where there is none."""
    refused = ""
    for kind in {each.kind for each in changes}:
        mine = [each for each in changes if each.kind == kind and each.written_at and not each.confirmed_at]
        rows = _rows(kind, [each.object_pk for each in mine if each.object_pk is not None])
        for each in mine:
            row = rows.get(each.object_pk or 0)
            if _is_over(each, row):
                each.confirmed_at = now
            elif row is not None and row.parked_code:
                refused = refused or f"{row.what} {each.name}: {row.parked_code}. {row.parked_message}".strip()
    return refused


def _is_over(change: Change, row: SyncedModel | None) -> bool:
    """Return whether Azure has what was written, or it was overtaken by a later edit, which `change` then says."""
    if row is None:
        change.overtaken = not is_deletion(change)
        return True
    written = change.generation or 0
    if row.edited_generation > written:
        change.overtaken = True
        return True
    return row.synced_generation >= written


def _rows(kind: str, pks: Collection[int]) -> dict[int, SyncedModel]:
    found = kind_of(kind)
    if not isinstance(found, RowKind) or not pks:
        return {}
    return {row.pk: row for row in found.model._default_manager.filter(pk__in=pks)}


def _settle(row: ChangeSet, changes: Sequence[Change], refused: str, now: datetime) -> None:
    if refused:
        is_new = row.state != State.PARKED or row.problem != refused
        row.state, row.problem_code, row.problem = State.PARKED, "rejected", refused
        row.save()
        if is_new:
            note(None, row, "Change set stopped")
            sentence = f"{refused} The others are sent. Retry it under Sync, or build the inverse."
            tell("change_set_parked", row, concerned(row), subject=f"“{row.title}” stopped", sentence=sentence)
    elif all(each.confirmed_at for each in changes):
        row.state, row.ended_at, row.problem, row.problem_code = State.DONE, now, "", ""
        row.save()
        note(None, row, "Change set applied")
        overtaken = sum(each.overtaken for each in changes)
        sentence = f"Azure has confirmed {len(changes) - overtaken} of {len(changes)} changes."
        if overtaken:
            sentence += f" {overtaken} were edited again, discarded or deleted before."
        tell("change_set_applied", row, concerned(row), subject=f"“{row.title}” is applied", sentence=sentence)
    elif row.state == State.PARKED:
        row.state, row.problem, row.problem_code = State.SENDING, "", ""
        row.save()


def concerned(row: ChangeSet) -> list[User]:
    """Return the requester, and the people who approved it."""
    return people({row.requested_by_id, *row.approvals.values_list("user", flat=True)})


def owners_of(row: ChangeSet) -> list[User]:
    """Return the Owners of the namespace."""
    return list(places().audience(row.namespace_id, None, owners=True))
