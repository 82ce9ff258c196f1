"""`Microsoft.EventGrid/namespaces`: what a PUT or PATCH may say, and what ARM answers."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from emulator.arm.errors import ArmError, conflict, invalid
from emulator.arm.fields import Fields
from emulator.store import Resource

ENVELOPE = ("location", "tags", "sku", "identity", "properties")
PROPERTIES = (
    "inboundIpRules",
    "isZoneRedundant",
    "minimumTlsVersionAllowed",
    "publicNetworkAccess",
    "topicSpacesConfiguration",
    "topicsConfiguration",
)
READ_ONLY = ("provisioningState", "privateEndpointConnections", "hostname")
TOPIC_SPACES = (
    "clientAuthentication",
    "customDomains",
    "maximumClientSessionsPerAuthenticationName",
    "maximumSessionExpiryInHours",
    "routeTopicResourceId",
    "routingEnrichments",
    "routingIdentityInfo",
    "state",
)
NAME_SOURCES = (
    "ClientCertificateSubject",
    "ClientCertificateDns",
    "ClientCertificateUri",
    "ClientCertificateIp",
    "ClientCertificateEmail",
)
MOST_UNITS = 40
MOST_IP_RULES = 16
LOCATION = re.compile(r"[a-z0-9]{2,40}", re.ASCII)


def without_read_only(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if name not in READ_ONLY}


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


def _name_sources(configuration: Fields) -> dict[str, Any] | None:
    authentication = configuration.object("clientAuthentication")
    if authentication is None:
        return None
    sources = authentication.texts("alternativeAuthenticationNameSources")
    for source in sources:
        if source not in NAME_SOURCES:
            raise authentication.refuse(
                "alternativeAuthenticationNameSources",
                f"'{source[:100]}' is not a source of authentication names. Use: {', '.join(NAME_SOURCES)}.",
            )
    if len(set(sources)) != len(sources):
        raise authentication.refuse(
            "alternativeAuthenticationNameSources", "A source of authentication names is given twice."
        )
    return {**authentication.members, "alternativeAuthenticationNameSources": sources}


def hostname_of(name: str, location: str) -> str:
    """The namespace's MQTT host name: Azure's form under `.localhost`, which can never reach Azure by mistake."""
    return f"{name.lower()}.{location}-1.ts.eventgrid.localhost"


def _topic_spaces(fields: Fields, name: str, location: str) -> dict[str, Any]:
    configuration = fields.object("topicSpacesConfiguration")
    if configuration is None:
        configuration = Fields({}, fields.at("topicSpacesConfiguration"))
    configuration = Fields(without_read_only(configuration.members), configuration.path)
    configuration.require_known(TOPIC_SPACES)
    checked: dict[str, Any] = {
        "state": configuration.choice("state", ("Disabled", "Enabled"), "Disabled"),
        "hostname": hostname_of(name, location),
        "routeTopicResourceId": configuration.text("routeTopicResourceId"),
        "maximumSessionExpiryInHours": configuration.integer("maximumSessionExpiryInHours", 1, 8, 1),
        "maximumClientSessionsPerAuthenticationName": configuration.integer(
            "maximumClientSessionsPerAuthenticationName", 1, 100, 1
        ),
        "clientAuthentication": _name_sources(configuration),
        "customDomains": configuration.array("customDomains") or None,
    }
    for part in ("routingEnrichments", "routingIdentityInfo"):
        found = configuration.object(part)
        checked[part] = found.members if found else None
    return {key: value for key, value in checked.items() if value is not None or key == "routeTopicResourceId"}


def check_namespace(
    members: Mapping[str, Any], *, resource_id: str, name: str, existing: Resource | None, is_preview: bool
) -> Resource:
    """The namespace that a full body asks for. Raises `ArmError`.

    `clientAuthentication` is known to preview API versions only: without one, what is stored stays as it is.
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
    given = fields.object("properties") or Fields({}, "properties")
    properties = Fields(without_read_only(given.members), given.path)
    properties.require_known(PROPERTIES)
    zone_redundant = properties.boolean("isZoneRedundant", None)
    if existing is not None and zone_redundant not in (None, existing.properties["isZoneRedundant"]):
        raise conflict("'isZoneRedundant' cannot be changed.", "properties.isZoneRedundant")
    tls = properties.text("minimumTlsVersionAllowed")
    if tls not in (None, "1.2"):
        raise invalid("'minimumTlsVersionAllowed' can only be '1.2'.", "properties.minimumTlsVersionAllowed")
    topics = properties.object("topicsConfiguration")
    custom_domains = (
        {"customDomains": topics.array("customDomains")} if topics and topics.array("customDomains") else {}
    )
    body = {
        "sku": _sku(fields),
        "location": location,
        "tags": check_tags(fields),
        "identity": identity.members if (identity := fields.object("identity")) else {"type": "None"},
        "properties": {
            "provisioningState": "Succeeded",
            "topicsConfiguration": {
                "hostname": f"{name.lower()}.{location}-1.eventgrid.localhost",
                **custom_domains,
            },
            "topicSpacesConfiguration": _topic_spaces(properties, name, location),
            "isZoneRedundant": existing.properties["isZoneRedundant"] if existing else bool(zone_redundant),
            "publicNetworkAccess": properties.choice("publicNetworkAccess", ("Enabled", "Disabled"), "Enabled"),
            "inboundIpRules": _ip_rules(properties),
            "minimumTlsVersionAllowed": "1.2",
        },
    }
    if not is_preview:
        _keep_preview_part(body, existing)
    return Resource(resource_id, "Microsoft.EventGrid/namespaces", name, body)


def _keep_preview_part(body: dict[str, Any], existing: Resource | None) -> None:
    configuration = body["properties"]["topicSpacesConfiguration"]
    configuration.pop("clientAuthentication", None)
    kept = existing.properties["topicSpacesConfiguration"].get("clientAuthentication") if existing else None
    if kept is not None:
        configuration["clientAuthentication"] = kept


def merged(existing: Resource, patch: Mapping[str, Any]) -> dict[str, Any]:
    """The full body that a PATCH asks for: `tags`, `sku` and `identity` whole, `properties` member by member."""
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


def shown(namespace: Resource, *, is_preview: bool) -> Resource:
    """The namespace as this API version shows it."""
    configuration = namespace.properties["topicSpacesConfiguration"]
    if is_preview or "clientAuthentication" not in configuration:
        return namespace
    trimmed = {key: value for key, value in configuration.items() if key != "clientAuthentication"}
    properties = {**namespace.properties, "topicSpacesConfiguration": trimmed}
    return replace(namespace, body={**namespace.body, "properties": properties})
