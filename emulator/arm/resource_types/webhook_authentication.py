"""`clientAuthentication.webhookAuthentication` of a namespace: the webhook that decides each CONNECT.

Source: https://learn.microsoft.com/azure/event-grid/authenticate-with-namespaces-using-webhook-authentication and the models of
azure-mgmt-eventgrid 10.5.0b2.
"""

import re
from collections.abc import Mapping
from typing import Any

from emulator.arm.resource_types.fields import Fields
from emulator.events.allowed_urls import WebhookUrlError, parse_webhook_url

MEMBERS = (
    "azureActiveDirectoryApplicationIdOrUri",
    "azureActiveDirectoryTenantId",
    "endpointBaseUrl",
    "endpointUrl",
    "identity",
)
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
MAX_AUDIENCE_CHARACTERS = 255  # of an application id URI in Entra


def check_webhook_authentication(
    authentication: Fields, identity: Mapping[str, Any] | None
) -> dict[str, dict[str, Any]]:
    """Return the valid member `webhookAuthentication` of a `clientAuthentication`, or nothing. Raise `ArmError` (400).

    `identity` is the managed identity of the namespace, None for none.
    """
    webhook = authentication.object("webhookAuthentication")
    if webhook is None:
        return {}
    webhook.require_known(MEMBERS)
    given = webhook.object("identity")
    if given is None:
        raise webhook.error("identity", f"'{webhook.at('identity')}' is missing.")
    used = _identity(given)
    _require_assigned(given, used, identity)
    url, base = _endpoint(webhook)
    return {
        "webhookAuthentication": {
            "identity": used,
            "endpointUrl": url,
            "endpointBaseUrl": base,
            "azureActiveDirectoryApplicationIdOrUri": _audience(webhook),
            "azureActiveDirectoryTenantId": _tenant(webhook),
        }
    }


def _identity(given: Fields) -> dict[str, Any]:
    given.require_known(("type", "userAssignedIdentity"))
    kind = given.choice("type", ("SystemAssigned", "UserAssigned"), None)
    if kind is None:
        raise given.error("type", f"'{given.at('type')}' is missing. Use SystemAssigned or UserAssigned.")
    user_assigned = given.text("userAssignedIdentity")
    if kind == "SystemAssigned":  # a PATCH that merges leaves the other one behind
        return {"type": kind}
    if not user_assigned:
        raise given.error("userAssignedIdentity", "'userAssignedIdentity' is required for the type 'UserAssigned'.")
    return {"type": kind, "userAssignedIdentity": user_assigned}


def _require_assigned(given: Fields, used: Mapping[str, Any], identity: Mapping[str, Any] | None) -> None:
    """Raise `ArmError` (400) for an identity that the namespace does not have: it could get no token."""
    has = identity or {}
    if used["type"] == "SystemAssigned":
        if "SystemAssigned" not in str(has.get("type", "")):
            raise given.error(
                "type", "The namespace has no system-assigned identity. Give it one in 'identity', then use it here."
            )
        return
    wanted = str(used["userAssignedIdentity"]).casefold()
    if wanted not in {name.casefold() for name in has.get("userAssignedIdentities") or {}}:
        raise given.error(
            "userAssignedIdentity",
            "The namespace does not have this identity. Add it to 'userAssignedIdentities' of its 'identity' first.",
        )


def _endpoint(webhook: Fields) -> tuple[str, str]:
    """Return the URL, and its part before the query."""
    text = webhook.text("endpointUrl")
    if not text:
        raise webhook.error("endpointUrl", f"'{webhook.at('endpointUrl')}' is missing.")
    try:
        url = parse_webhook_url(text)
    except WebhookUrlError as error:
        raise webhook.error("endpointUrl", str(error)) from error
    if url.scheme != "https":
        raise webhook.error("endpointUrl", "A webhook that decides each CONNECT has an HTTPS URL.")
    return text, url.base


def _audience(webhook: Fields) -> str:
    name = "azureActiveDirectoryApplicationIdOrUri"
    text = webhook.text(name)
    if not text:
        raise webhook.error(name, f"'{webhook.at(name)}' is missing.")
    if len(text) > MAX_AUDIENCE_CHARACTERS or not text.isascii() or not text.isprintable() or " " in text:
        raise webhook.error(
            name,
            f"'{webhook.at(name)}' must be a client id or an application id URI of at most {MAX_AUDIENCE_CHARACTERS}"
            " characters, such as api://00000000-0000-0000-0000-000000000001.",
        )
    return text


def _tenant(webhook: Fields) -> str:
    name = "azureActiveDirectoryTenantId"
    text = webhook.text(name)
    if not text:
        raise webhook.error(name, f"'{webhook.at(name)}' is missing.")
    if not GUID.fullmatch(text):
        raise webhook.error(name, f"'{webhook.at(name)}' must be a GUID, the id of a Microsoft Entra tenant.")
    return text
