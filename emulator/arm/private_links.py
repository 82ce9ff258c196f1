"""Private endpoints of a namespace: `privateEndpointConnections` and `privateLinkResources`.

A connection is created by a private endpoint, a resource of Microsoft.Network, which is not emulated. A namespace
therefore has none, and its connections are an empty list.

Source: https://learn.microsoft.com/rest/api/eventgrid/controlplane/private-endpoint-connections,
https://learn.microsoft.com/rest/api/eventgrid/controlplane/private-link-resources and
https://learn.microsoft.com/azure/private-link/private-endpoint-dns
"""

from typing import Any

from emulator.arm.requests.calls import Call
from emulator.arm.requests.errors import ArmError
from emulator.arm.requests.responses import ArmResponse
from emulator.storage.resources import NAMESPACE, Resource

PRIVATE_LINKS = frozenset({"privateendpointconnections", "privatelinkresources"})  # path segments in lower case
# What a private endpoint can lead to: name, display name and DNS zone.
LINK_RESOURCES = (
    ("topic", "Event Grid namespace topic", "privatelink.eventgrid.azure.net"),
    ("topicspace", "Event Grid namespace topic space", "privatelink.ts.eventgrid.azure.net"),
)


def private_links(call: Call, namespace: Resource) -> ArmResponse:
    """Respond to a call below `…/privateEndpointConnections` or `…/privateLinkResources`. Raise `ArmError` (404, 405)."""
    if call.path.types[1].casefold() == "privatelinkresources":
        call.require_method("GET")
        return _found(call, [_link_resource(namespace, *each) for each in LINK_RESOURCES])
    if call.path.is_collection:
        call.require_method("GET")
    elif call.method == "DELETE":
        return ArmResponse(204)
    elif call.method not in ("GET", "PUT"):
        raise call.method_not_allowed("GET", "PUT", "DELETE")
    return _found(call, [])


def _link_resource(namespace: Resource, name: str, display_name: str, zone: str) -> dict[str, Any]:
    return {
        "id": f"{namespace.id}/privateLinkResources/{name}",
        "name": name,
        "type": f"{NAMESPACE}/privateLinkResources",
        "properties": {
            "groupId": name,
            "displayName": display_name,
            "requiredMembers": [name],
            "requiredZoneNames": [zone],
        },
    }


def _found(call: Call, resources: list[dict[str, Any]]) -> ArmResponse:
    """Return all of them, or the one that the path names."""
    if call.path.is_collection:
        return ArmResponse(200, {"value": resources})
    name = call.path.names[1]
    for resource in resources:
        if resource["name"] == name.casefold():
            return ArmResponse(200, resource)
    raise ArmError(
        404, "ResourceNotFound", f"The namespace has no '{name[:100]}' below '{call.path.types[1]}'.", target="name"
    )
