"""Comparing what we want, what we last left in Azure, and what Azure holds, in the words of `describe`."""

import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from portal.models import Activity
from sync.models import Finding, SyncedModel

Resource = Mapping[str, Any]

CONFLICTS: dict[str, tuple[Finding.Class, str]] = {
    "ChangedInAzure": (
        Finding.Class.BOTH,
        "It was changed in Azure, too, and not by this portal: {fields}. Nothing was overwritten. "
        "Keep yours, or take Azure's.",
    ),
    "DeletedInAzure": (
        Finding.Class.DELETED,
        "It was deleted in Azure, and not by this portal. Create it again, or take it out of the portal.",
    ),
    "ExistsInAzure": (
        Finding.Class.BOTH,
        "Azure already holds something else under this name, which was not made by this portal. Nothing was "
        "overwritten. Replace it by yours, or take Azure's.",
    ),
}


class Drifted(Exception):  # noqa: N818 - says what happened
    """Azure holds something that this portal did not leave there, so the push stops before it overwrites it."""

    def __init__(self, code: str, resource: Resource | None, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.resource = resource
        self.message = message


def describe_resource(model: type[SyncedModel], resource: Resource | None) -> dict[str, Any] | None:
    """What a resource says, in the words of the model's `describe`, without its name: ARM ids ignore case."""
    if resource is None:
        return None
    row = model()
    row.adopt(resource)
    return _nameless(row.describe())


def _nameless(described: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in described.items() if key != "name"}


def canonical(described: Mapping[str, Any] | None) -> str:
    """One text for what is equal: "" for nothing there."""
    return "" if described is None else json.dumps(_nameless(described), sort_keys=True, default=str)


def field_differences(
    model: type[SyncedModel], *, base: Resource | None, ours: SyncedModel | None, azure: Resource | None
) -> list[dict[str, Any]]:
    """Each field in which base, ours and Azure's are not all the same, as plain JSON."""
    sides = {
        "base": describe_resource(model, base) or {},
        "ours": _nameless(ours.describe()) if ours is not None else {},
        "azure": describe_resource(model, azure) or {},
    }
    names = list(dict.fromkeys(name for side in sides.values() for name in side))
    there = [side for key, side in sides.items() if side or (key == "azure" and azure is not None)]
    found = []
    for name in names:
        values = [json.dumps(side.get(name), sort_keys=True, default=str) for side in there]
        if len(set(values)) > 1 or len(there) == 1:
            found.append({"field": name, **{key: side.get(name) for key, side in sides.items()}})
    return found


@dataclass(frozen=True)
class History:
    """What each generation of a row wanted, canonically; "" where it wanted the row gone."""

    wanted: Mapping[int, str]
    before: str = ""  # what was there before the first of them that is in doubt, where that is known

    def holds(self, current: str) -> bool:
        """Whether Azure's state is one that this portal may have left there."""
        return current in self.wanted.values()

    def may_have_removed(self, unchangeable: Set[str], base: str) -> bool:
        """Whether this portal may itself have taken the resource away: to delete it, or to replace it.

        A replacement begins with a DELETE, and is needed where a value that Azure never changes was to become another.
        """
        states = [json.loads(text) for text in (base, self.before, *self.wanted.values()) if text]
        kept = {
            canonical({name: state[name] for name in unchangeable}) for state in states if unchangeable <= state.keys()
        }
        return self.holds("") or len(kept) > 1

    def at(self, generation: int | None) -> str | None:
        """What was sent as `generation`; None when nobody knows."""
        earlier = [known for known in self.wanted if generation is not None and known <= generation]
        return self.wanted[max(earlier)] if earlier else None


NOTHING_KNOWN = History({})


def histories(kind: str, rows: Sequence[SyncedModel]) -> dict[int, History]:
    """The history of every row about whose last pushes there is doubt, from the activity log."""
    since = {
        row.pk: min(row.synced_generation, row.doubtful_from or row.synced_generation)
        for row in rows
        if row.uncertain or row.doubtful_from is not None
    }
    entries: dict[int, dict[int, tuple[Any, Any]]] = {pk: {} for pk in since}
    if since:
        known = Activity.objects.filter(kind=kind, object_pk__in=since, generation__isnull=False)
        told: Any = known.values_list("object_pk", "generation", "before", "after")
        for pk, generation, before, after in told:
            tried_again = after is None and "error" in (before or {})
            if not tried_again:
                entries[pk][generation] = before, after
    return {
        row.pk: _history(entries[row.pk], since=since[row.pk], doubtful_from=row.doubtful_from)
        for row in rows
        if row.pk in since
    }


def _history(entries: Mapping[int, tuple[Any, Any]], *, since: int, doubtful_from: int | None) -> History:
    """From what the activity log tells of each generation: before and after."""
    wanted = {generation: canonical(after) for generation, (_, after) in entries.items() if generation >= since}
    # Of the first change in doubt also what it was to replace. One that was tried again is told of where it was made.
    first = max((known for known in entries if doubtful_from is not None and known <= doubtful_from), default=None)
    before = entries[first][0] if first is not None else None
    return History(wanted, canonical((before or {}).get("azure", before)))
