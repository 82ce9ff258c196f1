"""What each resource type below a namespace defines: its name rule, its quota and a function that checks its body."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from emulator.arm.resource_types.fields import Fields
from emulator.arm.resource_types.names import NameRule
from emulator.profile import AzureProfile
from emulator.storage.resources import Resource
from emulator.storage.store import Store


@dataclass(frozen=True)
class Limits:
    """Quotas of a namespace. Azure can raise the first two on request, so they are options of the emulator.

    Source: https://learn.microsoft.com/azure/event-grid/quotas-limits
    """

    ca_certificates: int = 10
    clients_per_unit: int = 10_000  # per throughput unit
    client_groups: int = 10
    topic_spaces: int = 10
    permission_bindings: int = 100
    namespace_topics: int = 100


@dataclass(frozen=True)
class Draft:
    """The body of a PUT, and what is needed to check it."""

    id: str
    name: str
    namespace: Resource
    fields: Fields  # the members of `properties`
    existing: Resource | None
    store: Store
    version: str  # the api-version of the request
    azure: AzureProfile


@dataclass(frozen=True)
class Checked:
    """A valid body: the `properties` to store and to return."""

    properties: Mapping[str, Any]
    unique_key: str | None = None  # unique among the siblings of one type
    certificate: bytes | None = None  # DER


def _has_none(namespace: Resource) -> None:
    """The default of `ChildType.built_in`."""


def _may_be_deleted(namespace: Resource, found: Resource, store: Store) -> None:
    """The default of `ChildType.check_delete`."""


@dataclass(frozen=True)
class ChildType:
    """One resource type below a namespace.

    `check` validates a PUT and `check_delete` a DELETE; both raise `ArmError`. `limit` returns the number of resources
    that a namespace can hold. `built_in` returns the resource that Event Grid has in every namespace, such as the
    client group `$all`.
    """

    type: str  # "Microsoft.EventGrid/namespaces/…"
    label: str  # in error messages: "client"
    name_rule: NameRule
    check: Callable[[Draft], Checked]
    limit: Callable[[Limits, Resource], int]
    built_in: Callable[[Resource], Resource | None] = _has_none
    check_delete: Callable[[Resource, Resource, Store], None] = _may_be_deleted
    has_patch: bool = False
    has_keys: bool = False  # `listKeys` and `regenerateKey`

    @property
    def segment(self) -> str:
        """The name of the type in a path: "clients"."""
        return self.type.rpartition("/")[2]


def throughput_units(namespace: Resource) -> int:
    """Return the number of throughput units of a namespace (`sku.capacity`)."""
    return int((namespace.body.get("sku") or {}).get("capacity") or 1)
