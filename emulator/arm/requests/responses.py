"""The response to one ARM request, and how a resource is shown in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from emulator.storage.resources import Resource


@dataclass(frozen=True)
class ArmResponse:
    """A successful response: HTTP status, JSON body if there is one, and headers of its own."""

    status: int
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def system_data(caller: str, existing: Resource | None) -> dict[str, str]:
    """Return the `systemData` of a write by `caller` (a client id) now. The time and author of the creation are kept."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"  # ARM shows seven decimals
    created = {"createdBy": caller, "createdByType": "Application", "createdAt": now}
    kept = {key: existing.system_data.get(key, value) for key, value in created.items()} if existing else created
    return {**kept, "lastModifiedBy": caller, "lastModifiedByType": "Application", "lastModifiedAt": now}


def rendered(resource: Resource) -> dict[str, Any]:
    """Return a resource as the JSON object that ARM sends."""
    system = {"systemData": dict(resource.system_data)} if resource.system_data else {}
    return {**resource.body, **system, "id": resource.id, "name": resource.name, "type": resource.type}
