"""What every change of a synced row does: save, generation + 1, activity entry, hint on commit."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from portal import activity
from portal.models import Activity, User
from sync import control, registry
from sync.control import Intention, Operation
from sync.models import Lane, SyncedModel
from sync.registry import Scope
from sync.workers.wakeups import send_on_commit, wake_on_commit

AT_ONCE = 100  # rows in one transaction: others can write in between
# A change is tried at once, whatever happened to the one before.
_TRIED_AFRESH: dict[str, Any] = {
    "parked_code": "",
    "parked_message": "",
    "last_error": "",
    "attempts": 0,
    "next_attempt_at": None,
    "waits_for": "",
}


class NotAllowed(PermissionDenied):
    """The actor may not change this resource, or no longer."""


class NothingToRetry(ValueError):  # noqa: N818 - reads as a sentence
    """The row is not parked."""


def commit_change(
    actor: User,
    *,
    row: SyncedModel,
    verb: str,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    scope_name: str,
    bulk: bool = False,
    edits: bool = True,
) -> None:
    """Save `row` as newly desired, inside the caller's transaction. Only desired fields are written, so that a worker
    that settles the row at the same moment loses nothing. `bulk` marks one of many: single changes overtake it. `edits`:
    whether its values change or it is deleted, so that forms opened before are out of date; then it may need approval, and
    `sync.control.HeldBack` is raised instead.
    """
    if edits:
        operation = Operation.CREATE if before is None else Operation.DELETE if after is None else Operation.UPDATE
        control.check(Intention(actor, row, operation, before))
    if row.pk is not None:
        row.generation += 1
        if edits:
            row.edited_generation = row.generation
    for name, value in _TRIED_AFRESH.items():
        setattr(row, name, value)
    row.due_at = timezone.now()
    row.lane = Lane.of(urgent=row.is_urgent(), bulk=bulk)
    row.save(update_fields=None if row.pk is None else row.desired_fields())
    if edits:
        registry.note_changes([row])
    activity.record(
        actor,
        verb=verb,
        **{**row.in_activity(), "scope_name": scope_name},
        before=before,
        after=after,
        generation=row.generation,
        synced=True,
    )
    wake_on_commit(row)


def mark_deleted(
    actor: User, *, row: SyncedModel, verb: str, before: Mapping[str, Any], scope_name: str, bulk: bool = False
) -> None:
    """Mark the row as deleted. It stays until Azure confirms."""
    row.deleted_at = timezone.now()
    commit_change(actor, row=row, verb=verb, before=before, after=None, scope_name=scope_name, bulk=bulk)


def check_rights(actor: User, row: SyncedModel) -> None:
    """Check, inside the transaction, that the actor may change the row. Raise NotAllowed."""
    if not registry.scopes().rights(actor, row.scope_pk()).covers(type(row), row.team_id):
        raise NotAllowed(f"You may not change {row}. It belongs to another team, or your role has changed.")


def retry(actor: User, *, row: SyncedModel, bulk: bool = False) -> None:
    """Retry a parked row. Like every push, it reads Azure first and overwrites nothing of others.

    Raise NothingToRetry when the row is not parked, NotAllowed when the actor may not change it.
    """
    with transaction.atomic(durable=True):
        check_rights(actor, row)
        row = type(row)._default_manager.select_for_update().get(pk=row.pk)
        if not row.parked_code:
            raise NothingToRetry("This change is not waiting for a retry.")
        commit_change(
            actor,
            row=row,
            verb="Retry",
            before={"error": row.parked_code, "message": row.parked_message},
            after=None,
            scope_name=row.scope_name(),
            bulk=bulk,
            edits=False,
        )


def retry_many(actor: User, *, model: type[SyncedModel], pks: Sequence[int]) -> int:
    """Retry those of many rows that are still parked and that the actor may change, and return their number.

    Few statements for each hundred, in a durable transaction of its own: ten thousand are done within one request.
    """
    done = 0
    for first in range(0, len(pks), AT_ONCE):
        with transaction.atomic(durable=True):
            done += _retry_batch(actor, model, pks[first : first + AT_ONCE])
    return done


def _retry_batch(actor: User, model: type[SyncedModel], pks: Sequence[int]) -> int:
    manager: Any = model._default_manager
    parked = manager.parked().filter(pk__in=pks).select_related(*model.scope_relations, "team").order_by("pk")
    rows: list[SyncedModel] = _allowed(actor, list(parked.select_for_update(of=("self",))))
    lanes: dict[Lane, list[int]] = defaultdict(list)
    for row in rows:
        lanes[Lane.of(urgent=row.is_urgent(), bulk=True)].append(row.pk)
    activity.record_many([_retry_entry(actor, row) for row in rows])
    for lane, chosen in lanes.items():
        values = {**_TRIED_AFRESH, "lane": lane, "due_at": timezone.now(), "generation": F("generation") + 1}
        manager.filter(pk__in=chosen).update(**values)
    if rows:
        wake_on_commit(rows[0])
    return len(rows)


def _allowed(actor: User, rows: Sequence[SyncedModel]) -> list[SyncedModel]:
    rights = {pk: registry.scopes().rights(actor, pk) for pk in {row.scope_pk() for row in rows}}
    return [row for row in rows if rights[row.scope_pk()].covers(type(row), row.team_id)]


def _retry_entry(actor: User, row: SyncedModel) -> Activity:
    return activity.entry_of(
        actor,
        verb="Retry",
        **row.in_activity(),
        before={"error": row.parked_code, "message": row.parked_message},
        generation=row.generation + 1,
        synced=True,
    )


_REFRESHED = "sync.scan"


def refresh_asked_at(scope_pk: int, *, since: datetime) -> datetime | None:
    """Return when a comparison was last requested after `since` (UTC)."""
    asked = Activity.objects.of_scope(scope_pk).filter(kind=_REFRESHED, at__gt=since).order_by("-at")
    return asked.values_list("at", flat=True).first()


def refresh_from_azure(actor: User, *, scope: Scope) -> None:
    """Compare a namespace with Azure now, before it is due."""
    with transaction.atomic(durable=True):
        activity.record(
            actor,
            verb="Refresh from Azure",
            kind=_REFRESHED,
            object_pk=None,
            object_name=scope.name,
            scope=scope.pk,
            scope_name=scope.name,
        )
        send_on_commit("sync.tasks.scan", scope.pk)
