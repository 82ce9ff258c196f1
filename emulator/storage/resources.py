"""What an ARM resource is to the emulator, and how its id is read. Free of storage and of HTTP."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

NAMESPACE = "Microsoft.EventGrid/namespaces"
CA_CERTIFICATE = "Microsoft.EventGrid/namespaces/caCertificates"
CLIENT = "Microsoft.EventGrid/namespaces/clients"
CLIENT_GROUP = "Microsoft.EventGrid/namespaces/clientGroups"
TOPIC_SPACE = "Microsoft.EventGrid/namespaces/topicSpaces"
PERMISSION_BINDING = "Microsoft.EventGrid/namespaces/permissionBindings"


def id_key(resource_id: str) -> str:
    """The form of a resource id that compares: ARM ignores the case of ids."""
    return resource_id.casefold()


def parent_of(resource_id: str) -> str:
    """The id of what holds this resource: a child's namespace, a namespace's resource group, a group's subscription."""
    holder = resource_id.rsplit("/", 2)[0]
    head, separator, tail = holder.rpartition("/providers/")
    return head if separator and "/" not in tail else holder


def namespace_of(resource_id: str) -> str:
    """The id of the namespace that a namespace or its child belongs to; "" for anything else."""
    parts = resource_id.split("/")
    return "/".join(parts[:9]) if len(parts) >= 9 and parts[7].casefold() == "namespaces" else ""


@dataclass(frozen=True)
class Resource:
    """One ARM resource. `body` is the answer without id, name, type and systemData."""

    id: str
    type: str
    name: str
    body: Mapping[str, Any]
    system_data: Mapping[str, Any] = field(default_factory=dict)
    unique_key: str | None = None  # unique among the siblings of one type
    certificate: bytes | None = None  # DER, of a CA certificate

    @property
    def properties(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.body.get("properties") or {}
        return found

    def with_properties(self, properties: Mapping[str, Any]) -> "Resource":
        """This resource with other properties."""
        return replace(self, body={**self.body, "properties": properties})

    @property
    def mqtt_is_enabled(self) -> bool:
        """Of a namespace: its topicSpacesConfiguration.state is Enabled."""
        return bool((self.properties.get("topicSpacesConfiguration") or {}).get("state") == "Enabled")


@dataclass(frozen=True)
class Change:
    """A committed change. `namespace_id` is "" where no namespace is concerned."""

    kind: Literal["put", "deleted"]
    resource: Resource  # as it is now, or as it was
    namespace_id: str
