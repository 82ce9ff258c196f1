"""The body of an event subscription: checked, with Azure's defaults, and as it is returned.

Source: https://learn.microsoft.com/rest/api/eventgrid/controlplane/event-subscriptions/create-or-update
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from emulator.arm.requests.responses import rendered
from emulator.arm.resource_types.fields import Fields
from emulator.arm.resource_types.names import NameRule
from emulator.events.allowed_urls import AllowedUrls, WebhookUrlError, base_of
from emulator.events.life_cycle import EVENT_TYPES
from emulator.events.subscription import SCHEMAS
from emulator.storage.resources import Resource

NAME = NameRule(r"[a-zA-Z0-9-]*", 3, 64, "letters, digits and hyphens")
WEBHOOK = "WebHook"
MAX_SUBJECT_CHARACTERS = 1_024
MAX_LABELS = 100
# These options change deliveries and are not emulated, so they are rejected.
NOT_EMULATED = ("deadLetterDestination", "deadLetterWithResourceIdentity", "deliveryWithResourceIdentity")
PROPERTIES = (
    "destination",
    "eventDeliverySchema",
    "expirationTimeUtc",
    "filter",
    "labels",
    "retryPolicy",
    "topic",
    *NOT_EMULATED,
)
DESTINATION_NOT_EMULATED = (
    "azureActiveDirectoryApplicationIdOrUri",
    "azureActiveDirectoryTenantId",
    "deliveryAttributeMappings",
)
DESTINATION = (
    "endpointBaseUrl",
    "endpointUrl",
    "maxEventsPerBatch",
    "minimumTlsVersionAllowed",
    "preferredBatchSizeInKilobytes",
    *DESTINATION_NOT_EMULATED,
)
FILTER = (
    "advancedFilters",
    "enableAdvancedFilteringOnArrays",
    "includedEventTypes",
    "isSubjectCaseSensitive",
    "subjectBeginsWith",
    "subjectEndsWith",
)


def checked_properties(fields: Fields, namespace_id: str, allowed: AllowedUrls, known_url: str) -> dict[str, Any]:
    """Return the properties to store. `known_url` is used where a client sends back what it has read.

    Raise `ArmError` (400), also for what would change deliveries and is not emulated.
    """
    fields.require_known(PROPERTIES)
    _reject(fields, NOT_EMULATED)
    return {
        "topic": namespace_id,
        "destination": _destination(fields, allowed, known_url),
        "filter": _filter(fields.object("filter") or Fields({}, fields.at("filter"))),
        "labels": _labels(fields),
        **_expiration(fields),
        "eventDeliverySchema": _schema(fields),
        "retryPolicy": _retry_policy(fields.object("retryPolicy") or Fields({}, fields.at("retryPolicy"))),
    }


def _reject(fields: Fields, names: tuple[str, ...]) -> None:
    for name in names:
        if fields.members.get(name):
            raise fields.error(name, f"'{fields.at(name)}' is not emulated. Leave it out.")


def _destination(fields: Fields, allowed: AllowedUrls, known_url: str) -> dict[str, Any]:
    destination = fields.object("destination")
    if destination is None:
        raise fields.error("destination", "'properties.destination' is missing.")
    destination.require_known(("endpointType", "properties"))
    kind = destination.text("endpointType") or ""
    if kind.casefold() != WEBHOOK.casefold():
        raise destination.error("endpointType", f"Only the endpoint type '{WEBHOOK}' is emulated, not '{kind[:50]}'.")
    settings = destination.object("properties") or Fields({}, destination.at("properties"))
    settings.require_known(DESTINATION)
    _reject(settings, DESTINATION_NOT_EMULATED)
    url = settings.text("endpointUrl")
    if url is None and settings.text("endpointBaseUrl") in (None, base_of(known_url)):
        url = known_url  # reads return only the base, since the query may be a secret
    if not url:
        raise settings.error("endpointUrl", "'endpointUrl' is missing.")
    try:
        allowed.check(url)
    except WebhookUrlError as error:
        raise settings.error("endpointUrl", str(error)) from error
    tls = settings.choice("minimumTlsVersionAllowed", ("1.0", "1.1", "1.2"), None)
    return {
        "endpointType": WEBHOOK,
        "properties": {
            "endpointUrl": url,
            "maxEventsPerBatch": settings.integer("maxEventsPerBatch", 1, 5_000, 1),
            "preferredBatchSizeInKilobytes": settings.integer("preferredBatchSizeInKilobytes", 1, 1_024, 64),
            **({"minimumTlsVersionAllowed": tls} if tls is not None else {}),
        },
    }


def _filter(fields: Fields) -> dict[str, Any]:
    fields.require_known(FILTER)
    _reject(fields, ("advancedFilters",))
    for name in ("subjectBeginsWith", "subjectEndsWith"):
        if len(fields.text(name) or "") > MAX_SUBJECT_CHARACTERS:
            raise fields.error(name, f"'{fields.at(name)}' has more than {MAX_SUBJECT_CHARACTERS} characters.")
    types = fields.choices("includedEventTypes", EVENT_TYPES)
    return {
        "subjectBeginsWith": fields.text("subjectBeginsWith") or "",
        "subjectEndsWith": fields.text("subjectEndsWith") or "",
        "includedEventTypes": list(dict.fromkeys(types)) or list(EVENT_TYPES),
        "isSubjectCaseSensitive": bool(fields.boolean("isSubjectCaseSensitive", default=False)),
        "enableAdvancedFilteringOnArrays": bool(fields.boolean("enableAdvancedFilteringOnArrays", default=False)),
    }


def _labels(fields: Fields) -> list[str]:
    labels = fields.texts("labels")
    if len(labels) > MAX_LABELS or any(len(label) > 256 for label in labels):
        raise fields.error("labels", f"There are at most {MAX_LABELS} labels of 256 characters.")
    return labels


def _expiration(fields: Fields) -> dict[str, str]:
    text = fields.text("expirationTimeUtc")
    if text is None:
        return {}
    try:
        datetime.fromisoformat(text)
    except ValueError as error:
        raise fields.error("expirationTimeUtc", "This is not a time such as 2026-12-31T00:00:00Z.") from error
    return {"expirationTimeUtc": text}


def _schema(fields: Fields) -> str:
    return fields.choice("eventDeliverySchema", SCHEMAS, SCHEMAS[0]) or SCHEMAS[0]


def _retry_policy(fields: Fields) -> dict[str, Any]:
    fields.require_known(("maxDeliveryAttempts", "eventTimeToLiveInMinutes"))
    return {
        "maxDeliveryAttempts": fields.integer("maxDeliveryAttempts", 1, 30, 30),
        "eventTimeToLiveInMinutes": fields.integer("eventTimeToLiveInMinutes", 1, 1_440, 1_440),
    }


def shown(resource: Resource) -> Mapping[str, Any]:
    """Return a subscription as ARM sends it: without the query of its URL, which `getFullUrl` returns."""
    body = rendered(resource)
    body.pop("allowedRate", None)
    properties = dict(body["properties"])
    destination = dict(properties["destination"]["properties"])
    destination = {"endpointBaseUrl": base_of(destination.pop("endpointUrl")), **destination}
    properties["destination"] = {"endpointType": WEBHOOK, "properties": destination}
    return {**body, "properties": properties}
