"""ARM itself: subscriptions, resource providers, resource groups and the list of all resources.

Source: https://learn.microsoft.com/rest/api/resources/
"""

import re
from typing import Any

from emulator.arm.requests.calls import Call
from emulator.arm.requests.errors import ArmError
from emulator.arm.requests.paging import list_page
from emulator.arm.requests.paths import EVENT_GRID
from emulator.arm.requests.responses import ArmResponse, rendered, system_data
from emulator.arm.resource_types.api_versions import EVENT_GRID_VERSIONS
from emulator.arm.resource_types.fields import Fields
from emulator.arm.resource_types.namespaces import check_tags, normalize_location
from emulator.arm.visible_state import VisibleState
from emulator.storage.resources import NAMESPACE, Resource
from emulator.storage.store import Store

SUBSCRIPTION = "Microsoft.Resources/subscriptions"
GROUP = "Microsoft.Resources/resourceGroups"
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
GROUP_NAME = re.compile(r"[-\w._()]{0,89}[-\w_()]")
PAGE_SIZE = 1000
IN_RESOURCE_LIST = ("name", "type", "location", "tags", "sku", "identity", "id")


def make_subscription(subscription_id: str, display_name: str) -> Resource:
    """Return a subscription. Azure creates subscriptions outside ARM, so this is the emulator's own."""
    subscription_id = subscription_id.lower()
    return Resource(
        f"/subscriptions/{subscription_id}",
        SUBSCRIPTION,
        subscription_id,
        {"subscriptionId": subscription_id, "displayName": display_name, "state": "Enabled"},
    )


