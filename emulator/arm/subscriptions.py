"""What ARM itself answers: subscriptions, resource providers, resource groups and the list of all resources."""

import re
from typing import Any

from emulator.arm.requests.calls import Answer, Call, page, rendered, system_data
from emulator.arm.requests.errors import ArmError
from emulator.arm.requests.paths import EVENT_GRID
from emulator.arm.resource_types.api_versions import EVENT_GRID_VERSIONS
from emulator.arm.resource_types.fields import Fields
from emulator.arm.resource_types.namespaces import check_tags, normalize_location
from emulator.arm.views import View
from emulator.storage.store import NAMESPACE, Resource, Store

SUBSCRIPTION = "Microsoft.Resources/subscriptions"
GROUP = "Microsoft.Resources/resourceGroups"
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
GROUP_NAME = re.compile(r"[-\w._()]{0,89}[-\w_()]")
ALL = 1000
LISTED = ("name", "type", "location", "tags", "sku", "identity", "id")


def make_subscription(subscription_id: str, display_name: str) -> Resource:
    """A subscription; real ones are made outside ARM's resource model, so this is the emulator's own."""
    subscription_id = subscription_id.lower()
    return Resource(
        f"/subscriptions/{subscription_id}",
        SUBSCRIPTION,
        subscription_id,
        {"subscriptionId": subscription_id, "displayName": display_name, "state": "Enabled"},
    )


class Subscriptions:
    """Operations above the resource providers."""

    def __init__(self, store: Store, tenant: str, resource_types: list[str], view: View) -> None:
        self._store = store
        self._view = view
        self._tenant = tenant
        self._resource_types = resource_types

    def list_all(self, call: Call) -> Answer:
        """`GET /subscriptions`"""
        call.require_api_version()
        if call.method != "GET":
            raise call.refuse_method("GET")
        return Answer(200, {"value": [self._shown(found) for found in self._store.of_type(SUBSCRIPTION)]})

    def handle(self, call: Call) -> Answer:
        """Answer a call below `/subscriptions/{id}` that no resource provider answers. Raises `ArmError`."""
        call.require_api_version()
        path = call.path
        if path.provider:
            return self._provider(call)
        kind = path.types[0].casefold() if path.types else ""
        if kind == "providers":
            return Answer(200, {"value": [self._event_grid(call)]})
        if kind == "resources":
            return self._list_resources(call)
        if kind == "locations":
            return Answer(200, {"value": []})
        if kind == "resourcegroups" and not path.group:
            return self._list_groups(call)
        if kind:
            raise ArmError(404, "InvalidResourceType", f"There is no '{path.types[0][:100]}' here.")
        return self._group(call) if path.group else self._subscription(call)

    # Subscriptions and providers

    def _shown(self, subscription: Resource) -> dict[str, Any]:
        return {
            "id": subscription.id,
            **subscription.body,
            "tenantId": self._tenant,
            "authorizationSource": "RoleBased",
            "subscriptionPolicies": {"quotaId": "Emulator", "spendingLimit": "Off"},
        }

    def _subscription(self, call: Call) -> Answer:
        found = self._store.get(f"/subscriptions/{call.path.subscription}")
        if call.method == "PUT":
            if not GUID.fullmatch(call.path.subscription):
                raise ArmError(400, "InvalidSubscriptionId", "A subscription id is a GUID.")
            name = Fields(call.members(), "").text("displayName") or "Subscription"
            subscription = make_subscription(call.path.subscription, name)
            self._store.put(subscription)
            return Answer(200 if found else 201, self._shown(subscription))
        if call.method != "GET":
            raise call.refuse_method("GET", "PUT")
        return Answer(200, self._shown(self.require_subscription(call)))

    def require_subscription(self, call: Call) -> Resource:
        found = self._store.get(f"/subscriptions/{call.path.subscription}")
        if found is None:
            raise ArmError(
                404, "SubscriptionNotFound", f"The subscription '{call.path.subscription[:100]}' could not be found."
            )
        return found

    def _provider(self, call: Call) -> Answer:
        if call.path.provider.casefold() != EVENT_GRID.casefold():
            raise ArmError(
                404, "InvalidResourceNamespace", f"The resource namespace '{call.path.provider[:100]}' is invalid."
            )
        registers = call.method == "POST" and call.path.types and call.path.types[0].casefold() == "register"
        if call.path.group or (call.method != "GET" and not registers) or (call.path.types and not registers):
            raise call.refuse_method("GET")
        return Answer(200, self._event_grid(call))

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

    def _group(self, call: Call) -> Answer:
        subscription = self.require_subscription(call)
        group_id = f"{subscription.id}/resourceGroups/{call.path.group}"
        existing = self._store.get(group_id)
        if call.method == "PUT":
            return self._write_group(call, group_id, existing, call.members())
        if call.method == "DELETE":
            # Azure refuses nothing here either: what the group holds goes with it.
            return Answer(200 if self._store.delete(group_id) else 204)
        if existing is None:
            raise ArmError(
                404, "ResourceGroupNotFound", f"Resource group '{call.path.group[:100]}' could not be found."
            )
        if call.method == "PATCH":
            members = {"location": existing.body["location"], "tags": existing.body["tags"], **call.members()}
            return self._write_group(call, group_id, existing, members)
        if call.method == "HEAD":
            return Answer(204)
        if call.method != "GET":
            raise call.refuse_method("GET", "HEAD", "PUT", "PATCH", "DELETE")
        return Answer(200, self._shown_group(existing))

    def _write_group(self, call: Call, group_id: str, existing: Resource | None, members: dict[str, Any]) -> Answer:
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
                "tags": check_tags(Fields(members, "")),
                "properties": {"provisioningState": "Succeeded"},
            },
            system_data(call.caller, existing),
        )
        self._store.put(group)
        return Answer(200 if existing else 201, self._shown_group(group))

    @staticmethod
    def _shown_group(group: Resource) -> dict[str, Any]:
        return {key: value for key, value in rendered(group).items() if key != "systemData"}

    def _list_groups(self, call: Call) -> Answer:
        if call.method != "GET":
            raise call.refuse_method("GET")
        subscription = self.require_subscription(call)
        return page(
            call,
            lambda after, accept, limit: self._store.children(
                subscription.id, GROUP, after=after, accept=accept, limit=limit
            ),
            default=ALL,
            most=ALL,
            filter_values=lambda group: {"name": group.name, "location": group.body["location"]},
            filter_on=("name", "location"),
            show=self._shown_group,
        )

    def _list_resources(self, call: Call) -> Answer:
        """Top-level resources only: children are listed by their own collections."""
        if call.method != "GET":
            raise call.refuse_method("GET")
        below = self.require_subscription(call).id
        if call.path.group:
            below = f"{below}/resourceGroups/{call.path.group}"
            if self._store.get(below) is None:
                raise ArmError(
                    404, "ResourceGroupNotFound", f"Resource group '{call.path.group[:100]}' could not be found."
                )
        return page(
            call,
            lambda after, accept, limit: self._view.of_type(NAMESPACE, below, after, accept, limit),
            default=ALL,
            most=ALL,
            filter_values=lambda resource: {
                "name": resource.name,
                "resourceType": resource.type,
                "location": resource.body["location"],
                "resourceGroup": resource.id.split("/")[4],
                "tagName": tuple(resource.body["tags"]),
                "tagValue": tuple(resource.body["tags"].values()),
            },
            filter_on=("name", "resourceType", "resourceGroup", "location", "tagName", "tagValue"),
            show=lambda resource: {key: value for key, value in rendered(resource).items() if key in LISTED},
        )
