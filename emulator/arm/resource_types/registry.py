"""The table of resource types below a namespace. A further type is one entry, with a function that checks its body."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from emulator.arm.resource_types.fields import Fields, NameRule
from emulator.storage.store import Resource, Store

SHORT_NAME = NameRule(r"[a-zA-Z0-9-]*", 3, 50, "letters, digits and hyphens")
CLIENT_NAME = NameRule(r"[-a-zA-Z0-9:._]*", 1, 128, "letters, digits, and any of - : . _")


@dataclass(frozen=True)
class Limits:
    """Quotas that Azure may raise: settings of the emulator."""

    ca_certificates: int = 10
    clients_per_unit: int = 10_000
    client_groups: int = 10
    topic_spaces: int = 10
    permission_bindings: int = 100


@dataclass(frozen=True)
class Draft:
    """What a PUT asks for, with what is needed to judge it."""

    id: str
    name: str
    namespace: Resource
    fields: Fields  # the members of `properties`
    existing: Resource | None
    store: Store
    version: str  # the api-version


@dataclass(frozen=True)
class Checked:
    """A body that keeps all rules: the `properties` to store and to answer."""

    properties: Mapping[str, Any]
    unique_key: str | None = None
    certificate: bytes | None = None


@dataclass(frozen=True)
class ChildType:
    type: str  # Microsoft.EventGrid/namespaces/…
    label: str  # "client", as in a sentence
    name_rule: NameRule
    check: Callable[[Draft], Checked]  # raises ArmError
    limit: Callable[[Limits, Resource], int]  # how many a namespace may hold
    built_in: Callable[[Resource], Resource | None] = lambda namespace: None  # the service's own, in every namespace
    check_delete: Callable[[Resource, Resource, Store], None] = lambda namespace, found, store: None  # raises ArmError

    @property
    def segment(self) -> str:
        return self.type.rpartition("/")[2]


def child_types() -> dict[str, ChildType]:
    """Every child type by its path segment in lower case."""
    from emulator.arm.resource_types.ca_certificates import CA_CERTIFICATES
    from emulator.arm.resource_types.clients import CLIENTS
    from emulator.arm.resource_types.topic_rules import CLIENT_GROUPS, PERMISSION_BINDINGS, TOPIC_SPACES

    kinds = (CA_CERTIFICATES, CLIENTS, CLIENT_GROUPS, TOPIC_SPACES, PERMISSION_BINDINGS)
    return {kind.segment.casefold(): kind for kind in kinds}


def capacity_of(namespace: Resource) -> int:
    """Throughput units of a namespace."""
    return int((namespace.body.get("sku") or {}).get("capacity") or 1)
