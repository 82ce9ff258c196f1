"""The `topicSpacesConfiguration` of a namespace: its MQTT broker.

Source: https://learn.microsoft.com/azure/templates/microsoft.eventgrid/namespaces#topicspacesconfiguration
"""

import re
from collections.abc import Mapping
from typing import Any

from emulator.arm.resource_types.fields import Fields
from emulator.arm.resource_types.published import without_published
from emulator.arm.resource_types.webhook_authentication import check_webhook_authentication

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


def check_topic_spaces_configuration(
    fields: Fields, name: str, location: str, identity: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    """Validate the configuration and fill in Azure's defaults; None if there is none. Raise `ArmError` (400).

    `identity` is the namespace's managed identity, None for none. The host name is null while the MQTT broker is
    disabled, and members without a value are left out: recorded traffic.
    """
    configuration = fields.object("topicSpacesConfiguration")
    if configuration is None:
        return None
    configuration = without_published(configuration.without(READ_ONLY), "topicSpacesConfiguration")
    configuration.require_known(MEMBERS)
    state = configuration.choice("state", ("Disabled", "Enabled"), "Disabled")
    checked: dict[str, Any] = {
        "routeTopicResourceId": _route(configuration),
        "routingEnrichments": _enrichments(configuration),
        "routingIdentityInfo": _routing_identity(configuration),
        "maximumSessionExpiryInHours": configuration.integer("maximumSessionExpiryInHours", 1, 8, 1),
        "maximumClientSessionsPerAuthenticationName": configuration.integer(
            "maximumClientSessionsPerAuthenticationName", 1, 100, 1
        ),
        "clientAuthentication": _client_authentication(configuration, identity),
        "customDomains": check_custom_domains(configuration),
    }
    return {
        "state": state,
        "hostname": mqtt_hostname(name, location) if state == "Enabled" else None,
        **{key: value for key, value in checked.items() if value is not None},
    }


def _client_authentication(configuration: Fields, identity: Mapping[str, Any] | None) -> dict[str, Any] | None:
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
    # Tokens are stored unchanged: the emulator authenticates by certificate and by webhook.
    checked: dict[str, Any] = {}
    if authentication.members.get("alternativeAuthenticationNameSources") is not None:
        checked["alternativeAuthenticationNameSources"] = given
    if (jwt := authentication.object("customJwtAuthentication")) is not None:
        checked["customJwtAuthentication"] = {**jwt.members, **_issuer_certificates(jwt)}
    return checked | check_webhook_authentication(authentication, identity)


def _issuer_certificates(jwt: Fields) -> dict[str, Any]:
    found = jwt.objects("issuerCertificates")
    return {"issuerCertificates": [{**each.members, **_identity(each)} for each in found]} if found else {}


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
    checked = {
        "static": [
            {**each.members, "valueType": each.choice("valueType", ("String",), "String")}
            for each in _keyed(enrichments, "static")
        ],
        "dynamic": [dict(each.members) for each in _keyed(enrichments, "dynamic")],
    }
    count = sum(len(each) for each in checked.values())
    if count > MAX_ENRICHMENTS:
        raise configuration.error(
            "routingEnrichments", f"There are {count} routing enrichments; at most {MAX_ENRICHMENTS} are allowed."
        )
    return checked


def _keyed(enrichments: Fields, part: str) -> list[Fields]:
    found = enrichments.objects(part)
    for each in found:
        if each.text("key") is None or each.text("value") is None:
            raise enrichments.error(part, f"Each {part} routing enrichment needs a 'key' and a 'value'.")
    return found


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
    checked = []
    for domain in configuration.objects("customDomains"):
        if not domain.text("fullyQualifiedDomainName"):
            raise configuration.error("customDomains", "Each custom domain needs a 'fullyQualifiedDomainName'.")
        checked.append({**domain.without(READ_ONLY).members, **_identity(domain), "validationState": "Pending"})
    return checked or None


def _identity(holder: Fields) -> dict[str, Any]:
    """Return the member `identity` of a custom domain or an authentication method, its type as Azure spells it."""
    identity = holder.object("identity")
    if identity is None:
        return {}
    kind = identity.choice("type", ("SystemAssigned", "UserAssigned"), None)
    return {"identity": {**identity.members, **({"type": kind} if kind else {})}}
