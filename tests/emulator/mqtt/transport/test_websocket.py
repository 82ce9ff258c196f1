"""MQTT over WebSocket on the namespace's port: paho-mqtt, MQTT.js where it is installed, and exact frames."""

import os
import ssl
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from emulator.mqtt.transport import tls
from tests.emulator.mqtt import raw_client as w
from tests.emulator.mqtt.in_process import LocalPlant
from tests.emulator.mqtt.plant import V3, V5, Plant, connect
from tests.emulator.mqtt.raw_client import Target, Wire, connected, open_wire

BOTH = pytest.mark.parametrize("version", [V3, V5], ids=["3.1.1", "5"])
BINARY, TEXT, CLOSE, PING, PONG = 0x82, 0x81, 0x88, 0x89, 0x8A
NORMAL_CLOSE = b"\x88\x02\x03\xe8"  # 1000


@BOTH
def test_paho_publishes_and_receives_over_websocket(plant: Plant, version: Any) -> None:
    topic, session = f"ws/{uuid.uuid4().hex}", uuid.uuid4().hex
    reader = connect(
        plant, plant.sample("robot-1"), user_name="robot-1", version=version, session_name=session, websocket=True
    )
    assert reader.connack()[0] == 0
    assert reader.subscribe(f"{topic}/#") == [1]
    sender = connect(plant, plant.sample("press-07"), user_name="press-07", version=version, websocket=True)
    assert sender.connack()[0] == 0
    for size in (0, 10, 125, 126, 70_000, 500_000):
        sender.client.publish(f"{topic}/{size}", b"x" * size, 1)
        message = reader.message()
        assert (message.topic, len(message.payload)) == (f"{topic}/{size}", size)
    sender.disconnect()
    reader.disconnect()
    protocol = plant.attempts_of(session)[0]["properties"]["protocol"]
    assert protocol == ("MQTT3-WS" if version == V3 else "MQTT5-WS")


def test_a_refusal_over_websocket_has_its_reason(plant: Plant) -> None:
    name = uuid.uuid4().hex
    device = connect(plant, plant.sample("press-07"), user_name="nobody", session_name=name, websocket=True)
    code, sentence = device.connack()
    assert code == 0x87
    assert plant.attempts_of(name)[0]["code"] == "client-found"
    assert "nobody" in sentence
    device.disconnect()


# Exact bytes


def handshake(path: str = "/mqtt", *lines: str, protocol: str = "mqtt") -> bytes:
    asked = [f"Sec-WebSocket-Protocol: {protocol}"] if protocol else []
    head = [f"GET {path} HTTP/1.1", "Host: localhost", "Upgrade: websocket", "Connection: Upgrade"]
    head += ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13", *asked, *lines, "", ""]
    return "\r\n".join(head).encode()


def frame(first: int, payload: bytes) -> bytes:
    """A masked frame, as a client must send it."""
    mask = os.urandom(4)
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else bytes([0xFE]) + size.to_bytes(2, "big")
    return bytes([first]) + length + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


@contextmanager
def opened(plant: Target) -> Iterator[Wire]:
    found = open_wire(plant)
    with found.tls:
        yield found


def answer(found: Wire, end: bytes = b"\r\n\r\n") -> bytes:
    data = b""
    while end not in data:
        more = found.tls.recv(65_536)
        if not more:
            break
        data += more
    return data


def answer_to_the_end(found: Wire) -> bytes:
    """All that the endpoint sends; its Close frame is answered with one."""
    said = answer(found, end=NORMAL_CLOSE)
    found.send(frame(CLOSE, NORMAL_CLOSE[2:]))
    return said + answer(found, end=b"never")


def read_frame(found: Wire) -> tuple[int, bytes]:
    data = b""
    while len(data) < 2 or len(data) < 2 + data[1]:
        more = found.tls.recv(1)
        assert more, "The endpoint closed."
        data += more
    return data[0], data[2:]


def test_the_subprotocol_is_agreed_on(plant: Plant) -> None:
    with opened(plant) as found:
        found.send(handshake(protocol="mqttv3.1, mqtt"))
        head = answer(found).decode().lower()
        assert head.startswith("http/1.1 101")
        assert "sec-websocket-protocol: mqtt\r\n" in head
        assert "s3pplmbitxaq9kygzzhzrbk+xoo=" in head


def test_packets_may_be_cut_across_frames_and_joined_in_one(plant: Plant) -> None:
    name = uuid.uuid4().hex
    data = w.connect(name, "press-07") + w.PINGREQ + w.PINGREQ
    with opened(plant) as found:
        found.send(handshake())
        answer(found)
        found.send(*(frame(BINARY, data[at : at + 7]) for at in range(0, len(data), 7)))
        got = b""
        while got.count(b"\xd0\x00") < 2:
            kind, payload = read_frame(found)
            assert kind == BINARY
            got += payload
        assert got[0] == 0x20


def test_a_ping_frame_is_answered(plant: Plant) -> None:
    with opened(plant) as found:
        found.send(handshake())
        answer(found)
        found.send(frame(PING, b"are you there"))
        assert read_frame(found) == (PONG, b"are you there")


