"""Rules for the fields of a client. Pure. Forms, actions and the import use them, so that all accept the same values.

The rules are those of Azure Event Grid namespaces (client resource, limits page) and, where stated, our policy.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from certificates.authentication.engine import VALIDATION_SCHEMES
from certificates.x509.thumbprints import ThumbprintError, normalize_thumbprint
from namespaces.rules.errors import RuleError

CLIENT_NAME_PATTERN = r"^[-a-zA-Z0-9:._]{1,128}\Z"
RESOURCE_NAME_PATTERN = r"^[a-zA-Z0-9-]{3,50}\Z"
ATTRIBUTE_KEY_PATTERN = r"^[a-zA-Z0-9_]{1,128}\Z"
MAX_NAME_LENGTH = 128
MAX_DESCRIPTION_LENGTH = 512
MAX_THUMBPRINTS = 2
ATTRIBUTES_LIMIT = 4096  # bytes of compact JSON; Azure says "under 4 KB"
LARGEST_INTEGER = 2**63 - 1  # group queries compare 64-bit integers
STATES = ("Enabled", "Disabled")
THUMBPRINT_SCHEME = "ThumbprintMatch"
# Of the validation schemes, whose full names would take a line of their own.
SHORT_SCHEMES: Mapping[str, str] = {
    "SubjectMatchesAuthenticationName": "Subject",
    "DnsMatchesAuthenticationName": "DNS name",
    "UriMatchesAuthenticationName": "URI",
    "IpMatchesAuthenticationName": "IP address",
    "EmailMatchesAuthenticationName": "E-mail",
    THUMBPRINT_SCHEME: "Thumbprint",
}


def check_client_name(name: str) -> None:
    """Raises RuleError unless `name` may be the name of a client."""
    if not name:
        raise RuleError("name", "required", "Give the client a name.")
    if len(name) > MAX_NAME_LENGTH:
        raise RuleError(
            "name", "too-long", f"The name has {len(name)} characters; at most {MAX_NAME_LENGTH} are allowed."
        )
    if not re.match(CLIENT_NAME_PATTERN, name):
        raise RuleError(
            "name", "charset", "Use only letters A to Z, digits, hyphen, colon, dot and underscore in the client name."
        )
    if name in {".", ".."}:
        raise RuleError(
            "name", "path-step", f"A client cannot be named “{name}”: programs would read it as a step in a path."
        )


def check_resource_name(name: str) -> None:
    """Raises RuleError unless `name` may be the name of a CA certificate (or a group, space or binding)."""
    if not name:
        raise RuleError("name", "required", "Give it a name.")
    if not 3 <= len(name) <= 50:
        raise RuleError("name", "length", f"A name has 3 to 50 characters; this one has {len(name)}.")
    if not re.match(RESOURCE_NAME_PATTERN, name):
        raise RuleError("name", "charset", "Use only letters A to Z, digits and hyphen in the name.")


def check_authentication_name(name: str) -> None:
    """Raises RuleError unless `name` may be a client's authentication name."""
    if not name.strip():
        raise RuleError("authentication_name", "required", "Give the client an authentication name.")
    if len(name) > MAX_NAME_LENGTH:
        raise RuleError(
            "authentication_name",
            "too-long",
            f"The authentication name has {len(name)} characters; at most {MAX_NAME_LENGTH} are allowed.",
        )
    if any(ord(letter) < 32 or 127 <= ord(letter) < 160 or 0xD800 <= ord(letter) < 0xE000 for letter in name):
        raise RuleError(
            "authentication_name",
            "control-character",
            "The authentication name contains a character that cannot be shown; remove it.",
        )


def check_description(text: str) -> None:
    if len(text) > MAX_DESCRIPTION_LENGTH:
        raise RuleError(
            "description",
            "too-long",
            f"The description has {len(text)} characters; at most {MAX_DESCRIPTION_LENGTH} are allowed.",
        )
    if "\x00" in text:
        raise RuleError("description", "nul", "The description contains a NUL character; remove it.")


