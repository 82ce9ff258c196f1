"""The `topicSpacesConfiguration` of a namespace: its MQTT broker.

Source: https://learn.microsoft.com/azure/templates/microsoft.eventgrid/namespaces#topicspacesconfiguration
"""

import re
from typing import Any

from emulator.arm.resource_types.fields import Fields

MEMBERS = (
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
TOPIC_ID = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.EventGrid/(topics/[^/]+|namespaces/[^/]+/topics/[^/]+)",
    re.IGNORECASE,
)
MAX_ENRICHMENTS = 50
READ_ONLY = ("hostname", "validationState", "expectedTxtRecordName", "expectedTxtRecordValue")


def mqtt_hostname(name: str, location: str) -> str:
    """Return the MQTT host name: Azure's form, but below `.localhost` so that it never reaches Azure by mistake."""
    return f"{name.lower()}.{location}-1.ts.eventgrid.localhost"


def check_topic_spaces_configuration(fields: Fields, name: str, location: str) -> dict[str, Any]:
    """Validate the configuration and fill in Azure's defaults. Raise `ArmError` (400)."""
    configuration = fields.object("topicSpacesConfiguration") or Fields({}, fields.at("topicSpacesConfiguration"))
    configuration = configuration.without(READ_ONLY)
    configuration.require_known(MEMBERS)
    checked: dict[str, Any] = {
        "state": configuration.choice("state", ("Disabled", "Enabled"), "Disabled"),
        "hostname": mqtt_hostname(name, location),
        "routeTopicResourceId": _route(configuration),
        "routingEnrichments": _enrichments(configuration),
        "routingIdentityInfo": _routing_identity(configuration),
        "maximumSessionExpiryInHours": configuration.integer("maximumSessionExpiryInHours", 1, 8, 1),
        "maximumClientSessionsPerAuthenticationName": configuration.integer(
            "maximumClientSessionsPerAuthenticationName", 1, 100, 1
        ),
        "clientAuthentication": _client_authentication(configuration),
        "customDomains": check_custom_domains(configuration),
    }
    return {key: value for key, value in checked.items() if value is not None or key == "routeTopicResourceId"}


def _client_authentication(configuration: Fields) -> dict[str, Any] | None:
    authentication = configuration.object("clientAuthentication")
    if authentication is None:
        return None
    authentication.require_known(
        ("alternativeAuthenticationNameSources", "customJwtAuthentication", "webhookAuthentication")
    )
    given = authentication.choices("alternativeAuthenticationNameSources", NAME_SOURCES)
    if len(set(given)) != len(given):
        raise authentication.error(
            "alternativeAuthenticationNameSources", "Each source of authentication names can be listed once."
        )
    # Tokens and webhooks are stored unchanged: the emulator authenticates by certificate.
    others = {
        part: found.members
        for part in ("customJwtAuthentication", "webhookAuthentication")
        if (found := authentication.object(part)) is not None
    }
    return {"alternativeAuthenticationNameSources": given, **others}


def _route(configuration: Fields) -> str | None:
    topic = configuration.text("routeTopicResourceId")
    if topic and not TOPIC_ID.fullmatch(topic):
        raise configuration.error(
            "routeTopicResourceId",
            f"'{topic[:200]}' is not the id of an Event Grid topic or namespace topic:"
            " /subscriptions/…/resourceGroups/…/providers/Microsoft.EventGrid/topics/….",
        )
    return topic or None


def _enrichments(configuration: Fields) -> dict[str, Any] | None:
    enrichments = configuration.object("routingEnrichments")
    if enrichments is None:
        return None
    enrichments.require_known(("static", "dynamic"))
    checked = {"static": _keyed(enrichments, "static"), "dynamic": _keyed(enrichments, "dynamic")}
    for each in checked["static"]:
        if each.setdefault("valueType", "String") != "String":
            raise enrichments.error("static", "'valueType' of a static enrichment can only be 'String'.")
    count = sum(len(each) for each in checked.values())
    if count > MAX_ENRICHMENTS:
        raise configuration.error(
            "routingEnrichments", f"There are {count} routing enrichments; at most {MAX_ENRICHMENTS} are allowed."
        )
    return checked


def _keyed(enrichments: Fields, part: str) -> list[dict[str, Any]]:
    for each in enrichments.array(part):
        if not isinstance(each, dict) or not all(isinstance(each.get(name), str) for name in ("key", "value")):
            raise enrichments.error(part, f"Each {part} routing enrichment needs a 'key' and a 'value'.")
    return [dict(each) for each in enrichments.array(part)]


def _routing_identity(configuration: Fields) -> dict[str, Any] | None:
    identity = configuration.object("routingIdentityInfo")
    if identity is None:
        return None
    identity.require_known(("type", "userAssignedIdentity"))
    kind = identity.choice("type", ("None", "SystemAssigned", "UserAssigned"), "None")
    user_assigned = identity.text("userAssignedIdentity")
    if (kind == "UserAssigned") is not bool(user_assigned):
        raise identity.error(
            "userAssignedIdentity",
            "'userAssignedIdentity' is required for the type 'UserAssigned', and not allowed for others.",
        )
    return {"type": kind, "userAssignedIdentity": user_assigned}


def check_custom_domains(configuration: Fields) -> list[dict[str, Any]] | None:
    """Return the custom domains, or None. They stay Pending, since the emulator does not query DNS."""
    domains = configuration.array("customDomains")
    checked = []
    for domain in domains:
        name = domain.get("fullyQualifiedDomainName") if isinstance(domain, dict) else None
        if not isinstance(name, str) or not name:
            raise configuration.error("customDomains", "Each custom domain needs a 'fullyQualifiedDomainName'.")
        writable = {key: value for key, value in domain.items() if key not in READ_ONLY}
        checked.append({**writable, "validationState": "Pending"})
    return checked or None
