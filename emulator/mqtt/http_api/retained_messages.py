"""List retained messages, and read one.

Source: "Support for MQTT Retain in Azure Event Grid" (16 December 2025).
"""

import base64
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from emulator.mqtt.http_api.access import Access
from emulator.mqtt.http_api.exchange import HttpError, HttpRequest, HttpResponse
from emulator.mqtt.sessions.retained import Kept, RetainedMessages
from emulator.mqtt.wire.packets import MQTT_5
from emulator.mqtt.wire.writing import encode_publish
from namespaces.authorization.topics import is_topic_filter, is_topic_name, shared_filter

MAX_RESULTS = 100
_PRINTABLE = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) != "%")


class RetainedReader:
    """The retained messages of one namespace, as one caller may read them.

    `now` is the time on the broker's clock; `wall_offset` added to it is Unix time.
    """

    def __init__(self, retained: RetainedMessages, access: Access, *, now: float, wall_offset: float) -> None:
        self._retained = retained
        self._access = access
        self._now = now
        self._wall_offset = wall_offset

    def get(self, request: HttpRequest) -> HttpResponse:
        """Respond with one message: its payload, and everything else in headers. Raise `HttpError`."""
        topic = request.query().get("topic", "")
        if not is_topic_name(topic):
            raise HttpError(400, "InvalidTopic", "The query parameter topic is missing, or has a wildcard.")
        if not self._access.allows(topic):
            raise HttpError(403, "Forbidden", "No topic space in which the identity is a subscriber has this topic.")
        kept = self._retained.get(topic, self._now)
        if kept is None:
            raise HttpError(404, "NotFound", "No message is retained for this topic.")
        said = self._shown(kept)
        headers = {
            "content-type": "application/octet-stream",
            "x-ms-mqtt-topic": quote(topic, safe=_PRINTABLE),
            "x-ms-mqtt-qos": str(said["qos"]),
            "x-ms-mqtt-size": str(said["size"]),
            "x-ms-mqtt-last-modified": said["lastModifiedTime"],
        }
        if said["expiry"] is not None:
            headers["x-ms-mqtt-expiry"] = said["expiry"]
        return HttpResponse(200, kept.message.payload, headers)

    def list(self, request: HttpRequest) -> HttpResponse:
        """Respond with a page of the messages that match a topic filter. Raise `HttpError`."""
        query = request.query()
        topic_filter, after = _asked(query.get("topicFilter"), query.get("continuationToken"))
        most = _max_results(query.get("maxResults", str(MAX_RESULTS)))
        found = sorted(
            (kept for kept in self._retained.matching(topic_filter, self._now) if self._is_wanted(kept, after)),
            key=lambda kept: kept.message.topic,
        )
        link = None
        if len(found) > most:
            token = _token(topic_filter, found[most - 1].message.topic)
            options = {"continuationToken": token, "maxResults": most, "api-version": query.get("api-version", "")}
            link = f"https://{request.headers.get('host', '')}{request.path}?{urlencode(options)}"
        content = {"nextLink": link, "retainedMessages": [self._shown(kept) for kept in found[:most]]}
        return HttpResponse.of_json(200, content)

    def _is_wanted(self, kept: Kept, after: str) -> bool:
        topic = kept.message.topic
        return topic > after and self._access.allows(topic)

    def _shown(self, kept: Kept) -> dict[str, Any]:
        message = kept.message
        size = len(encode_publish(MQTT_5, message.topic, message.payload, message.qos, True, 1, message.properties))
        return {
            "topic": message.topic,
            "qos": message.qos,
            "size": size,
            "expiry": self._time(message.expires_at) if message.expires_at is not None else None,
            "lastModifiedTime": self._time(kept.since),
        }

    def _time(self, at: float) -> str:
        return datetime.fromtimestamp(at + self._wall_offset, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _asked(topic_filter: str | None, token: str | None) -> tuple[str, str]:
    """Return the topic filter, and the topic after which the page begins."""
    if (topic_filter is None) == (token is None):
        raise HttpError(400, "InvalidQuery", "Send either topicFilter or continuationToken, not both.")
    if token is not None:
        return _read_token(token)
    assert topic_filter is not None
    if not is_topic_filter(topic_filter) or shared_filter(topic_filter) is not None:
        raise HttpError(400, "InvalidTopicFilter", "The topic filter is not valid. Is its plus sign encoded as %2B?")
    return topic_filter, ""


def _token(topic_filter: str, topic: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([topic_filter, topic]).encode()).decode()


def _read_token(token: str) -> tuple[str, str]:
    try:
        topic_filter, topic = json.loads(base64.b64decode(token, altchars=b"-_", validate=True))
        if isinstance(topic_filter, str) and isinstance(topic, str) and is_topic_filter(topic_filter):
            return topic_filter, topic
    except (ValueError, TypeError, RecursionError):
        pass
    raise HttpError(400, "InvalidContinuationToken", "The continuation token is not valid. Follow nextLink as it is.")


def _max_results(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= MAX_RESULTS):
        raise HttpError(400, "InvalidQuery", f"maxResults is no number from 1 to {MAX_RESULTS}.")
    return int(text)
