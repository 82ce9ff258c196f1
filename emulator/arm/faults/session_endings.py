"""End sessions of MQTT clients at once, for the control API: of clients with a certificate, or with an authentication name.

Azure has nothing like it. A portal that revokes a certificate ends the sessions that it opened, instead of waiting for the next CONNECT.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from emulator.arm.requests.errors import invalid
from emulator.arm.resource_types.fields import is_utf8

MAX_NAMED = 1_000  # thumbprints or names at once
MAX_REASON_CHARACTERS = 1_000
DEFAULT_REASON = "The session was ended by an operator."
_THUMBPRINT = re.compile(r"[0-9a-f]{64}", re.ASCII)
_MEMBERS = frozenset({"namespace", "thumbprints", "authenticationNames", "reason"})


@dataclass(frozen=True)
class SessionEnding:
    """Which sessions of a namespace to end: a client presented a certificate with one of these SHA-256 thumbprints, leaf or
    intermediate, or has one of these authentication names.
    """

    namespace_id: str
    thumbprints: frozenset[str]
    names: tuple[str, ...]
    reason: str = DEFAULT_REASON


SessionEnder = Callable[[SessionEnding], int]


def read_ending(body: bytes) -> SessionEnding:
    """Return what a request asks for. Raise `ArmError` (400)."""
    try:
        members = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise invalid("The request content is not valid JSON.") from error
    if not isinstance(members, dict) or not members.keys() <= _MEMBERS:
        raise invalid("Send a JSON object with 'namespace', 'thumbprints' or 'authenticationNames', and 'reason'.")
    namespace, reason = members.get("namespace"), members.get("reason", DEFAULT_REASON)
    if not isinstance(namespace, str) or not namespace:
        raise invalid("'namespace' must be the id of a namespace.", "namespace")
    if not isinstance(reason, str) or not 0 < len(reason) <= MAX_REASON_CHARACTERS or not reason.isprintable():
        raise invalid(f"'reason' must be a line of 1 to {MAX_REASON_CHARACTERS} characters.", "reason")
    thumbprints = [each.lower() for each in _texts(members, "thumbprints")]
    if not all(map(_THUMBPRINT.fullmatch, thumbprints)):
        raise invalid("'thumbprints' must be SHA-256 thumbprints of 64 hex digits.", "thumbprints")
    names = _texts(members, "authenticationNames")
    if not thumbprints and not names:
        raise invalid("Name at least one of 'thumbprints' or 'authenticationNames'.")
    return SessionEnding(namespace, frozenset(thumbprints), tuple(names), reason)


def _texts(members: dict[str, Any], name: str) -> list[str]:
    found = members.get(name, [])
    if not isinstance(found, list) or not all(isinstance(each, str) and is_utf8(each) for each in found):
        raise invalid(f"'{name}' must be an array of strings.", name)
    if len(found) > MAX_NAMED:
        raise invalid(f"'{name}' can have at most {MAX_NAMED:,} members.", name)
    return found
