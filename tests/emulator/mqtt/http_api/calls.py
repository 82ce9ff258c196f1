"""HTTP requests to the MQTT host of a plant."""

import http.client
import json
import ssl
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from emulator.credentials import EVENT_GRID_AUDIENCE
from tests.emulator.mqtt.in_process import LocalPlant

PUBLISH_VERSION, RETAINED_VERSION = "2025-08-01-preview", "2025-11-16-preview"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of an error; "" for a response that is none."""
        return str(self.json["error"]["code"]) if self.status >= 400 else ""


def token_of(plant: LocalPlant) -> str:
    return plant.credentials.issue_token(audience=EVENT_GRID_AUDIENCE)


def connection(plant: LocalPlant) -> http.client.HTTPSConnection:
    endpoint = plant.endpoint
    context = ssl.create_default_context(cafile=endpoint["ca"])
    return http.client.HTTPSConnection(endpoint["host"], endpoint["port"], timeout=60, context=context)


def call(
    plant: LocalPlant,
    method: str,
    path: str,
    query: Mapping[str, str],
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    *,
    token: str | None = None,
) -> Answer:
    """Send one request. `token`: None for a valid one, "" for none at all."""
    given = token_of(plant) if token is None else token
    sent = {**({"Authorization": f"Bearer {given}"} if given else {}), **(headers or {})}
    with closing(connection(plant)) as opened:
        opened.request(method, f"{path}?{urlencode(query)}", body or None, sent)
        response = opened.getresponse()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())


def publish(
    plant: LocalPlant,
    topic: str,
    body: bytes = b"x",
    *,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    token: str | None = None,
) -> Answer:
    wanted = {"topic": topic, "api-version": PUBLISH_VERSION, **(query or {})}
    return call(plant, "POST", "/mqtt/messages", wanted, headers, body, token=token)


def listed(plant: LocalPlant, **query: str) -> Answer:
    return call(plant, "GET", "/mqtt/retainedMessages", {"api-version": RETAINED_VERSION, **query})


def read(plant: LocalPlant, topic: str) -> Answer:
    return call(plant, "GET", "/mqtt/retainedMessages/message", {"api-version": RETAINED_VERSION, "topic": topic})
