"""Properties that no API version has, but that Microsoft publishes in a quickstart, a routing page or a sample script.

Azure ignores them, so the emulator accepts them with their published values in every version, and returns none of them.

Source: https://learn.microsoft.com/azure/event-grid/mqtt-publish-and-subscribe-cli,
https://learn.microsoft.com/azure/event-grid/mqtt-routing-to-event-hubs-cli and the script az-eg.sh of
https://github.com/Azure-Samples/MqttApplicationSamples
"""

from collections.abc import Mapping
from typing import Any

from emulator.arm.resource_types.fields import Fields

CLOUD_EVENTS = ("CloudEventSchemaV1_0",)
# By the object that holds them: each property with its published values, or None for an object.
PUBLISHED: Mapping[str, Mapping[str, tuple[str, ...] | None]] = {
    "properties": {"inputSchema": CLOUD_EVENTS},
    "topicsConfiguration": {"inputSchema": CLOUD_EVENTS},
    "topicSpacesConfiguration": {"inputSchema": CLOUD_EVENTS},
    "topicSpace": {"subscriptionSupport": ("NotSupported", "LowFanout", "HighFanout")},
    "clientCertificateAuthentication": {"certificateSubject": None},
}


def without_published(fields: Fields, holder: str) -> Fields:
    """Return an object without these properties. Raise `ArmError` (400) for one with another value."""
    known = PUBLISHED[holder]
    if not known.keys() & fields.members.keys():
        return fields
    for name, values in known.items():
        if values is None:
            fields.object(name)
        else:
            fields.choice(name, values, None)
    return fields.without(known)


def with_current_names(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the properties of a namespace with `webhookAuthentication`, which the documentation spells in two ways.

    Source: https://learn.microsoft.com/azure/event-grid/authenticate-with-namespaces-using-webhook-authentication
    """
    configuration = properties.get("topicSpacesConfiguration")
    if not isinstance(configuration, dict):
        return properties
    authentication = configuration.get("clientAuthentication")
    if not isinstance(authentication, dict) or "webHookAuthentication" not in authentication:
        return properties
    renamed = {name: value for name, value in authentication.items() if name != "webHookAuthentication"}
    renamed["webhookAuthentication"] = authentication["webHookAuthentication"]
    return {**properties, "topicSpacesConfiguration": {**configuration, "clientAuthentication": renamed}}