def check_scheme(scheme: str) -> None:
    if scheme not in {known.value for known in VALIDATION_SCHEMES}:
        raise RuleError("validation_scheme", "unknown", "Choose one of the six validation schemes.")


def check_renewable(scheme: str) -> None:
    if scheme != THUMBPRINT_SCHEME:
        raise RuleError(
            "",
            "not-by-thumbprint",
            "This client connects by the names of its certificate. Issue it a new one: nothing changes here.",
        )


def check_state(state: str) -> None:
    if state not in STATES:
        raise RuleError("state", "unknown", "The connection state is Enabled or Disabled.")


def parse_thumbprints(thumbprints: Sequence[str], scheme: str) -> list[str]:
    """Return the normalized thumbprints of a client under a scheme without empty ones. Raise RuleError if they do not fit."""
    given = [text for text in thumbprints if text and text.strip()]
    if scheme != THUMBPRINT_SCHEME:
        if given:
            raise RuleError(
                "thumbprints",
                "not-with-this-scheme",
                "Thumbprints go only with Thumbprint Match. Clear them or choose that scheme.",
            )
        return []
    if not given:
        raise RuleError("thumbprints", "required", "Thumbprint Match needs a primary thumbprint.")
    if len(given) > MAX_THUMBPRINTS:
        raise RuleError(
            "thumbprints", "too-many", f"A client has at most {MAX_THUMBPRINTS} thumbprints; {len(given)} were given."
        )
    try:
        parsed = [normalize_thumbprint(text) for text in given]
    except ThumbprintError as error:
        raise RuleError("thumbprints", error.code, error.sentence) from None
    if len(set(parsed)) != len(parsed):
        raise RuleError(
            "thumbprints", "same-twice", "Primary and secondary thumbprint are the same. Leave the secondary empty."
        )
    return parsed


def _check_attribute_value(key: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, str | int | list):
        raise RuleError(
            "attributes", "type", f"The value of attribute “{key}” must be a string, an integer or an array of strings."
        )
    if isinstance(value, int) and not -LARGEST_INTEGER - 1 <= value <= LARGEST_INTEGER:
        raise RuleError("attributes", "integer-range", f"The integer of attribute “{key}” does not fit in 64 bits.")
    if isinstance(value, list) and not all(isinstance(item, str) for item in value):
        raise RuleError("attributes", "array-of-strings", f"The array of attribute “{key}” may hold only strings.")


def check_attributes(attributes: Mapping[str, Any]) -> None:
    """Raises RuleError unless every attribute is a String, an Integer or an Array of strings and all are under 4 KB."""
    if not isinstance(attributes, Mapping):
        raise RuleError("attributes", "object", "Attributes are names with values.")
    for key, value in attributes.items():
        if not isinstance(key, str) or not re.match(ATTRIBUTE_KEY_PATTERN, key):
            raise RuleError("attributes", "key", f"Attribute name “{key}”: use letters A to Z, digits and underscore.")
        _check_attribute_value(key, value)
    encoded = json.dumps(dict(attributes), ensure_ascii=False, separators=(",", ":"))
    if "\\u0000" in encoded:
        raise RuleError("attributes", "nul", "An attribute contains a NUL character; remove it.")
    size = len(encoded.encode("utf-8", "surrogatepass"))
    if size >= ATTRIBUTES_LIMIT:
        raise RuleError(
            "attributes",
            "too-large",
            f"The attributes take {size} bytes; together they must stay under {ATTRIBUTES_LIMIT}.",
        )


def client_problems(
    *,
    name: str,
    authentication_name: str,
    validation_scheme: str,
    thumbprints: Sequence[str],
    attributes: Mapping[str, Any],
    description: str,
) -> list[str]:
    """What the rules would refuse of a client that is already there, as sentences. Never raises RuleError."""
    problems = []
    for check in (
        lambda: check_client_name(name),
        lambda: check_authentication_name(authentication_name),
        lambda: check_scheme(validation_scheme),
        lambda: parse_thumbprints(thumbprints, validation_scheme),
        lambda: check_attributes(attributes),
        lambda: check_description(description),
    ):
        try:
            check()
        except RuleError as refusal:
            problems.append(refusal.sentence)
    return problems
