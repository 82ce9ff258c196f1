"""API versions of Event Grid, and which properties each of them knows.

A version that does not know a property neither shows it nor wipes it, and refuses it when it is sent. The table is read
from the models of azure-mgmt-eventgrid: 10.3.0b2 (2023-06-01-preview), 10.4.0 (2025-02-15), 10.5.0b1 (2025-04-01-preview)
and 10.5.0b2 (2025-07-15-preview). A version between them behaves as the nearest earlier one of its kind.
"""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from emulator.arm.requests.errors import ArmError, invalid
from emulator.storage.resources import CLIENT, NAMESPACE, Resource

# Every version that carries the MQTT types; the first is the newest that is generally available.
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
    """A property that not every version has. `path` is below `properties`."""

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
    _Property(NAMESPACE, ("topicSpacesConfiguration", "customDomains"), first="2023-12-15"),
    _Property(NAMESPACE, ("topicsConfiguration", "customDomains"), first="2023-12-15"),
)


def _unknown(resource_type: str, version: str) -> Iterator[_Property]:
    return (each for each in _VARYING if each.type == resource_type and not each.is_in(version))


def knows(version: str, resource_type: str, path: Path) -> bool:
    """Whether this version of a type has the property at `path`."""
    return all(each.path != path for each in _unknown(resource_type, version))


def _holder(properties: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    """The object that holds the last name of `path`; empty when there is none."""
    found: Any = properties
    for name in path[:-1]:
        found = found.get(name)
        if not isinstance(found, Mapping):
            return {}
    return found if isinstance(found, Mapping) else {}


def refuse_unknown(resource_type: str, properties: Mapping[str, Any], version: str) -> None:
    """Refuse a property that another version has: it would be lost without a word. Null says nothing and passes."""
    for each in _unknown(resource_type, version):
        if _holder(properties, each.path).get(each.path[-1]) is not None:
            knowing = [name for name in EVENT_GRID_VERSIONS if each.is_in(name)]
            raise unknown_property(each.path, version, knowing)


def unknown_property(path: Path, version: str, knowing: list[str]) -> ArmError:
    dotted = ".".join(("properties", *path))
    return invalid(
        f"Api-version '{version}' does not know the property '{dotted}'. Use {' or '.join(knowing[:2])}.", dotted
    )


def shown(resource: Resource, version: str) -> Resource:
    """The resource as this version shows it."""
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


def keep_unknown(resource_type: str, properties: dict[str, Any], existing: Resource | None, version: str) -> None:
    """Take over from what is stored every property that this version cannot say."""
    if existing is None:
        return
    for each in _unknown(resource_type, version):
        kept = _holder(existing.properties, each.path).get(each.path[-1])
        if kept is None:
            continue
        holder = properties
        for name in each.path[:-1]:
            if not isinstance(holder.get(name), dict):
                holder[name] = {}
            holder = holder[name]
        holder.setdefault(each.path[-1], kept)
