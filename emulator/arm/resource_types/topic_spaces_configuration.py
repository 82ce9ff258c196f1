"""`topicSpacesConfiguration` of a namespace: what MQTT does in it."""

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
MOST_ENRICHMENTS = 50
READ_ONLY = ("hostname", "validationState", "expectedTxtRecordName", "expectedTxtRecordValue")


def hostname_of(name: str, location: str) -> str:
    """The namespace's MQTT host name: Azure's form under `.localhost`, which can never reach Azure by mistake."""
    return f"{name.lower()}.{location}-1.ts.eventgrid.localhost"


def check_topic_spaces(fields: Fields, name: str, location: str) -> dict[str, Any]:
    """The configuration that `fields` asks for, with Azure's defaults. Raises `ArmError`."""
    configuration = fields.object("topicSpacesConfiguration") or Fields({}, fields.at("topicSpacesConfiguration"))
    configuration = configuration.without(READ_ONLY)
    configuration.require_known(MEMBERS)
    checked: dict[str, Any] = {
        "state": configuration.choice("state", ("Disabled", "Enabled"), "Disabled"),
        "hostname": hostname_of(name, location),
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
        raise authentication.refuse(
            "alternativeAuthenticationNameSources", "A source of authentication names is given twice."
        )
    # Tokens and webhooks are kept as they are: this endpoint authenticates by certificate.
    others = {
        part: found.members
        for part in ("customJwtAuthentication", "webhookAuthentication")
        if (found := authentication.object(part)) is not None
    }
    return {"alternativeAuthenticationNameSources": given, **others}


def _route(configuration: Fields) -> str | None:
    topic = configuration.text("routeTopicResourceId")
    if topic and not TOPIC_ID.fullmatch(topic):
        raise configuration.refuse(
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
            raise enrichments.refuse("static", "'valueType' of a static enrichment can only be 'String'.")
    count = sum(len(each) for each in checked.values())
    if count > MOST_ENRICHMENTS:
        raise configuration.refuse(
            "routingEnrichments", f"There are {count} routing enrichments; at most {MOST_ENRICHMENTS} are possible."
        )
    return checked


def _keyed(enrichments: Fields, part: str) -> list[dict[str, Any]]:
    for each in enrichments.array(part):
        if not isinstance(each, dict) or not all(isinstance(each.get(name), str) for name in ("key", "value")):
            raise enrichments.refuse(part, f"Each {part} routing enrichment needs a 'key' and a 'value'.")
    return [dict(each) for each in enrichments.array(part)]


def _routing_identity(configuration: Fields) -> dict[str, Any] | None:
    identity = configuration.object("routingIdentityInfo")
    if identity is None:
        return None
    identity.require_known(("type", "userAssignedIdentity"))
    kind = identity.choice("type", ("None", "SystemAssigned", "UserAssigned"), "None")
    user_assigned = identity.text("userAssignedIdentity")
    if (kind == "UserAssigned") is not bool(user_assigned):
        raise identity.refuse(
            "userAssignedIdentity", "'userAssignedIdentity' belongs to the type 'UserAssigned', which needs it."
        )
    return {"type": kind, "userAssignedIdentity": user_assigned}


def check_custom_domains(configuration: Fields) -> list[dict[str, Any]] | None:
    """Custom domains; they stay Pending, since nothing here looks into DNS. None when there are none."""
    domains = configuration.array("customDomains")
    checked = []
    for domain in domains:
        name = domain.get("fullyQualifiedDomainName") if isinstance(domain, dict) else None
        if not isinstance(name, str) or not name:
            raise configuration.refuse("customDomains", "Each custom domain needs a 'fullyQualifiedDomainName'.")
        writable = {key: value for key, value in domain.items() if key not in READ_ONLY}
        checked.append({**writable, "validationState": "Pending"})
    return checked or None
