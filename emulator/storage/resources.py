"""ARM resources, their ids and their changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

NAMESPACE = "Microsoft.EventGrid/namespaces"
CA_CERTIFICATE = "Microsoft.EventGrid/namespaces/caCertificates"
CLIENT = "Microsoft.EventGrid/namespaces/clients"
CLIENT_GROUP = "Microsoft.EventGrid/namespaces/clientGroups"
TOPIC_SPACE = "Microsoft.EventGrid/namespaces/topicSpaces"
NAMESPACE_TOPIC = "Microsoft.EventGrid/namespaces/topics"
PERMISSION_BINDING = "Microsoft.EventGrid/namespaces/permissionBindings"
EVENT_SUBSCRIPTION = "Microsoft.EventGrid/eventSubscriptions"  # an extension resource, here of a namespace
ROLE_ASSIGNMENT = "Microsoft.Authorization/roleAssignments"

# Azure's built-in roles for MQTT by the id of their definition
PUBLISHER_ROLE = "a12b0b94-b317-4dcd-84a8-502ce99884c6"
SUBSCRIBER_ROLE = "4b0f2fd7-60b4-4eca-896f-4435034f8bf5"
ROLE_NAMES = {PUBLISHER_ROLE: "EventGrid TopicSpaces Publisher", SUBSCRIBER_ROLE: "EventGrid TopicSpaces Subscriber"}


def id_key(resource_id: str) -> str:
    """Return the form of a resource id for comparison. ARM ignores the case of ids."""
    return resource_id.casefold()


def parent_of(resource_id: str) -> str:
    """Return the id of the parent: a child's namespace, a namespace's resource group, a group's subscription."""
    holder = resource_id.rsplit("/", 2)[0]
    head, separator, tail = holder.rpartition("/providers/")
    return head if separator and "/" not in tail else holder


def namespace_of(resource_id: str) -> str:
    """Return the namespace id of a namespace or its child, or "" for any other resource."""
    parts = resource_id.split("/")
    return "/".join(parts[:9]) if len(parts) >= 9 and parts[7].casefold() == "namespaces" else ""


def is_at_or_below(resource_id: str, place: str) -> bool:
    """Return whether this is the id of a resource or of something below it."""
    return f"{id_key(resource_id)}/".startswith(f"{id_key(place)}/")


@dataclass(frozen=True)
class Resource:
    """One ARM resource. `body` is its JSON without id, name, type and systemData."""

    id: str
    type: str
    name: str
    body: Mapping[str, Any]
    system_data: Mapping[str, Any] = field(default_factory=dict)
    unique_key: str | None = (
        None  # unique among the siblings of one type: of a client, the key of its authentication name
    )
    certificate: bytes | None = None  # DER, of a CA certificate

    @property
    def properties(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.body.get("properties") or {}
        return found

    def with_properties(self, properties: Mapping[str, Any]) -> "Resource":
        """Return a copy with other properties."""
        return replace(self, body={**self.body, "properties": properties})

    @property
    def mqtt_is_enabled(self) -> bool:
        """Whether this is a namespace whose MQTT broker is enabled."""
        return bool((self.properties.get("topicSpacesConfiguration") or {}).get("state") == "Enabled")


@dataclass(frozen=True)
class Change:
    """A committed change. `namespace_id` is "" for subscriptions and resource groups.

    "judged": the moment at which certificates are judged has moved; the resource is the namespace, unchanged.
    """

    kind: Literal["put", "deleted", "judged"]
    resource: Resource  # after the change; before it if deleted
    namespace_id: str
