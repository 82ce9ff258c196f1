"""Fuzz HTTP publish: requests made of odd parts, then bytes changed anywhere, in the endpoint's loop without a network.

Every response is one of HTTP's, none is a failure of ours, and what was published reaches a group of workers.
"""

import base64
import functools
import json
import logging
import random
from typing import Any
from urllib.parse import quote

import pytest

from emulator.mqtt.connections.connection import Connection
from emulator.mqtt.transport.websocket import HTTP_BEGINNINGS, Opening
from tests.emulator.mqtt.http_api.calls import PUBLISH_VERSION, RETAINED_VERSION, token_of
from tests.emulator.mqtt.in_process import LocalPlant
from tests.emulator.mqtt.messages import listening
from tests.emulator.mqtt.raw_client import connected
from tests.emulator.mqtt.sessions.test_shared_subscriptions import waiting
from tests.emulator.mqtt.wire.test_bad_packets import mutated
from tests.emulator.mqtt.wire.test_fuzz_endpoint import DeadEnd

SEED = 20_261_130
CONNECTIONS = 600
TURN = 20  # connections before others run
STATUSES = {200, 202, 204, 400, 401, 403, 404, 405, 413, 431, 501}
PARTS = (
    "x",
    "é",
    "𝄞",
    " ",
    "%",
    "/",
    "//",
    "+",
    "#",
    "$share/g/a",
    "$SYS",
    "\0",
    "\ufffe",
    "a" * 300,
    "&",
    "=",
    "?",
    "..",
)
ODD = (
    "",
    "0",
    "1",
    "2",
    "-1",
    "+1",
    " 1",
    "01",
    "1.0",
    "1e3",
    "true",
    "null",
    "0x1",
    "4294967295",
    "4294967296",
    "9" * 400,
)
JSONS: tuple[Any, ...] = (
    [], [{}], [{"a": "b"}], [{"a": "b", "c": "d"}] * 3, {"a": "b"}, [["a", "b"]], [{"a": 1}], [{"a": None}], [{"": ""}],
    [{"a": "\0"}], [{"a": "\ud800"}], [{"é": "𝄞"}], [{"a": "x" * 40_000}], "a", 1, None, [None], [[[[[[]]]]]],
)  # fmt: skip


class Kept(DeadEnd):
    """A wire that keeps what is written to it."""

    def __init__(self, *of: Any) -> None:
        super().__init__(*of)
        self.written = bytearray()

    def write(self, data: bytes) -> None:
        super().write(data)
        self.written += data


class Requests:
    """Makes requests at random, all of them from one seed."""

    def __init__(self, seed: int, token: str) -> None:
        self.chance = random.Random(seed)
        self.token = token

    def is_rare(self) -> bool:
        return self.chance.random() < 0.06

    def topic(self) -> str:
        if self.is_rare():
            return "".join(self.chance.choice(PARTS) for _ in range(self.chance.randint(0, 4)))
        return f"jobs/{self.chance.randrange(50)}"

    def target(self) -> str:
        pairs = [("topic", quote(self.topic(), safe="")), ("api-version", PUBLISH_VERSION)]
        names = ("qos", "retain", "mqtt-qos", "topic")
        pairs += [(name, quote(self.chance.choice(ODD))) for name in names if self.is_rare()]
        if self.is_rare():
            self.chance.shuffle(pairs)
            pairs.pop()
        if self.is_rare():
            pairs.append(("topicFilter", self.chance.choice(("%23", "%2B/%2B", "%24share/g/a", "%ff", "%zz"))))
        path = self.chance.choice(("/mqtt/messages",) * 12 + ("/MQTT/Messages", "/mqtt/retainedMessages", "//", "*"))
        if "retained" in path:
            pairs = [(n, RETAINED_VERSION if n == "api-version" else v) for n, v in pairs]
        return f"{path}?{'&'.join(f'{name}={value}' for name, value in pairs)}"

    def user_properties(self) -> str:
        text = json.dumps(self.chance.choice(JSONS))
        return text if self.is_rare() else base64.b64encode(text.encode()).decode()

    def headers(self) -> list[tuple[str, str]]:
        chance = self.chance
        found = [("Host", "x"), ("Authorization", f"Bearer {self.token}")]
        if self.is_rare():
            found[1] = ("Authorization", chance.choice(("", "Bearer", "Bearer x", f"Basic {self.token}", self.token)))
        names = ("mqtt-qos", "mqtt-retain", "mqtt-message-expiry", "mqtt-payload-format-indicator")
        found += [(name, chance.choice(ODD)) for name in names if self.is_rare()]
        if self.is_rare():
            found.append(("mqtt-user-properties", self.user_properties()))
        if self.is_rare():
            value = chance.choice(("AAE=", "AAE", "====", "-_", "A" * 1_000, ""))
            found.append(("mqtt-correlation-data", value))
        texts = (self.topic().replace("\0", "%00"), quote(self.topic()), "\xe9\xff")
        found += [(name, chance.choice(texts)) for name in ("mqtt-response-topic", "content-type") if self.is_rare()]
        if self.is_rare():
            found.append(chance.choice((("Expect", "100-continue"), ("Connection", "close"), ("Upgrade", "h2c"))))
        return found

    def request(self) -> bytes:
        chance = self.chance
        method = chance.choice(("POST",) * 12 + ("GET", "PUT", "OPTIONS", "CONNECT"))
        version = "1.0" if self.is_rare() else "1.1"
        lines = [f"{method} {self.target()} HTTP/{version}", *(f"{name}: {value}" for name, value in self.headers())]
        body = chance.randbytes(chance.choice((0, 1, 30, 300)))
        if self.is_rare():
            lines.append("Transfer-Encoding: chunked")
            body = b"%x;a=b\r\n%b\r\n0\r\nTrailer: x\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
        else:
            lines.append(f"Content-Length: {chance.choice(ODD) if chance.random() < 0.02 else len(body)}")
        made = "\r\n".join(lines).encode("utf-8", "replace") + b"\r\n\r\n" + body
        return mutated(made, chance) if self.is_rare() else made


