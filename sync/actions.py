"""What every change of a synced row does: save, generation + 1, activity entry, hint on commit."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from portal import activity
from portal.models import User
from sync.hints import hint_on_commit, send_on_commit
from sync.models import Lane, SyncedModel
from sync.registry import Scope


class NothingToRetry(ValueError):  # noqa: N818 - says what is wrong
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
) -> None:
    """Save `row` as newly desired, inside the caller's transaction. Only desired fields are written, so that a worker
    that settles the row at the same moment loses nothing. `bulk` marks one of many: single changes overtake it.
    """
    if row.pk is not None:
        row.generation += 1
    row.parked_code = row.parked_message = row.last_error = ""
    row.attempts = 0
    row.next_attempt_at = None
    row.waits_for = ""
    row.due_at = timezone.now()
    row.lane = Lane.of(urgent=row.is_urgent(), bulk=bulk)
    row.save(update_fields=None if row.pk is None else row.desired_fields())
    activity.record(
        actor,
        verb=verb,
        kind=row.kind,
        object_pk=row.pk,
        object_name=str(row),
        scope=row.scope_pk(),
        scope_name=scope_name,
        team=row.team,
        before=before,
        after=after,
        generation=row.generation,
        synced=True,
    )
    hint_on_commit(row)


def mark_deleted(
    actor: User, *, row: SyncedModel, verb: str, before: Mapping[str, Any], scope_name: str, bulk: bool = False
) -> None:
    """Want the row gone. It stays until Azure confirms."""
    row.deleted_at = timezone.now()
    commit_change(actor, row=row, verb=verb, before=before, after=None, scope_name=scope_name, bulk=bulk)


def retry(actor: User, *, row: SyncedModel, bulk: bool = False) -> None:
    """Try a parked row again. Like every push it looks at what Azure holds first, and overwrites nothing of others.

    Raises NothingToRetry when the row is not parked.
    """
    with transaction.atomic(durable=True):
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
        )


def refresh_from_azure(actor: User, *, scope: Scope) -> None:
    """Compare a namespace with Azure now, not only when its turn comes."""
    with transaction.atomic(durable=True):
        activity.record(
            actor,
            verb="Refresh from Azure",
            kind="sync.scan",
            object_pk=None,
            object_name=scope.name,
            scope=scope.pk,
            scope_name=scope.name,
        )
        send_on_commit("sync.tasks.scan", scope.pk)
