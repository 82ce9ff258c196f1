"""The rows that a change of many left as they are, because others changed them after the question was opened."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sync.models import Sight, SyncedModel, visible_activities
from sync.pages.changes_since import changes_since

MOST_SHOWN = 50  # one by one; the others are counted


@dataclass(frozen=True)
class LeftRow:
    """One row and the last change of it. `labels`: the fields that changed; empty where it was deleted."""

    name: str
    what: str
    by: str
    at: datetime | None
    verb: str
    labels: str = ""
    url: str = ""


@dataclass(frozen=True)
class LeftRows:
    shown: Sequence[LeftRow]
    total: int

    @property
    def more(self) -> int:
        return self.total - len(self.shown)


def left_rows(sight: Sight, left: Mapping[type[SyncedModel], Mapping[int, int]]) -> LeftRows:
    """Return what happened to each of these rows, of those that are seen, since its edited generation, by model and primary key."""
    keys = [(model, pk, generation) for model, rows in left.items() for pk, generation in rows.items()]
    found = (_left_row(sight, *key) for key in keys[:MOST_SHOWN])
    return LeftRows([row for row in found if row is not None], len(keys))


def edited_since(model: type[SyncedModel], sight: Sight, seen: Mapping[int, int]) -> set[int]:
    """Return those of `seen`, generations of the last edit by primary key, that have another one by now."""
    now = dict(model.visible_to(sight).values_list("pk", "edited_generation")) if seen else {}
    return {pk for pk in seen if now.get(pk) != seen[pk]}


def _left_row(sight: Sight, model: type[SyncedModel], pk: int, generation: int) -> LeftRow | None:
    seen = model.visible_to(sight)  # the page that was posted can have shown no other
    row: SyncedModel | None = seen.select_related(*model.scope_relations).filter(pk=pk).first()
    what = str(model._meta.verbose_name)
    if row is None or row.deleted_at is not None:
        entries = visible_activities(sight).of_object(model._meta.label_lower, pk).filter(after__isnull=True)
        last = entries.exclude(verb="Retry").order_by("-pk").first()
        if row is None and last is None:
            return None
        name = str(row) if row is not None else last.object_name if last else "?"
        return LeftRow(name, what, last.actor_name if last else "", last.at if last else None, "Deleted")
    changes = changes_since(row, f"{pk}.{generation}")
    labels = ", ".join(each.label for each in changes.fields)
    return LeftRow(str(row), what, changes.by, changes.at, changes.verb, labels, row.get_absolute_url())
