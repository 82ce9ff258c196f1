"""What changed in a resource after a form was opened, field by field, with the person who changed it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from portal.models import Activity
from sync.models import Sight, SyncedModel, visible_activities
from sync.models.editions import edited_generation_of

MINE, THEIRS = "mine", "theirs"
UNKNOWN: Mapping[str, Any] = {}  # the values of a row that was deleted and created again


@dataclass(frozen=True)
class FieldChange:
    """One field. Values are the lines that pages show. `by` and `at`: the last change of it by others; "" for none.

    `may_choose`: the user typed another value, and either can be saved. `choice` is MINE, THEIRS, or "" where both changed
    it and the user has to decide.
    """

    name: str
    label: str
    was: tuple[str, ...] | None  # None: not known
    now: tuple[str, ...]
    mine: tuple[str, ...] = ()
    by: str = ""
    at: datetime | None = None
    may_choose: bool = False
    choice: str = ""
    problem: str = ""


@dataclass(frozen=True)
class ChangesSince:
    """The changes of one resource. `by`: everybody who changed it, in order; `verb` and `at` are of the last change."""

    row: SyncedModel
    fields: Sequence[FieldChange] = ()
    by: str = ""
    verb: str = ""
    at: datetime | None = None

    @property
    def must_choose(self) -> bool:
        return any(each.may_choose for each in self.fields)


@dataclass
class _Record:
    """What the activity log has about the time since."""

    before: Mapping[str, Any] = field(default_factory=dict)
    entries: list[Activity] = field(default_factory=list)

    def last_change_of(self, name: str) -> Activity | None:
        changed = (each for each in reversed(self.entries) if _value(each.before, name) != _value(each.after, name))
        return next(changed, None)


def changes_since(
    row: SyncedModel,
    opened: str,
    *,
    mine: Mapping[str, Any] | None = None,
    chosen: Mapping[str, str] | None = None,
) -> ChangesSince:
    """Return what changed in `row` after the edition `opened`, beside the values that the user typed.

    Args:
        mine: the typed values by the keys of `describe`; keys that it does not have are not on the form.
        chosen: MINE or THEIRS by field, as far as the user has decided.
    """
    record = _record_since(row, opened)
    now = row.describe()
    fields = [_field(row, name, record, now[name], mine or {}, chosen or {}) for name in now if name != "name"]
    names = dict.fromkeys(each.actor_name for each in record.entries)
    last = record.entries[-1] if record.entries else None
    return ChangesSince(
        row,
        tuple(each for each in fields if each is not None),
        " and ".join(names),
        last.verb if last else "",
        last.at if last else None,
    )


def last_entry_of(model: type[SyncedModel], sight: Sight, name: str) -> Activity | None:
    """Return the last entry that is seen about a resource that is no longer there; None if there is none."""
    entries = visible_activities(sight).filter(kind=model._meta.label_lower, object_name=name)
    return entries.order_by("-pk").first()


def former_names(entry: Activity) -> dict[str, str]:
    """Return the names of the resource before the entry, as a form that creates it again takes them."""
    before = entry.before or {}
    names = {key: before[key] for key in ("name", "authentication_name") if isinstance(before.get(key), str)}
    return {"name": entry.object_name, **names}


def _record_since(row: SyncedModel, opened: str) -> _Record:
    if opened.partition(".")[0] != str(row.pk):
        created = Activity.objects.of_object(row.kind, row.pk).order_by("pk").first()
        return _Record(UNKNOWN, [created] if created is not None else [])
    fields = row.describe().keys()
    later = Activity.objects.of_object(row.kind, row.pk).filter(generation__gt=edited_generation_of(opened))
    entries = [each for each in later.order_by("generation", "pk") if _is_edit(each, fields)]
    return _Record(entries[0].before or UNKNOWN if entries else UNKNOWN, entries)


def _is_edit(entry: Activity, fields: Any) -> bool:
    """Return whether the entry is about the values: a retry keeps the error, and a decision what Azure held."""
    states = [state for state in (entry.before, entry.after) if state is not None]
    return bool(states) and all(state.keys() <= fields for state in states) and entry.before != entry.after


def _field(
    row: SyncedModel, name: str, record: _Record, now: Any, mine: Mapping[str, Any], chosen: Mapping[str, str]
) -> FieldChange | None:
    is_known, was = name in record.before, record.before.get(name)
    is_theirs = is_known and _text(was) != _text(now)
    may_choose = name in mine and _text(mine[name]) != _text(now)
    if not is_theirs and not may_choose:
        return None
    entry = record.last_change_of(name) if is_theirs or not is_known else None
    choice = THEIRS if is_theirs and name in mine and _text(mine[name]) == _text(was) else ""
    if is_known and not is_theirs:
        choice = MINE
    return FieldChange(
        name=name,
        label=row.label_of(name),
        was=row.shown(name, was) if is_known else None,
        now=row.shown(name, now),
        mine=row.shown(name, mine.get(name)),
        by=entry.actor_name if entry else "",
        at=entry.at if entry else None,
        may_choose=may_choose,
        choice=chosen.get(name, choice),
    )


def _value(state: Mapping[str, Any] | None, name: str) -> str:
    return _text((state or {}).get(name))


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)