class Subscriptions:
    """The operations of ARM that belong to no resource provider."""

    def __init__(self, store: Store, tenant: str, resource_types: list[str], visible: VisibleState) -> None:
        self._store = store
        self._visible = visible
        self._tenant = tenant
        self._resource_types = resource_types

    def list_all(self, call: Call) -> ArmResponse:
        """Respond to `GET /subscriptions`. Raise `ArmError`."""
        call.require_api_version()
        if call.method != "GET":
            raise call.method_not_allowed("GET")
        return ArmResponse(200, {"value": [self._render(found) for found in self._store.of_type(SUBSCRIPTION)]})

    def handle(self, call: Call) -> ArmResponse:
        """Respond to a call below `/subscriptions/{id}` that belongs to no resource provider. Raise `ArmError`."""
        call.require_api_version()
        path = call.path
        if path.provider:
            return self._provider(call)
        kind = path.types[0].casefold() if path.types else ""
        if kind == "providers":
            return ArmResponse(200, {"value": [self._event_grid(call)]})
        if kind == "resources":
            return self._list_resources(call)
        if kind == "locations":
            return ArmResponse(200, {"value": []})
        if kind == "resourcegroups" and not path.group:
            return self._list_groups(call)
        if kind:
            raise ArmError(404, "InvalidResourceType", f"The collection '{path.types[0][:100]}' does not exist.")
        return self._group(call) if path.group else self._subscription(call)

    # Subscriptions and providers

    def _render(self, subscription: Resource) -> dict[str, Any]:
        return {
            "id": subscription.id,
            **subscription.body,
            "tenantId": self._tenant,
            "authorizationSource": "RoleBased",
            "subscriptionPolicies": {"quotaId": "Emulator", "spendingLimit": "Off"},
        }

    def _subscription(self, call: Call) -> ArmResponse:
        found = self._store.get(f"/subscriptions/{call.path.subscription}")
        if call.method == "PUT":
            if not GUID.fullmatch(call.path.subscription):
                raise ArmError(400, "InvalidSubscriptionId", "A subscription id is a GUID.")
            name = Fields(call.members(), "").text("displayName") or "Subscription"
            subscription = make_subscription(call.path.subscription, name)
            self._store.put(subscription)
            return ArmResponse(200 if found else 201, self._render(subscription))
        if call.method != "GET":
            raise call.method_not_allowed("GET", "PUT")
        return ArmResponse(200, self._render(self.require_subscription(call)))

    def require_subscription(self, call: Call) -> Resource:
        """Return the subscription of a call. Raise `ArmError` (404 SubscriptionNotFound)."""
        found = self._store.get(f"/subscriptions/{call.path.subscription}")
        if found is None:
            raise ArmError(
                404, "SubscriptionNotFound", f"The subscription '{call.path.subscription[:100]}' could not be found."
            )
        return found

    def _provider(self, call: Call) -> ArmResponse:
        if call.path.provider.casefold() != EVENT_GRID.casefold():
            raise ArmError(
                404, "InvalidResourceNamespace", f"The resource namespace '{call.path.provider[:100]}' is invalid."
            )
        registers = call.method == "POST" and call.path.types and call.path.types[0].casefold() == "register"
        if call.path.group or (call.method != "GET" and not registers) or (call.path.types and not registers):
            raise call.method_not_allowed("GET")
        return ArmResponse(200, self._event_grid(call))

    def _event_grid(self, call: Call) -> dict[str, Any]:
        locations = ["East US", "West Europe", "West US 2"]
        return {
            "id": f"/subscriptions/{call.path.subscription}/providers/{EVENT_GRID}",
            "namespace": EVENT_GRID,
            "registrationState": "Registered",
            "registrationPolicy": "RegistrationRequired",
            "resourceTypes": [
                {
                    "resourceType": resource_type,
                    "locations": locations,
                    "apiVersions": list(EVENT_GRID_VERSIONS),
                    "defaultApiVersion": EVENT_GRID_VERSIONS[0],
                    "capabilities": "SupportsTags, SupportsLocation" if resource_type == "namespaces" else "None",
                }
                for resource_type in self._resource_types
            ],
        }

    # Resource groups

    def _group(self, call: Call) -> ArmResponse:
        subscription = self.require_subscription(call)
        group_id = f"{subscription.id}/resourceGroups/{call.path.group}"
        existing = self._store.get(group_id)
        if call.method == "PUT":
            return self._write_group(call, group_id, existing, call.members())
        if call.method == "DELETE":
            # As in Azure, everything in the group is deleted with it.
            return ArmResponse(200 if self._store.delete(group_id) else 204)
        if existing is None:
            raise ArmError(
                404, "ResourceGroupNotFound", f"Resource group '{call.path.group[:100]}' could not be found."
            )
        if call.method == "PATCH":
            members = {"location": existing.body["location"], "tags": existing.body["tags"], **call.members()}
            return self._write_group(call, group_id, existing, members)
        if call.method == "HEAD":
            return ArmResponse(204)
        if call.method != "GET":
            raise call.method_not_allowed("GET", "HEAD", "PUT", "PATCH", "DELETE")
        return ArmResponse(200, self._render_group(existing))

    def _write_group(
        self, call: Call, group_id: str, existing: Resource | None, members: dict[str, Any]
    ) -> ArmResponse:
        if not GROUP_NAME.fullmatch(call.path.group):
            raise ArmError(
                400,
                "InvalidResourceGroup",
                f"'{call.path.group[:100]}' is not a valid resource group name. It has 1 to 90 letters, digits, and"
                " - _ . ( ), and does not end with a period.",
            )
        location = normalize_location(members.get("location"))
        if existing is not None and existing.body["location"] != location:
            raise ArmError(
                409,
                "InvalidResourceGroupLocation",
                f"The resource group '{existing.name}' already exists in location '{existing.body['location']}'.",
            )
        group = Resource(
            existing.id if existing else group_id,
            GROUP,
            existing.name if existing else call.path.group,
            {
                "location": location,
                "tags": check_tags(Fields(members, "")) or {},
                "properties": {"provisioningState": "Succeeded"},
            },
            system_data(call.caller, existing),
        )
        self._store.put(group)
        return ArmResponse(200 if existing else 201, self._render_group(group))

    @staticmethod
    def _render_group(group: Resource) -> dict[str, Any]:
        return {key: value for key, value in rendered(group).items() if key != "systemData"}

    def _list_groups(self, call: Call) -> ArmResponse:
        if call.method != "GET":
            raise call.method_not_allowed("GET")
        subscription = self.require_subscription(call)
        return list_page(
            call,
            lambda after, accept, limit: self._store.children(
                subscription.id, GROUP, after=after, accept=accept, limit=limit
            ),
            default=PAGE_SIZE,
            most=PAGE_SIZE,
            filter_values=lambda group: {"name": group.name, "location": group.body["location"]},
            filter_on=("name", "location"),
            show=self._render_group,
        )

    def _list_resources(self, call: Call) -> ArmResponse:
        """List top-level resources only, as ARM does."""
        if call.method != "GET":
            raise call.method_not_allowed("GET")
        below = self.require_subscription(call).id
        if call.path.group:
            below = f"{below}/resourceGroups/{call.path.group}"
            if self._store.get(below) is None:
                raise ArmError(
                    404, "ResourceGroupNotFound", f"Resource group '{call.path.group[:100]}' could not be found."
                )
        return list_page(
            call,
            lambda after, accept, limit: self._visible.of_type(NAMESPACE, below, after, accept, limit),
            default=PAGE_SIZE,
            most=PAGE_SIZE,
            filter_values=lambda resource: {
                "name": resource.name,
                "resourceType": resource.type,
                "location": resource.body["location"],
                "resourceGroup": resource.id.split("/")[4],
                "tagName": tuple(resource.body["tags"] or ()),
                "tagValue": tuple((resource.body["tags"] or {}).values()),
            },
            filter_on=("name", "resourceType", "resourceGroup", "location", "tagName", "tagValue"),
            show=lambda resource: {key: value for key, value in rendered(resource).items() if key in IN_RESOURCE_LIST},
        )
