"""The type `Microsoft.EventGrid/namespaces`.

Source: https://learn.microsoft.com/azure/templates/microsoft.eventgrid/namespaces
"""

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from emulator.arm.requests.errors import ArmError, conflict, invalid
from emulator.arm.resource_types.api_versions import carry_over_unknown, reject_unknown
from emulator.arm.resource_types.fields import Fields
from emulator.arm.resource_types.published import with_current_names, without_published
from emulator.arm.resource_types.topic_spaces_configuration import (
    check_custom_domains,
    check_topic_spaces_configuration,
)
from emulator.storage.resources import NAMESPACE, Resource
from emulator.token_issuer import application_id, derived_id

ENVELOPE = ("location", "tags", "sku", "identity", "properties")
PROPERTIES = (
    "inboundIpRules",
    "isZoneRedundant",
    "minimumTlsVersionAllowed",
    "publicNetworkAccess",
    "topicSpacesConfiguration",
    "topicsConfiguration",
)
READ_ONLY = ("provisioningState", "privateEndpointConnections")
IDENTITY_TYPES = ("None", "SystemAssigned", "UserAssigned", "SystemAssigned, UserAssigned")
RESOURCE_ID = re.compile(r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers(/[^/]+){3,}", re.IGNORECASE)
MAX_THROUGHPUT_UNITS = 40
MAX_IP_RULES = 16
LOCATION = re.compile(r"[a-z0-9]{2,40}", re.ASCII)


def normalize_location(text: object) -> str:
    """Return Azure's short form: "West US 2" is "westus2". Raise `ArmError` (400)."""
    location = text.replace(" ", "").lower() if isinstance(text, str) else ""
    if not location:
        raise ArmError(400, "LocationRequired", "The location property is required for this definition.")
    if not LOCATION.fullmatch(location):
        raise ArmError(400, "LocationNotAvailableForResourceType", f"'{location[:100]}' is not a location.")
    return location


def check_tags(fields: Fields) -> dict[str, str] | None:
    """Return the tags of a resource; None if they are not given. Raise `ArmError` (400)."""
    tags = fields.object("tags")
    if tags is None:
        return None
    if len(tags.members) > 50 or not all(isinstance(value, str) for value in tags.members.values()):
        raise fields.error("tags", "'tags' must have at most 50 members, each a string.")
    return dict(tags.members)


def _sku(fields: Fields) -> dict[str, Any]:
    sku = fields.object("sku")
    if sku is None:
        return {"name": "Standard", "capacity": 1}
    return {
        "name": sku.choice("name", ("Standard",), "Standard"),
        "capacity": sku.integer("capacity", 1, MAX_THROUGHPUT_UNITS, 1),
    }


def _ip_rules(fields: Fields) -> list[dict[str, str]] | None:
    """Return the inbound IP rules; None if they are not given."""
    if fields.members.get("inboundIpRules") is None:
        return None
    rules = fields.objects("inboundIpRules")
    if len(rules) > MAX_IP_RULES:
        raise fields.error("inboundIpRules", f"A namespace has at most {MAX_IP_RULES} inbound IP rules.")
    checked = []
    for rule in rules:
        mask = rule.text("ipMask") or ""
        try:
            ipaddress.ip_network(mask, strict=False)
        except ValueError as error:
            raise fields.error(
                "inboundIpRules", "Each inbound IP rule needs an 'ipMask' such as '10.0.0.0/8'."
            ) from error
        checked.append({"ipMask": mask, "action": rule.choice("action", ("Allow",), "Allow") or "Allow"})
    return checked


def _identity(fields: Fields, resource_id: str, tenant: str) -> dict[str, Any] | None:
    """Return the managed identity; None for none. Its ids are derived from the resource id, so they do not change."""
    identity = fields.object("identity")
    if identity is None:
        return None
    kind = identity.choice("type", IDENTITY_TYPES, "None") or "None"
    checked: dict[str, Any] = {"type": kind}
    if "SystemAssigned" in kind:
        checked |= {"principalId": derived_id(resource_id), "tenantId": tenant}
    given = identity.object("userAssignedIdentities")
    if (given is not None and bool(given.members)) is not ("UserAssigned" in kind):
        raise identity.error(
            "userAssignedIdentities",
            "'userAssignedIdentities' is required for the type 'UserAssigned', and not allowed for others.",
        )
    if given is not None and given.members:
        for each in given.members:
            if not RESOURCE_ID.fullmatch(each):
                raise identity.error("userAssignedIdentities", f"'{each[:200]}' is not the id of an identity.")
        checked["userAssignedIdentities"] = {
            each: {"principalId": derived_id(each), "clientId": application_id(each)} for each in given.members
        }
    return None if kind == "None" else checked


def check_namespace(
    members: Mapping[str, Any], *, resource_id: str, name: str, existing: Resource | None, version: str, tenant: str
) -> Resource:
    """Validate the full body of a namespace and fill in Azure's defaults. `tenant` is that of its subscription.

    Raise `ArmError`: 400, or 409 for a change of `location` or `isZoneRedundant`.
    """
    fields = Fields({key: value for key, value in members.items() if key in ENVELOPE}, "")
    location = normalize_location(members.get("location"))
    if existing is not None and existing.body["location"] != location:
        raise ArmError(
            409,
            "InvalidResourceLocation",
            f"The namespace '{name}' already exists in location '{existing.body['location']}'; it cannot be created in"
            f" location '{location}'.",
        )
    given = (fields.object("properties") or Fields({}, "properties")).without(READ_ONLY)
    given = without_published(Fields(with_current_names(given.members), given.path), "properties")
    given.require_known(PROPERTIES)
    reject_unknown(NAMESPACE, given.members, version)
    properties = Fields(carry_over_unknown(NAMESPACE, given.members, existing, version), "properties")
    identity = _identity(fields, resource_id, tenant)
    configuration = check_topic_spaces_configuration(properties, name, location, identity)
    checked: dict[str, Any] = {
        "provisioningState": "Succeeded",
        "topicsConfiguration": _topics(properties, name, location),
        **({} if configuration is None else {"topicSpacesConfiguration": configuration}),
        "isZoneRedundant": _zone_redundancy(properties, existing),
        "publicNetworkAccess": _public_network_access(properties, existing, version),
        "inboundIpRules": _ip_rules(properties),
        "minimumTlsVersionAllowed": _minimum_tls_version(properties),
    }
    body = {
        "sku": _sku(fields),
        **({} if identity is None else {"identity": identity}),
        "location": location,
        "tags": check_tags(fields),
        "properties": checked,
    }
    return Resource(resource_id, NAMESPACE, name, body)


def _zone_redundancy(properties: Fields, existing: Resource | None) -> bool:
    """Return whether the namespace is zone redundant: yes by default, in recorded traffic."""
    given = properties.boolean("isZoneRedundant", None)
    if existing is None:
        return given is not False
    kept = bool(existing.properties["isZoneRedundant"])
    if given not in (None, kept):
        raise conflict("'isZoneRedundant' cannot be changed.", "properties.isZoneRedundant")
    return kept


def _minimum_tls_version(properties: Fields) -> str:
    if properties.text("minimumTlsVersionAllowed") not in (None, "1.2"):
        raise invalid("'minimumTlsVersionAllowed' can only be '1.2'.", "properties.minimumTlsVersionAllowed")
    return "1.2"


def _public_network_access(properties: Fields, existing: Resource | None, version: str) -> str | None:
    has_perimeter = version.endswith("-preview") and version >= "2023-12-15"
    values = ["Enabled", "Disabled", *(["SecuredByPerimeter"] if has_perimeter else [])]
    if existing is not None:  # the stored value can be one that only other versions accept
        values.append(existing.properties["publicNetworkAccess"])
    return properties.choice("publicNetworkAccess", tuple(values), "Enabled")


def _topics(properties: Fields, name: str, location: str) -> dict[str, Any]:
    """Return `topicsConfiguration`: the host to which events are published, which the emulator does not offer."""
    topics = properties.object("topicsConfiguration") or Fields({}, "properties.topicsConfiguration")
    topics = without_published(topics.without(("hostname",)), "topicsConfiguration")
    topics.require_known(("customDomains",))
    domains = check_custom_domains(topics)
    hostname = f"{name.lower()}.{location}-1.eventgrid.localhost"
    return {"hostname": hostname, **({"customDomains": domains} if domains else {})}


def apply_patch(existing: Resource, patch: Mapping[str, Any]) -> dict[str, Any]:
    """Return the full body after a PATCH, which replaces `tags` and `identity`, and merges `sku` and `properties`.

    Raise `ArmError`: 400, or 409 for another location.
    """
    for part in patch:
        if part == "location" and normalize_location(patch[part]) != existing.body["location"]:
            raise conflict("'location' cannot be changed.", "location")
    body = {key: value for key, value in existing.body.items() if key in ENVELOPE}
    for part in ("tags", "sku", "identity"):
        if part in patch:
            body[part] = (
                {**body["sku"], **patch[part]} if part == "sku" and isinstance(patch[part], dict) else patch[part]
            )
    body["properties"] = _merged_members(existing.properties, patch.get("properties") or {})
    return body


def _merged_members(old: Mapping[str, Any], new: Any) -> dict[str, Any]:
    if not isinstance(new, dict):
        raise invalid("'properties' must be an object.", "properties")
    result = dict(old)
    for key, value in new.items():
        before = old.get(key)
        result[key] = _merged_members(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return result
