"""`GET /providers/Microsoft.EventGrid/operations`: what roles can allow, for the types that the emulator has.

Source: https://learn.microsoft.com/rest/api/eventgrid/controlplane/operations/list and
https://learn.microsoft.com/azure/role-based-access-control/permissions/integration#microsofteventgrid
"""

from collections.abc import Iterator
from typing import Any

from emulator.arm.requests.calls import Call
from emulator.arm.requests.errors import ArmError
from emulator.arm.requests.paths import EVENT_GRID
from emulator.arm.requests.responses import ArmResponse
from emulator.arm.resource_types.api_versions import EVENT_GRID_VERSIONS
from emulator.arm.resource_types.registry import CHILD_TYPES

WITH_KEYS = ("namespaces", "namespaces/topics")
DATA_ACTIONS = {
    "topicSpaces/publish/action": "Publish messages to topic spaces",
    "topicSpaces/subscribe/action": "Subscribe to topic spaces",
}


def provider_operations(call: Call) -> ArmResponse:
    """Respond to a call at `/providers/…` outside a subscription. Raise `ArmError` (400, 404, 405)."""
    if call.path.provider.casefold() != EVENT_GRID.casefold():
        raise ArmError(
            404, "InvalidResourceNamespace", f"The resource namespace '{call.path.provider[:100]}' is invalid."
        )
    if tuple(each.casefold() for each in call.path.types) != ("operations",) or call.path.names:
        raise ArmError(404, "InvalidResourceType", "This path does not exist. Only 'operations' is listed here.")
    call.require_api_version(EVENT_GRID_VERSIONS)
    call.require_method("GET")
    return ArmResponse(200, {"value": list(_operations())})


def _operations() -> Iterator[dict[str, Any]]:
    yield _operation("register/action", "Register the Event Grid resource provider")
    for resource_type in ("namespaces", *(f"namespaces/{each.segment}" for each in CHILD_TYPES.values())):
        for verb, title in (("read", "Read"), ("write", "Create or update"), ("delete", "Delete")):
            yield _operation(f"{resource_type}/{verb}", f"{title} {resource_type}")
        if resource_type in WITH_KEYS:
            yield _operation(f"{resource_type}/listKeys/action", f"List access keys of {resource_type}")
            yield _operation(f"{resource_type}/regenerateKey/action", f"Regenerate access keys of {resource_type}")
    for kind in ("operationsStatus", "operationResults"):
        yield _operation(f"locations/{kind}/read", "Read the state of a long-running operation")
    for name, title in DATA_ACTIONS.items():
        yield _operation(name, title, is_data_action=True)


def _operation(name: str, title: str, *, is_data_action: bool = False) -> dict[str, Any]:
    display = {
        "provider": "Microsoft Event Grid",
        "resource": name.rpartition("/")[0],
        "operation": title,
        "description": f"{title}.",
    }
    return {
        "name": f"{EVENT_GRID}/{name}",
        "isDataAction": is_data_action,
        "display": display,
        "origin": "UserAndSystem",
    }
