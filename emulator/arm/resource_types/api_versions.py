"""API versions of Event Grid, and the properties that only some of them have.

A version that does not have a property does not return it, rejects it in a request, and keeps its stored value.

Source: the models of azure-mgmt-eventgrid 10.3.0b2 (2023-06-01-preview), 10.3.0b3 (2023-12-15-preview), 10.3.0b4
(2024-06-01-preview), 10.4.0 (2025-02-15), 10.5.0b1 (2025-04-01-preview) and 10.5.0b2 (2025-07-15-preview). A version
between them behaves like the nearest earlier one of its kind, stable or preview.
"""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from emulator.arm.requests.errors import ArmError, invalid
from emulator.storage.resources import CLIENT, NAMESPACE, Resource

# Every version that has the MQTT resource types. The first is the newest stable one.
EVENT_GRID_VERSIONS = (
    "2025-02-15",
    "2025-10-15-preview",
    "2025-07-15-preview",
    "2025-04-01-preview",
    "2024-12-15-preview",
    "2024-06-01-preview",
    "2023-12-15-preview",
    "2023-06-01-preview",
)
Path = tuple[str, ...]


@dataclass(frozen=True)
class _Property:
    """A property that not every version has. `path` starts below `properties`; `first` and `last` are dates."""

    type: str
    path: Path
    first: str = ""
    last: str = "9999"
    is_preview: bool = False  # in preview versions only

    def is_in(self, version: str) -> bool:
        date = version.removesuffix("-preview")
        return self.first <= date <= self.last and (not self.is_preview or version.endswith("-preview"))


_CLIENT_AUTHENTICATION = ("topicSpacesConfiguration", "clientAuthentication")
_VARYING = (
    _Property(CLIENT, ("authentication",), last="2023-06-01", is_preview=True),
    _Property(NAMESPACE, _CLIENT_AUTHENTICATION, is_preview=True),
    _Property(NAMESPACE, (*_CLIENT_AUTHENTICATION, "customJwtAuthentication"), first="2024-06-01", is_preview=True),
    _Property(NAMESPACE, (*_CLIENT_AUTHENTICATION, "webhookAuthentication"), first="2025-04-01", is_preview=True),
    _Property(NAMESPACE, ("topicSpacesConfiguration", "customDomains"), first="2024-06-01"),
    _Property(NAMESPACE, ("topicsConfiguration", "customDomains"), first="2024-06-01"),
)


def _unknown(resource_type: str, version: str) -> Iterator[_Property]:
    return (each for each in _VARYING if each.type == resource_type and not each.is_in(version))


def has_property(version: str, resource_type: str, path: Path) -> bool:
    """Return whether this version of a type has the property at `path`, which starts below `properties`."""
    return all(each.path != path for each in _unknown(resource_type, version))


def _holder(properties: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    """Return the object that holds the last name of `path`, or an empty one."""
    found: Any = properties
    for name in path[:-1]:
        found = found.get(name)
        if not isinstance(found, Mapping):
            return {}
    return found if isinstance(found, Mapping) else {}


def reject_unknown(resource_type: str, properties: Mapping[str, Any], version: str) -> None:
    """Raise `ArmError` (400) for a property that only other versions have: it would be lost silently. Null is accepted."""
    for each in _unknown(resource_type, version):
        if _holder(properties, each.path).get(each.path[-1]) is not None:
            raise _unknown_property(each, version)


def _unknown_property(unknown: _Property, version: str) -> ArmError:
    dotted = ".".join(("properties", *unknown.path))
    others = [name for name in EVENT_GRID_VERSIONS if unknown.is_in(name)]
    return invalid(f"Api-version '{version}' has no property '{dotted}'. Use {' or '.join(others[:2])}.", dotted)


def without_unknown(resource: Resource, version: str) -> Resource:
    """Return the resource without the properties that this version does not have."""
    hidden = [
        each.path
        for each in _unknown(resource.type, version)
        if each.path[-1] in _holder(resource.properties, each.path)
    ]
    if not hidden:
        return resource
    properties = copy.deepcopy(dict(resource.properties))
    for path in hidden:
        holder = _holder(properties, path)
        if isinstance(holder, dict):
            holder.pop(path[-1], None)
    return resource.with_properties(properties)


def carry_over_unknown(
    resource_type: str, properties: Mapping[str, Any], existing: Resource | None, version: str
) -> Mapping[str, Any]:
    """Return what a request means: its properties, and the stored ones that its version does not have."""
    if existing is None:
        return properties
    whole = copy.deepcopy(dict(properties))
    for each in _unknown(resource_type, version):
        kept = _holder(existing.properties, each.path).get(each.path[-1])
        if kept is not None:
            _set_missing(whole, each.path, kept)
    return whole


def _set_missing(holder: dict[str, Any], path: Path, value: Any) -> None:
    """Set a member that is missing or null. What is no object is left to its own check."""
    for name in path[:-1]:
        if holder.get(name) is None:
            holder[name] = {}
        holder = holder[name]
        if not isinstance(holder, dict):
            return
    if holder.get(path[-1]) is None:
        holder[path[-1]] = value
