"""What a namespace consists of, as the resources that create it again. Only what the person sees is among them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.conf import settings

from namespaces.models import PREVIEW, Namespace, NamespaceConfiguration, PermissionBinding
from sync.models import SyncedModel
from sync.push.delivery import overlay

PROVIDER = "Microsoft.EventGrid/namespaces"
# In this order: what others name comes first.
MODELS = (
    "certificates.CACertificate",
    "namespaces.Client",
    "namespaces.ClientGroup",
    "namespaces.TopicSpace",
    "namespaces.PermissionBinding",
)
# What Azure writes itself, or what belongs to the old namespace only.
_OF_AZURE = frozenset({"provisioningState", "privateEndpointConnections"})
_OF_AZURE_IN_PARTS = frozenset({"hostname"})
NAMED = frozenset({"clientGroups", "topicSpaces"})  # by permission bindings
_AT_ONCE = 500


@dataclass(frozen=True)
class Part:
    """One resource. `kind` is its segment in an id, "" for the namespace; `needs` are the parts that must exist before it.

    `envelope` has what is beside the properties: the location, tags, SKU and identity of a namespace.
    """

    kind: str
    name: str
    api_version: str
    properties: Mapping[str, Any]
    envelope: Mapping[str, Any]
    needs: tuple[tuple[str, str], ...] = ()  # kind and name

    @property
    def type(self) -> str:
        return f"{PROVIDER}/{self.kind}" if self.kind else PROVIDER

    @property
    def key(self) -> tuple[str, str]:
        return (self.kind, self.name.lower())


def parts_of(namespace: Namespace) -> Iterator[Part]:
    """Yield the namespace and the resources in it that the person sees, as the portal wants them.

    Not those being deleted, and not a CA certificate that waits for its proof of possession: it would be trusted without.
    """
    yield namespace_part(namespace)
    names: dict[tuple[str, str], str] = {}
    for label in MODELS:
        model: type[SyncedModel] = apps.get_model(label)  # CA certificates are of an app above
        rows: Any = model.visible_to(namespace.sight).present().filter(namespace=namespace.pk)
        for row in rows.order_by("name").iterator(_AT_ONCE):
            row.namespace = namespace
            if row.is_held_back:
                continue
            version = str(settings.ARM_API_VERSIONS[row.arm_type])
            part = Part(row.arm_type, row.name, version, overlay(row, row.base), {}, _needs(row, names))
            if part.kind in NAMED:
                names[part.key] = part.name
            yield part


def count_parts(namespace: Namespace) -> dict[str, int]:
    """Return the number of resources of each type that the files have, by the type's plural."""
    found = {}
    for label in MODELS:
        model: Any = apps.get_model(label)
        name = str(model._meta.verbose_name)
        found[f"{name}s"] = model.visible_to(namespace.sight).present().filter(namespace=namespace.pk).count()
        if label == MODELS[0]:
            found[f"{name}s"] -= len(held_back(namespace))
    return found


def held_back(namespace: Namespace) -> list[str]:
    """Return the names of the CA certificates that the person sees and that wait for their proof of possession."""
    model: Any = apps.get_model(MODELS[0])
    rows = model.visible_to(namespace.sight).present().filter(namespace=namespace.pk)
    return [row.name for row in rows.select_related("namespace").order_by("name") if row.is_held_back]


def _needs(row: Any, names: Mapping[tuple[str, str], str]) -> tuple[tuple[str, str], ...]:
    """Return what a binding names, as it is spelt there; not the group of all clients, which is built in."""
    if not isinstance(row, PermissionBinding):
        return ()
    named = (("clientGroups", row.client_group_name.lower()), ("topicSpaces", row.topic_space_name.lower()))
    return tuple((key[0], names[key]) for key in named if key in names)


def namespace_part(namespace: Namespace) -> Part:
    """Return the namespace itself, with everything that Azure holds of it and the settings that the portal wants."""
    seen: Any = NamespaceConfiguration.visible_to(namespace.sight)
    configuration: NamespaceConfiguration | None = seen.filter(namespace=namespace.pk).first()
    held = (configuration.base if configuration is not None else None) or namespace.resource or {}
    properties = {key: value for key, value in (held.get("properties") or {}).items() if key not in _OF_AZURE}
    parts = {key: _without_written(value) for key, value in properties.items() if value is not None}
    broker = dict(parts.get("topicSpacesConfiguration") or {})
    if configuration is not None:
        broker |= configuration.body()["topicSpacesConfiguration"]
    authentication = {key: value for key, value in (broker.pop("clientAuthentication", None) or {}).items() if value}
    if authentication:
        broker["clientAuthentication"] = authentication
    if broker:
        parts["topicSpacesConfiguration"] = broker
    envelope = {"location": namespace.location, **_envelope(held)}
    version = PREVIEW if authentication else str(settings.ARM_API_VERSIONS["namespaces"])
    return Part("", namespace.name, version, parts, envelope)


def _without_written(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {key: each for key, each in value.items() if key not in _OF_AZURE_IN_PARTS and each is not None}


def _envelope(held: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: held[key] for key in ("sku", "tags") if held.get(key)}
    identity = held.get("identity") or {}
    if identity.get("type", "None") != "None":
        users: dict[str, Any] = {user_id: {} for user_id in identity.get("userAssignedIdentities") or {}}
        found["identity"] = {"type": identity["type"], **({"userAssignedIdentities": users} if users else {})}
    return found