def test_a_text_frame_ends_the_connection(plant: Plant) -> None:
    with opened(plant) as found:
        found.send(handshake())
        answer(found)
        found.send(frame(TEXT, b"hello"))
        kind, payload = read_frame(found)
        assert (kind, int.from_bytes(payload[:2], "big")) == (CLOSE, 1003)


def test_a_frame_without_a_mask_ends_the_connection(plant: Plant) -> None:
    with opened(plant) as found:
        found.send(handshake())
        answer(found)
        found.send(b"\x82\x02\xc0\x00")
        kind, payload = read_frame(found)
        assert (kind, int.from_bytes(payload[:2], "big")) == (CLOSE, 1002)


def test_a_close_frame_is_answered_and_leaves_the_will(plant: Plant) -> None:
    topic = f"will/{uuid.uuid4().hex}"
    with connected(plant, uuid.uuid4().hex, "robot-1") as reader:
        reader.send(w.subscribe(topic))
        reader.expect(w.SUBACK)
        with opened(plant) as found:
            found.send(handshake())
            answer(found)
            found.send(frame(BINARY, w.connect(topic, "press-07", will=w.will(topic, b"gone"), will_flags=4)))
            assert read_frame(found)[0] == BINARY
            found.send(frame(CLOSE, (1000).to_bytes(2, "big")))
            assert read_frame(found)[0] == CLOSE
            assert reader.expect(w.PUBLISH).payload() == b"gone"


def test_nothing_behind_a_close_frame_is_heard(plant: Plant) -> None:
    name = uuid.uuid4().hex
    with opened(plant) as found:
        found.send(handshake())
        answer(found)
        goodbye = frame(CLOSE, (1000).to_bytes(2, "big"))
        again = frame(BINARY, w.connect(name, "press-07"))
        found.send(frame(BINARY, w.connect(name, "press-07")) + goodbye + again)
        assert read_frame(found)[0] == BINARY
        assert read_frame(found)[0] == CLOSE
        answer(found, end=b"never")
    assert [r["category"] for r in plant.attempts_of(name)] == ["SuccessfulMqttConnections", "MqttDisconnections"]


@pytest.mark.parametrize(
    "behind",
    [frame(PING, b"x"), frame(CLOSE, b""), frame(BINARY, w.PINGREQ), frame(TEXT, b"x"), b"\xff" * 30],
    ids=["ping", "close", "packet", "text", "nonsense"],
)
@pytest.mark.parametrize("goodbye", [w.disconnect(), w.connect("again", "press-07")], ids=["DISCONNECT", "error"])
def test_nothing_behind_the_end_of_the_mqtt_connection_is_heard(
    local_plant: LocalPlant,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    goodbye: bytes,
    behind: bytes,
) -> None:
    monkeypatch.setattr(tls, "GOODBYE_SECONDS", 0.2)
    name = uuid.uuid4().hex
    with opened(local_plant) as found:
        found.send(handshake())
        answer(found)
        found.send(frame(BINARY, w.connect(name, "press-07")) + frame(BINARY, goodbye) + behind)
        said = answer_to_the_end(found)
    assert said.count(NORMAL_CLOSE) == 1
    assert said.endswith(NORMAL_CLOSE)
    assert [r["category"] for r in local_plant.attempts_of(name)] == ["SuccessfulMqttConnections", "MqttDisconnections"]
    assert [record for record in caplog.records if record.exc_info] == []


@pytest.mark.parametrize(
    ("request_", "status", "sentence"),
    [
        (handshake("/other"), 404, "/mqtt"),
        (handshake(protocol=""), 400, "mqtt"),
        (handshake(protocol="mqttv3.1"), 400, "mqtt"),
        (b"GET /mqtt HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, ""),
        (b"GET /mqtt HTTP/9\r\n\r\n", 400, ""),
        (handshake("/mqtt", "Sec-WebSocket-Protocol: mätt"), 0, ""),
        (handshake("/mqtt", "Upgrade: wäbsocket"), 0, ""),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 50_000, 0, ""),
    ],
    ids=[
        "path",
        "no subprotocol",
        "another subprotocol",
        "no upgrade",
        "no HTTP",
        "odd subprotocol",
        "odd upgrade",
        "endless",
    ],
)
def test_invalid_websocket_requests_are_refused(plant: Plant, request_: bytes, status: int, sentence: str) -> None:
    with opened(plant) as found:
        try:
            found.send(request_)
            said = answer(found, end=b"never").decode()
        except (ssl.SSLError, ConnectionError):
            said = ""
        assert not status or said.startswith(f"HTTP/1.1 {status}"), said
        assert sentence in said
    assert "Traceback" not in plant.emulator.log()


def test_endless_frames_and_nonsense_leave_no_traceback(plant: Plant) -> None:
    with connected(plant, uuid.uuid4().hex, "robot-1") as witness:
        for nonsense in (
            b"\xff" * 300,
            b"\x82\xff" + b"\xff" * 8 + b"mask",
            b"\x00" * 50,
            frame(CLOSE, b"x"),
            b"\x88\x80abcd" * 20,
        ):
            with opened(plant) as found:
                found.send(handshake())
                answer(found)
                found.send(nonsense)
                found.tls.settimeout(1)
                try:
                    while found.tls.recv(1000):
                        pass
                except (OSError, ssl.SSLError):
                    pass
        assert witness.silent()
    assert "Traceback" not in plant.emulator.log()
