"""An HTTP request → the message that it publishes.

Sources: "HTTP Publish of MQTT messages with Azure Event Grid" and its how-to (30 July 2025).
"""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from emulator.mqtt.http_api.exchange import HttpError, HttpRequest
from emulator.mqtt.limits import MAX_PACKET_BYTES
from emulator.mqtt.sessions.message_limits import message_problem
from emulator.mqtt.wire.packets import MQTT_5, Property, Publish, Reason, Value
from emulator.mqtt.wire.writing import encode_publish
from emulator.profile import AzureProfile
from namespaces.authorization.topics import is_topic_name

_LARGEST_EXPIRY = 2**32 - 1


def published_by(request: HttpRequest, azure: AzureProfile) -> Publish:
    """Return the message. Raise `HttpError`: 400 for what cannot be read, 403 for an invalid topic, 413 for the size."""
    query, headers = request.query(), request.headers
    if "topic" not in query:
        raise HttpError(400, "MissingTopic", "The query parameter topic is missing.")
    topic = query["topic"]
    if not is_topic_name(topic):
        raise HttpError(403, "InvalidTopic", "The topic is empty, or has a wildcard or a zero character.")
    properties = _properties(headers)
    problem = message_problem(topic, properties, azure)
    if problem is not None:
        is_topic = problem.reason == Reason.TOPIC_NAME_INVALID
        raise HttpError(403 if is_topic else 400, "InvalidTopic" if is_topic else "TooLarge", str(problem))
    message = Publish(
        topic,
        request.body,
        int(_one_of("qos", query, headers, "1")),
        _one_of("retain", query, headers, "0") == "1",
        properties=properties,
    )
    size = len(encode_publish(MQTT_5, topic, message.payload, message.qos, message.retain, 1, properties))
    if size > MAX_PACKET_BYTES:
        raise HttpError(413, "TooLarge", f"The message has {size} bytes; {MAX_PACKET_BYTES} are allowed.")
    return message


def _one_of(name: str, query: Mapping[str, str], headers: Mapping[str, str], default: str) -> str:
    """Return "0" or "1": from the query, else from the header, else the default."""
    header = f"mqtt-{name}"
    value = query.get(name, headers.get(header, default)).strip()
    if value not in {"0", "1"}:
        raise HttpError(400, "InvalidValue", f"{name} (in the query) or {header} is neither 0 nor 1.")
    return value


def _properties(headers: Mapping[str, str]) -> tuple[tuple[Property, Value], ...]:
    found: list[tuple[Property, Value]] = []
    if "mqtt-payload-format-indicator" in headers:
        found.append((Property.PAYLOAD_FORMAT, int(_one_of("payload-format-indicator", {}, headers, "0"))))
    if "mqtt-message-expiry" in headers:
        found.append((Property.MESSAGE_EXPIRY, _expiry(headers["mqtt-message-expiry"])))
    if headers.get("content-type"):
        found.append((Property.CONTENT_TYPE, headers["content-type"]))
    if "mqtt-response-topic" in headers:
        found.append((Property.RESPONSE_TOPIC, _response_topic(headers["mqtt-response-topic"])))
    if "mqtt-correlation-data" in headers:
        found.append((Property.CORRELATION_DATA, _decoded(headers["mqtt-correlation-data"], "mqtt-correlation-data")))
    if "mqtt-user-properties" in headers:
        pairs = _user_properties(headers["mqtt-user-properties"])
        found += [(Property.USER_PROPERTY, pair) for pair in pairs]
    return tuple(found)


def _expiry(text: str) -> int:
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= _LARGEST_EXPIRY):
        raise HttpError(400, "InvalidValue", f"mqtt-message-expiry is no number from 0 to {_LARGEST_EXPIRY}.")
    return int(text)


def _response_topic(text: str) -> str:
    try:
        topic = unquote(text.strip(), errors="strict")
    except UnicodeDecodeError:
        topic = ""
    if not is_topic_name(topic):
        raise HttpError(400, "InvalidValue", "mqtt-response-topic is no percent-encoded topic without wildcards.")
    return topic


def _decoded(text: str, header: str) -> bytes:
    try:
        return base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise HttpError(400, "InvalidValue", f"{header} is not base64.") from None


def _user_properties(text: str) -> list[tuple[str, str]]:
    """Return the pairs of `[{"name": "value"}, …]`, in base64, or as it is: Microsoft's collection sends it so."""
    header = "mqtt-user-properties"
    content = text.encode("latin-1") if text.lstrip().startswith("[") else _decoded(text, header)
    try:
        members: Any = json.loads(content.decode())
    except (ValueError, RecursionError):
        raise HttpError(400, "InvalidValue", f"{header} is not JSON in base64.") from None
    if isinstance(members, list) and all(isinstance(each, dict) for each in members):
        pairs = [pair for each in members for pair in each.items()]
        if all(_is_text(name) and _is_text(value) for name, value in pairs):
            return pairs
    raise HttpError(400, "InvalidValue", f"{header} is no array of objects whose values are texts.")


def _is_text(value: Any) -> bool:
    """Whether MQTT can carry the value: a text in UTF-8 without a zero character, of at most 65,535 bytes."""
    if not isinstance(value, str) or "\x00" in value:
        return False
    try:
        return len(value.encode()) <= 65_535
    except UnicodeEncodeError:  # half a surrogate pair, which JSON can escape
        return False
