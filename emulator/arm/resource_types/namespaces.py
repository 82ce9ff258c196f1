"""`Microsoft.EventGrid/namespaces`: what a PUT or PATCH may say, and what ARM answers."""

import ipaddress
import re
import uuid
from collections.abc import Mapping
from typing import Any

from emulator.arm.requests.errors import ArmError, conflict, invalid
from emulator.arm.resource_types.api_versions import keep_unknown, refuse_unknown
from emulator.arm.resource_types.fields import Fields
from emulator.arm.resource_types.topic_spaces_configuration import check_custom_domains, check_topic_spaces
from emulator.storage.resources import NAMESPACE, Resource

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
MOST_UNITS = 40
MOST_IP_RULES = 16
LOCATION = re.compile(r"[a-z0-9]{2,40}", re.ASCII)


def normalize_location(text: object) -> str:
    """Azure's short form: "West US 2" is "westus2"."""
    location = text.replace(" ", "").lower() if isinstance(text, str) else ""
    if not location:
        raise ArmError(400, "LocationRequired", "The location property is required for this definition.")
    if not LOCATION.fullmatch(location):
        raise ArmError(400, "LocationNotAvailableForResourceType", f"'{location[:100]}' is not a location.")
    return location


def check_tags(fields: Fields) -> dict[str, str]:
    tags = fields.object("tags")
    if tags is None:
        return {}
    if len(tags.members) > 50 or not all(isinstance(value, str) for value in tags.members.values()):
        raise fields.refuse("tags", "'tags' must be at most 50 names with a string each.")
    return dict(tags.members)


def _sku(fields: Fields) -> dict[str, Any]:
    sku = fields.object("sku")
    if sku is None:
        return {"name": "Standard", "capacity": 1}
    return {
        "name": sku.choice("name", ("Standard",), "Standard"),
        "capacity": sku.integer("capacity", 1, MOST_UNITS, 1),
    }


def _ip_rules(fields: Fields) -> list[dict[str, str]]:
    rules = fields.array("inboundIpRules")
    if len(rules) > MOST_IP_RULES:
        raise fields.refuse("inboundIpRules", f"A namespace has at most {MOST_IP_RULES} inbound IP rules.")
    for rule in rules:
        try:
            ipaddress.ip_network(rule["ipMask"], strict=False)
        except (KeyError, TypeError, ValueError) as error:
            raise fields.refuse(
                "inboundIpRules", "Each inbound IP rule needs an 'ipMask' such as '10.0.0.0/8'."
            ) from error
    return [{"ipMask": rule["ipMask"], "action": "Allow"} for rule in rules]


def _identity(fields: Fields, resource_id: str) -> dict[str, Any]:
    """Ids that Azure makes are made from the resource's id here, so that they stay."""
    identity = fields.object("identity")
    if identity is None:
        return {"type": "None"}
    kind = identity.choice("type", IDENTITY_TYPES, "None") or "None"
    checked: dict[str, Any] = {"type": kind}
    if "SystemAssigned" in kind:
        checked |= {"principalId": _made_id(resource_id), "tenantId": _made_id("tenant")}
    given = identity.object("userAssignedIdentities")
    if (given is not None and bool(given.members)) is not ("UserAssigned" in kind):
        raise identity.refuse(
            "userAssignedIdentities", "'userAssignedIdentities' belongs to the type 'UserAssigned', which needs it."
        )
    if given is not None and given.members:
        for each in given.members:
            if not RESOURCE_ID.fullmatch(each):
                raise identity.refuse("userAssignedIdentities", f"'{each[:200]}' is not the id of an identity.")
        checked["userAssignedIdentities"] = {
            each: {"principalId": _made_id(each), "clientId": _made_id(each + " client")} for each in given.members
        }
    return checked


def _made_id(text: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, text.casefold()))


def check_namespace(
    members: Mapping[str, Any], *, resource_id: str, name: str, existing: Resource | None, version: str
) -> Resource:
    """The namespace that a full body asks for. Raises `ArmError`."""
    fields = Fields({key: value for key, value in members.items() if key in ENVELOPE}, "")
    location = normalize_location(members.get("location"))
    if existing is not None and existing.body["location"] != location:
        raise ArmError(
            409,
            "InvalidResourceLocation",
            f"The namespace '{name}' already exists in location '{existing.body['location']}'; it cannot be created in"
            f" location '{location}'.",
        )
    given = fields.object("properties") or Fields({}, "properties")
    properties = given.without(READ_ONLY)
    properties.require_known(PROPERTIES)
    refuse_unknown(NAMESPACE, properties.members, version)
    zone_redundant = properties.boolean("isZoneRedundant", None)
    if existing is not None and zone_redundant not in (None, existing.properties["isZoneRedundant"]):
        raise conflict("'isZoneRedundant' cannot be changed.", "properties.isZoneRedundant")
    tls = properties.text("minimumTlsVersionAllowed")
    if tls not in (None, "1.2"):
        raise invalid("'minimumTlsVersionAllowed' can only be '1.2'.", "properties.minimumTlsVersionAllowed")
    access = ["Enabled", "Disabled", *(["SecuredByPerimeter"] if version.endswith("-preview") else [])]
    if existing is not None:  # a version that does not know the value that is there leaves it
        access.append(existing.properties["publicNetworkAccess"])
    checked: dict[str, Any] = {
        "provisioningState": "Succeeded",
        "topicsConfiguration": _topics(properties, name, location),
        "topicSpacesConfiguration": check_topic_spaces(properties, name, location),
        "isZoneRedundant": existing.properties["isZoneRedundant"] if existing else bool(zone_redundant),
        "publicNetworkAccess": properties.choice("publicNetworkAccess", tuple(access), "Enabled"),
        "inboundIpRules": _ip_rules(properties),
        "minimumTlsVersionAllowed": "1.2",
        "privateEndpointConnections": [],
    }
    keep_unknown(NAMESPACE, checked, existing, version)
    body = {
        "sku": _sku(fields),
        "location": location,
        "tags": check_tags(fields),
        "identity": _identity(fields, resource_id),
        "properties": checked,
    }
    return Resource(resource_id, NAMESPACE, name, body)


def _topics(properties: Fields, name: str, location: str) -> dict[str, Any]:
    """Namespace topics (pull delivery) are not emulated; their configuration is kept."""
    topics = (properties.object("topicsConfiguration") or Fields({}, "properties.topicsConfiguration")).without(
        ("hostname",)
    )
    topics.require_known(("customDomains",))
    domains = check_custom_domains(topics)
    hostname = f"{name.lower()}.{location}-1.eventgrid.localhost"
    return {"hostname": hostname, **({"customDomains": domains} if domains else {})}


def merged(existing: Resource, patch: Mapping[str, Any]) -> dict[str, Any]:
    """The full body that a PATCH asks for: `tags`, `sku` and `identity` whole, `properties` member by member."""
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
