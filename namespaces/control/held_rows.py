"""Rows of a change set that is too large for one transaction: held until all of it is written, or put back as they were.

A row is held while a change of it has `held`: the sync does not send it, and nobody else changes it. The change keeps the row as it
was before.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import models

from namespaces.control.kinds import RowKind, row_kind_of
from namespaces.models import Change, ChangeSet
from namespaces.rules.errors import RuleError
from portal import activity
from portal.models import Activity, Team
from sync import registry
from sync.control import Operation, is_applying
from sync.models import SyncedModel


def waits_for(change_set_pk: int) -> str:
    """Return what a held row waits for, in words."""
    return f"the rest of change set {change_set_pk}"


def rows_held(model: type[SyncedModel], pks: Sequence[int]) -> dict[int, str]:
    """Return which of these rows are held, and what they wait for. Registered with `sync`."""
    kind = row_kind_of(model)
    if kind is None:
        return {}
    held = Change.objects.filter(held=True, kind=kind.code, object_pk__in=pks).order_by()
    return {pk: waits_for(number) for pk, number in held.values_list("object_pk", "change_set") if pk is not None}


def check_not_held(kind: RowKind, row: SyncedModel) -> None:
    """Raise RuleError where a change set that is being applied holds the row."""
    if row.pk is None or is_applying():
        return
    held = (
        Change.objects.filter(held=True, kind=kind.code, object_pk=row.pk)
        .order_by()
        .values_list("change_set", flat=True)
    )
    number = held.first()
    if number is not None:
        sentence = f"Change set {number} is being applied and changes this too. Wait a moment, then try again."
        raise RuleError("", "being-applied", sentence)


def release(change_set: ChangeSet, changes: Sequence[Change], kinds: Mapping[str, RowKind]) -> None:
    """Let the sync send what is held."""
    change_set.changes.filter(held=True).update(held=False, former=None)
    for code, kind in kinds.items():
        manager: Any = kind.model._default_manager
        pks = [each.object_pk for each in changes if each.kind == code]
        waiting = manager.filter(pk__in=pks, waits_for=waits_for(change_set.pk))
        waiting.update(waits_for="", next_attempt_at=None)


# The row as it was


def former_state(row: SyncedModel | None, operation: str) -> dict[str, Any] | None:
    """Return what puts a row back: what people change of it, and all of it where Azure's state is taken. None: there is no row."""
    if row is None:
        return None
    takes = operation in (Operation.ADOPT, Operation.TAKE)
    names = {field.name for field in row._meta.concrete_fields} if takes else set(row.desired_fields())
    fields = [field for field in row._meta.concrete_fields if field.name in names and not field.primary_key]
    return {field.attname: _kept(field, row) for field in fields}


def _kept(field: Any, row: SyncedModel) -> Any:
    value = field.value_from_object(row)
    if value is None or isinstance(field, models.JSONField | models.ForeignKey):
        return value
    return value if isinstance(value, str | int | bool) else field.value_to_string(row)


def put_back(kind: RowKind, change: Change, reason: str) -> None:
    """Put the row of a held change back as it was; nothing of it was sent. It is settled where it was, or sent as it was before."""
    manager: Any = kind.model._default_manager
    row = manager.select_for_update(of=("self",)).filter(pk=change.object_pk or 0).first()
    if row is None:
        return
    written, before = row.generation, row.describe()
    entry = {**row.in_activity(), "scope_name": row.scope_name(), "before": before, "reason": reason}
    activity.settle(row.kind, row.pk, written, Activity.Outcome.SUPERSEDED)
    if change.former is None:
        activity.record(None, verb="Take back", **entry)
        registry.note_changes([row])
        row.delete()
        return
    manager.filter(pk=row.pk).update(**_values(kind.model, change, row))
    row.refresh_from_db()
    activity.record(None, verb="Take back", after=row.describe() if row.deleted_at is None else None, **entry)
    registry.note_changes([row])


def _values(model: type[SyncedModel], change: Change, row: SyncedModel) -> dict[str, Any]:
    """Return the columns of the row as it was, under a new generation, so that no form that shows it otherwise can be saved."""
    kept: Mapping[str, Any] = change.former
    fields = {field.attname: field for field in model._meta.concrete_fields}
    values = {
        name: value if isinstance(fields[name], models.JSONField) else fields[name].to_python(value)
        for name, value in kept.items()
        if name in fields
    }
    if change.operation in (Operation.ADOPT, Operation.TAKE):
        return values
    is_settled = row.synced_generation >= kept["generation"]
    values["generation"] = values["edited_generation"] = row.generation + 1
    return values | ({"synced_generation": row.generation + 1} if is_settled else {})


def put_team_back(kind: RowKind, change: Change, namespace_pk: int) -> None:
    """Give the row of a held change of teams back to the team that had it."""
    manager: Any = kind.model._default_manager
    row = manager.present().filter(namespace=namespace_pk).named(change.name).first()
    if row is not None:
        team = Team.objects.filter(pk=change.before["team"] or 0).first()
        before, after = {"team": change.values["team_name"]}, {"team": team.name if team else ""}
        activity.record(None, verb="Take back", **(row.in_activity() | {"team": team}), before=before, after=after)
        manager.filter(pk=row.pk).update(team=team)
        registry.note_changes([row])