def statuses(data: bytes) -> list[int]:
    """Return the statuses of complete responses; fail for anything else."""
    found = []
    while data:
        head, separator, data = data.partition(b"\r\n\r\n")
        assert separator, head[:200]
        first, *lines = head.split(b"\r\n")
        version, status = first.split(b" ")[:2]
        assert version == b"HTTP/1.1"
        if status == b"100":
            continue
        found.append(int(status))
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
        size = int(headers.get(b"content-length", b"0"))
        assert (size == 0) is (status in {b"202", b"204"}), head
        assert len(data) >= size
        if found[-1] >= 400:
            assert json.loads(data[:size])["error"]["code"]
        data = data[size:]
    return found


def talk(plant: LocalPlant, requests: Requests) -> list[int]:
    """One connection with requests, each cut anywhere, and often several of them at once."""
    namespace, chance = plant.namespace, requests.chance
    network: Any = Kept(plant.sample("press-07"))
    network.application = Opening(
        network, Connection(namespace, network), functools.partial(namespace._serve_http, network)
    )
    sent = bytearray()
    for _ in range(5):
        data = b"".join(requests.request() for _ in range(chance.randint(1, 3)))
        sent += data
        at = chance.randrange(len(data) + 1)
        for part in (data[:at], data[at:]):
            if part and not network.is_over:
                network.application.data_received(part)
    network.application.connection_lost()
    return statuses(bytes(network.written)) if sent.startswith(HTTP_BEGINNINGS) else []


def test_odd_requests_get_responses_and_harm_nothing(local_plant: LocalPlant, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    requests, found = Requests(SEED, token_of(local_plant)), list[int]()

    async def some() -> list[int]:
        return [status for _ in range(TURN) for status in talk(local_plant, requests)]

    with connected(local_plant, "w", "robot-1") as worker, connected(local_plant, "n", "robot-2") as bystander:
        listening(worker, "$share/workers/jobs/#", qos=0)
        received = 0
        for _ in range(CONNECTIONS // TURN):
            found += local_plant.run(some())
            assert bystander.silent()
            received += len(waiting(worker))
    assert set(found) <= STATUSES, set(found) - STATUSES
    assert {204, 400, 401, 403, 404, 405} <= set(found)
    assert found.count(204) > len(found) / 4
    assert received >= found.count(204) / 2  # the others are about other topics
    assert [record for record in caplog.records if record.exc_info] == []
    assert not local_plant.namespace._http_connections
    assert len(local_plant.namespace.broker.retained) < 200
