"""`namespaces/clients`: what may be registered, and what ARM answers."""

import json
import re
from typing import Any

from certificates.authentication.engine import VALIDATION_SCHEMES, authentication_name_key
from emulator.arm.requests.errors import conflict
from emulator.arm.resource_types.api_versions import knows
from emulator.arm.resource_types.child_type import Checked, ChildType, Draft, throughput_units
from emulator.arm.resource_types.fields import Fields, is_utf8
from emulator.arm.resource_types.legacy_authentication import check_legacy, check_thumbprint, implied_by
from emulator.arm.resource_types.names import CLIENT_NAME
from emulator.storage.store import CLIENT, parent_of

# `authentication` was dropped after 2023-06-01-preview; some tools still send it as null.
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
ATTRIBUTES_BELOW = 4096  # bytes of JSON
ATTRIBUTE_KEY = re.compile(r"[A-Za-z0-9_]{1,128}", re.ASCII)
LONG = range(-(2**63), 2**63)


def _authentication_name(draft: Draft) -> str:
    given = draft.fields.text("authenticationName")
    if draft.existing is not None:
        kept: str = draft.existing.properties["authenticationName"]
        if given is not None and given != kept:
            raise conflict(
                f"The authentication name of client '{draft.existing.name}' is '{kept}' and cannot be changed."
                " Delete the client and create it anew.",
                "properties.authenticationName",
            )
        return kept
    if given is None:
        return draft.name
    if not 1 <= len(given) <= 128:
        raise draft.fields.refuse("authenticationName", "An authentication name must have 1 to 128 characters.")
    return given


def _certificate_authentication(fields: Fields) -> dict[str, Any] | None:
    authentication = fields.object("clientCertificateAuthentication")
    if authentication is None:
        return None
    authentication.require_known(("validationScheme", "allowedThumbprints"))
    thumbprints = authentication.texts("allowedThumbprints")
    scheme = authentication.choice("validationScheme", SCHEMES, None)
    if scheme is None and thumbprints:
        raise authentication.refuse(
            "validationScheme", "Thumbprints are given without a validation scheme. Use 'ThumbprintMatch'."
        )
    if scheme != THUMBPRINT_MATCH:
        if thumbprints:
            raise authentication.refuse(
                "allowedThumbprints", f"Thumbprints belong to 'ThumbprintMatch' only, not to '{scheme}'."
            )
        return {"validationScheme": scheme or DEFAULT_SCHEME}
    if not 1 <= len(thumbprints) <= 2:
        raise authentication.refuse(
            "allowedThumbprints", f"'ThumbprintMatch' needs 1 or 2 thumbprints; there are {len(thumbprints)}."
        )
    for thumbprint in thumbprints:
        check_thumbprint(authentication, "allowedThumbprints", thumbprint)
    return {"validationScheme": scheme, "allowedThumbprints": thumbprints}


def _authentication(draft: Draft, authentication_name: str) -> dict[str, Any]:
    """`clientCertificateAuthentication`, and the legacy `authentication` as long as both say the same."""
    given = _certificate_authentication(draft.fields)
    can_say_legacy = knows(draft.version, CLIENT, ("authentication",))
    legacy: dict[str, Any] | None
    if can_say_legacy:
        legacy = check_legacy(draft.fields, authentication_name)
    else:
        legacy = draft.existing.properties.get("authentication") if draft.existing else None
    if legacy is None:
        return {"clientCertificateAuthentication": given or {"validationScheme": DEFAULT_SCHEME}}
    implied = implied_by(legacy)
    if can_say_legacy and given not in (None, implied):
        raise draft.fields.refuse(
            "authentication",
            "'properties.authentication' and 'properties.clientCertificateAuthentication' contradict each other."
            " Send the latter alone.",
        )
    if can_say_legacy or given == implied:
        return {"authentication": legacy, "clientCertificateAuthentication": implied}
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
            raise fields.refuse(
                "attributes", f"'{key[:100]}' is not an attribute key. Use letters, digits and underscores."
            )
        if not _is_attribute_value(value):
            raise attributes.refuse(
                key, f"Attribute '{key}' must be a string, an integer, a boolean or an array of strings."
            )
    encoded = json.dumps(attributes.members, separators=(",", ":"), ensure_ascii=False)
    if not is_utf8(encoded):
        raise fields.refuse("attributes", "The attributes must be valid UTF-8.")
    size = len(encoded.encode())
    if size >= ATTRIBUTES_BELOW:
        raise fields.refuse("attributes", f"The attributes take {size} bytes; they must stay below 4 KB (4096).")
    return dict(attributes.members)


def check(draft: Draft) -> Checked:
    """Refuse what breaks a rule of client authentication; fill in Azure's defaults."""
    fields = draft.fields
    fields.require_known(PROPERTIES)
    name = _authentication_name(draft)
    key = authentication_name_key(name)
    holder = draft.store.sibling_with(parent_of(draft.id), CLIENT, key)
    if holder is not None and (draft.existing is None or holder.id != draft.existing.id):
        raise conflict(
            f"The authentication name '{name}' is taken by client '{holder.name}'. Authentication names must be unique"
            " in a namespace, whatever their casing.",
            "properties.authenticationName",
        )
    return Checked(
        {
            "description": fields.text("description"),
            "authenticationName": name,
            **_authentication(draft, name),
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
    check,
    lambda limits, namespace: limits.clients_per_unit * throughput_units(namespace),
)
