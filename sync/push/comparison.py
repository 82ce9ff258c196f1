"""Comparing what we want, what we last left in Azure, and what Azure holds, by the keys of `describe`."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from sync.models import Finding, SyncedModel

Resource = Mapping[str, Any]

CONFLICTS: dict[str, tuple[Finding.Class, str]] = {
    "ChangedInAzure": (
        Finding.Class.BOTH,
        "It was also changed in Azure, and not by this portal: {fields}. Nothing was overwritten. "
        "Keep yours, or take Azure's.",
    ),
    "DeletedInAzure": (
        Finding.Class.DELETED,
        "It was deleted in Azure, and not by this portal. Recreate it, or remove it from the portal.",
    ),
    "ExistsInAzure": (
        Finding.Class.BOTH,
        "Azure already has another resource with this name, which was not created by this portal. Nothing was "
        "overwritten. Replace it with yours, or take Azure's.",
    ),
}


class Drifted(Exception):  # noqa: N818 - reads as a sentence
    """Azure holds something that this portal did not leave there, so the push stops before overwriting it."""

    def __init__(self, code: str, resource: Resource | None, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.resource = resource
        self.message = message


def describe_resource(model: type[SyncedModel], resource: Resource | None) -> dict[str, Any] | None:
    """Return what the model's `describe` returns of a resource, without its name: ARM ids ignore case."""
    found = state_of(model, resource)
    return None if found is None else _nameless(found)


def state_of(model: type[SyncedModel], resource: Resource | None) -> dict[str, Any] | None:
    """Return what the model's `describe` returns of a resource; None for none."""
    if resource is None:
        return None
    row = model()
    row.adopt(resource)
    return row.describe()


def _nameless(described: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in described.items() if key != "name"}


def labels_of(model: type[SyncedModel], fields: Iterable[str]) -> str:
    """Return the labels of keys of `describe`, for a sentence."""
    return ", ".join(map(model.label_of, fields))


def canonical(described: Mapping[str, Any] | None) -> str:
    """Return the same text for equal states; "" for none."""
    return "" if described is None else json.dumps(_nameless(described), sort_keys=True, default=str)


def field_differences(
    model: type[SyncedModel], *, base: Resource | None, ours: SyncedModel | None, azure: Resource | None
) -> list[dict[str, Any]]:
    """Return each field in which base, ours and Azure's are not all the same, as JSON."""
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
