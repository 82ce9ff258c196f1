"""The type `namespaces/clients`.

Source: https://learn.microsoft.com/azure/templates/microsoft.eventgrid/namespaces/clients and
https://learn.microsoft.com/azure/event-grid/mqtt-clients
"""

import json
import re
from typing import Any

from certificates.authentication.engine import VALIDATION_SCHEMES, authentication_name_key
from emulator.arm.requests.errors import conflict
from emulator.arm.resource_types.api_versions import has_property
from emulator.arm.resource_types.child_type import Checked, ChildType, Draft, throughput_units
from emulator.arm.resource_types.fields import Fields, is_utf8
from emulator.arm.resource_types.legacy_authentication import (
    check_distinct,
    check_legacy,
    check_thumbprint,
    current_form_of,
)
from emulator.arm.resource_types.names import CLIENT_NAME
from emulator.arm.resource_types.published import without_published
from emulator.storage.resources import CLIENT, parent_of

# `authentication` was removed after 2023-06-01-preview, but some tools still send it as null.
PROPERTIES = (
    "attributes",
    "authentication",
    "authenticationName",
    "clientCertificateAuthentication",
    "description",
    "state",
)
SCHEMES = tuple(scheme.value for scheme in VALIDATION_SCHEMES)
DEFAULT_SCHEME = "SubjectMatchesAuthenticationName"
THUMBPRINT_MATCH = "ThumbprintMatch"
MAX_ATTRIBUTES_BYTES = 4095  # as JSON in UTF-8: "below 4 KB"
ATTRIBUTE_KEY = re.compile(r"[A-Za-z0-9_]{1,128}", re.ASCII)
LONG = range(-(2**63), 2**63)


def _authentication_name(draft: Draft) -> str:
    given = draft.fields.text("authenticationName")
    if draft.existing is not None:
        kept: str = draft.existing.properties["authenticationName"]
        if given is not None and given != kept:
            raise conflict(
                f"The authentication name of client '{draft.existing.name}' is '{kept}' and cannot be changed."
                " Delete the client and create it again.",
                "properties.authenticationName",
            )
        return kept
    if given is None:
        return draft.name
    if not 1 <= len(given) <= 128:
        raise draft.fields.error("authenticationName", "An authentication name must have 1 to 128 characters.")
    return given


def _certificate_authentication(fields: Fields) -> dict[str, Any] | None:
    authentication = fields.object("clientCertificateAuthentication")
    if authentication is None:
        return None
    authentication = without_published(authentication, "clientCertificateAuthentication")
    authentication.require_known(("validationScheme", "allowedThumbprints"))
    thumbprints = authentication.texts("allowedThumbprints")
    # Microsoft's quickstart sends thumbprints without a scheme.
    scheme = authentication.choice("validationScheme", SCHEMES, THUMBPRINT_MATCH if thumbprints else DEFAULT_SCHEME)
    if scheme != THUMBPRINT_MATCH:
        if thumbprints:
            raise authentication.error(
                "allowedThumbprints", f"Thumbprints are for 'ThumbprintMatch' only, not for '{scheme}'."
            )
        return {"validationScheme": scheme}
    if not 1 <= len(thumbprints) <= 2:
        raise authentication.error(
            "allowedThumbprints", f"'ThumbprintMatch' needs 1 or 2 thumbprints; there are {len(thumbprints)}."
        )
    for thumbprint in thumbprints:
        check_thumbprint(authentication, "allowedThumbprints", thumbprint)
    check_distinct(authentication, "allowedThumbprints", thumbprints)
    return {"validationScheme": scheme, "allowedThumbprints": thumbprints}


def _authentication(draft: Draft) -> dict[str, Any]:
    """Return `clientCertificateAuthentication`, and the legacy `authentication` as long as both mean the same."""
    given = _certificate_authentication(draft.fields)
    has_legacy = has_property(draft.version, CLIENT, ("authentication",))
    legacy: dict[str, Any] | None
    if has_legacy:
        legacy = check_legacy(draft.fields)
    else:
        legacy = draft.existing.properties.get("authentication") if draft.existing else None
    if legacy is None:
        return {"clientCertificateAuthentication": given or {"validationScheme": DEFAULT_SCHEME}}
    current = current_form_of(legacy)
    if has_legacy and given not in (None, current):
        raise draft.fields.error(
            "authentication",
            "'properties.authentication' and 'properties.clientCertificateAuthentication' contradict each other."
            " Send the latter only.",
        )
    if has_legacy or given == current:
        return {"authentication": legacy, "clientCertificateAuthentication": current}
    return {"clientCertificateAuthentication": given or {"validationScheme": DEFAULT_SCHEME}}


def _is_attribute_value(value: object) -> bool:
    if isinstance(value, list):
        return all(isinstance(item, str) for item in value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value in LONG
    return isinstance(value, (str, bool))


def _attributes(fields: Fields) -> dict[str, Any]:
    attributes = fields.object("attributes")
    if attributes is None:
        return {}
    for key, value in attributes.members.items():
        if not ATTRIBUTE_KEY.fullmatch(key):
            raise fields.error(
                "attributes",
                f"'{key[:100]}' is not a valid attribute key. Use 1 to 128 letters, digits and underscores.",
            )
        if not _is_attribute_value(value):
            raise attributes.error(
                key, f"Attribute '{key}' must be a string, an integer, a boolean or an array of strings."
            )
    encoded = json.dumps(attributes.members, separators=(",", ":"), ensure_ascii=False)
    if not is_utf8(encoded):
        raise fields.error("attributes", "The attributes must be valid UTF-8.")
    size = len(encoded.encode())
    if size > MAX_ATTRIBUTES_BYTES:
        raise fields.error(
            "attributes", f"The attributes have {size} bytes as JSON; they must be smaller than 4 KB (4096 bytes)."
        )
    return dict(attributes.members)


def check_client(draft: Draft) -> Checked:
    """Validate a client and fill in Azure's defaults. Raise `ArmError`: 400, or 409 if the authentication name is taken."""
    fields = draft.fields
    fields.require_known(PROPERTIES)
    name = _authentication_name(draft)
    key = authentication_name_key(name)
    holder = draft.store.sibling_with(parent_of(draft.id), CLIENT, key)
    if holder is not None and (draft.existing is None or holder.id != draft.existing.id):
        raise conflict(
            f"The authentication name '{name}' is taken by client '{holder.name}'. Authentication names must be unique"
            " in a namespace; case is ignored.",
            "properties.authenticationName",
        )
    return Checked(
        {
            "description": fields.description(),
            "authenticationName": name,
            **_authentication(draft),
            "state": fields.choice("state", ("Enabled", "Disabled"), "Enabled"),
            "attributes": _attributes(fields),
            "provisioningState": "Succeeded",
        },
        unique_key=key,
    )


CLIENTS = ChildType(
    CLIENT,
    "client",
    CLIENT_NAME,
    check_client,
    lambda limits, namespace: limits.clients_per_unit * throughput_units(namespace),
)
