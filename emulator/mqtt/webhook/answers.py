"""What a webhook answers about a CONNECT: allow, deny, or nothing that can be used.

Source: https://learn.microsoft.com/azure/event-grid/mqtt-client-webhook-authentication. Earlier revisions of the page deny with
status 400. Where the page is silent, docs/policy.md has our choice.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from certificates.authentication.types import MAX_NAME_LENGTH
from certificates.decisions.json_text import StrictJSONError, read_object

MAX_ANSWER_BYTES = 65_536
MAX_ATTRIBUTES = 100
INT32 = range(-(2**31), 2**31)
MAX_EXPIRATION = 2**53  # Unix seconds; more is no time

ALLOWED, DENIED, UNAVAILABLE = "allow", "deny", "unavailable"
NO_REASON = "The webhook denied this client, and gave no reason."


@dataclass(frozen=True)
class Answer:
    """`outcome` is one of ALLOWED, DENIED, UNAVAILABLE. The sentence is for the client and the log, `code` a stable key.

    `status` is that of the response, 0 without one. `expiration` is in Unix seconds, None for no end.
    """

    outcome: str
    code: str
    sentence: str
    status: int = 0
    name: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    expiration: int | None = None


def unavailable(code: str, sentence: str, status: int = 0) -> Answer:
    return Answer(UNAVAILABLE, code, sentence, status)


def read_answer(status: int, body: bytes) -> Answer:
    """Return what a response says. `body` has MAX_ANSWER_BYTES at most; of a longer one the first bytes."""
    if status in (401, 403):
        sentence = f"The webhook did not accept the token of this namespace (HTTP {status})."
        return Answer(DENIED, "webhook-unauthorized", sentence, status)
    if status not in (200, 400):
        return unavailable("webhook-status", f"The webhook answered with HTTP {status}.", status)
    try:
        members = read_object(body)
        json.dumps(members, ensure_ascii=False).encode()  # half of a surrogate pair is no text
    except (StrictJSONError, UnicodeEncodeError, RecursionError):
        return _unusable(status, "it is not a JSON object")
    decision = members.get("decision")
    if decision == DENIED:
        reason = members.get("errorReason")
        return Answer(DENIED, "webhook-denied", _one_line(reason) or NO_REASON, status)
    if decision == ALLOWED and status == 200:
        return _allowed(members, status)
    return _unusable(status, "'decision' is neither 'allow' nor 'deny'" if status == 200 else "it denies nothing")


def _allowed(members: Mapping[str, Any], status: int) -> Answer:
    name = members.get("clientAuthenticationName")
    if not isinstance(name, str) or not name.strip():
        return _unusable(status, "'clientAuthenticationName' is missing")
    if len(name) > MAX_NAME_LENGTH or not name.isprintable():
        return _unusable(status, f"'clientAuthenticationName' has no 1 to {MAX_NAME_LENGTH} printable characters")
    attributes = members.get("attributes")
    if not _are_attributes(attributes):
        return _unusable(
            status, "'attributes' can be whole numbers of 32 bits, strings, and arrays of strings, 100 at most"
        )
    expiration = members.get("expiration")
    if expiration is not None and (type(expiration) is not int or not 0 < expiration < MAX_EXPIRATION):
        return _unusable(status, "'expiration' is no time in Unix seconds")
    sentence = "The webhook allowed this client."
    return Answer(ALLOWED, "", sentence, status, name, attributes or {}, expiration)


def _are_attributes(found: Any) -> bool:
    if found is None:
        return True
    if not isinstance(found, dict) or len(found) > MAX_ATTRIBUTES:
        return False
    return all(name and _is_attribute(value) for name, value in found.items())


def _is_attribute(value: Any) -> bool:
    if type(value) is int:  # true is no number
        return value in INT32
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(each, str) for each in value))


def _unusable(status: int, why: str) -> Answer:
    return unavailable("webhook-answer", f"The webhook's answer cannot be used: {why}.", status)


def _one_line(reason: Any) -> str:
    """Return a reason as text that MQTT can carry, which has no control characters."""
    text = reason if isinstance(reason, str) else ""
    return "".join(each if each.isprintable() else " " for each in text).strip()
