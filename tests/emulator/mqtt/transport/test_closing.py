"""How connections close: nothing that a client sends up to its own end is answered with a TCP reset."""

import os
import socket
import uuid
from pathlib import Path

import pytest

from emulator.mqtt.listeners import namespace_endpoint
from emulator.mqtt.transport import tls
from tests.emulator.mqtt import raw_client as w
from tests.emulator.mqtt.in_process import LocalPlant
from tests.emulator.mqtt.plant import Plant
from tests.emulator.mqtt.raw_client import Wire, connected, open_wire, wire
from tests.support.waiting import until

BINARY, CLOSE = 0x82, 0x88
TLS_ALERT = 21
NORMAL = (1000).to_bytes(2, "big")
HANDSHAKE = (
    b"GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
)


def frame(first: int, payload: bytes) -> bytes:
    mask = os.urandom(4)
    masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
    return bytes([first, 0x80 | len(payload)]) + mask + masked


def until_logged(plant: Plant, session: str, signature: str) -> None:
    """Wait until the endpoint has worked through the packet that ends the connection."""
    until(lambda: any(r["resultSignature"] == signature for r in plant.attempts_of(session)), f"{signature} is logged")


def read_to_the_end(opened: Wire) -> bytes:
    """All that the endpoint still sends, up to its close_notify: a reset raises `ConnectionResetError`."""
    data = b""
    while more := opened.tls.recv(65_536):
        data += more
    return data


@pytest.mark.parametrize("version", [4, 5], ids=["3.1.1", "5"])
def test_acknowledgements_behind_disconnect_are_not_reset(plant: Plant, version: int) -> None:
    name = uuid.uuid4().hex
    with connected(plant, name, version=version) as opened:
        opened.send(w.disconnect())
        until_logged(plant, name, "ClientInitiatedDisconnect")
        opened.send(w.puback(1))
        opened.send(w.puback(2))  # fails with EPIPE where the first was answered with a reset
        opened.tls.unwrap()  # raises unless the endpoint answers with its own close_notify


def test_a_client_that_stays_after_disconnect_is_closed(
    local_plant: LocalPlant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "GOODBYE_SECONDS", 0.2)
    with connected(local_plant, uuid.uuid4().hex) as opened:
        opened.send(w.disconnect())
        assert read_to_the_end(opened) == b""


def test_a_client_that_is_ended_may_finish_its_packets(own_plant: Plant) -> None:
    with connected(own_plant, "busy") as opened, connected(own_plant, "busy"):
        until_logged(own_plant, "busy", "SessionTakenOver")
        for _ in range(50):
            opened.send(w.publish("t", b"x" * 30_000))
        found = opened.expect(w.DISCONNECT)
        assert found.reason == 0x8E
        assert read_to_the_end(opened) == b""


def test_a_refused_client_reads_its_connack_whatever_it_sends(plant: Plant) -> None:
    name = uuid.uuid4().hex
    with wire(plant) as opened:
        opened.send(w.connect(name, "nobody"))
        until_logged(plant, name, "AuthenticationError")
        for _ in range(50):
            opened.send(w.publish("t", b"x" * 30_000))
        assert opened.expect(w.CONNACK).reason == 0x87
        assert read_to_the_end(opened) == b""


def test_a_failed_handshake_ends_with_its_alert(own_plant: Plant) -> None:
    endpoint = own_plant.endpoint
    with socket.create_connection((endpoint["host"], endpoint["port"]), timeout=w.SECONDS) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\n")
        until(lambda: bool(own_plant.log()), "the failed handshake is logged")
        raw.sendall(b"Host: localhost\r\n")
        raw.sendall(b"\r\n")
        raw.shutdown(socket.SHUT_WR)
        data = b""
        while more := raw.recv(1_000):
            data += more
    assert own_plant.log()[0]["resultSignature"] == "TlsError"
    assert data[:1] in {b"", bytes([TLS_ALERT])}


@pytest.fixture
def websocket(plant: Plant) -> tuple[str, Wire]:
    """The session name and the connection of a client that is connected over WebSocket."""
    name, opened = uuid.uuid4().hex, open_wire(plant)
    opened.send(HANDSHAKE)
    assert b"\r\n\r\n" in opened.tls.recv(65_536)
    opened.send(frame(BINARY, w.connect(name, "press-07", version=4)))
    assert opened.tls.recv(6) == b"\x82\x04\x20\x02\x00\x00"
    return name, opened


def test_the_closing_handshake_of_a_websocket_is_finished(plant: Plant, websocket: tuple[str, Wire]) -> None:
    name, opened = websocket
    with opened.tls:
        opened.send(frame(BINARY, w.disconnect()))
        until_logged(plant, name, "ClientInitiatedDisconnect")
        opened.send(frame(BINARY, w.puback(1)))
        opened.send(frame(CLOSE, NORMAL))
        assert read_to_the_end(opened) == bytes([CLOSE, 2]) + NORMAL


def test_a_websocket_that_the_endpoint_closes_waits_for_the_answer(plant: Plant, websocket: tuple[str, Wire]) -> None:
    _, opened = websocket
    with opened.tls:
        opened.send(frame(BINARY, w.PINGREQ + w.connect("again", "press-07", version=4)))
        assert opened.tls.recv(4) == b"\x82\x02\xd0\x00"
        assert opened.tls.recv(4) == bytes([CLOSE, 2]) + NORMAL
        opened.send(frame(BINARY, w.PINGREQ))
        opened.send(frame(CLOSE, NORMAL))
        assert read_to_the_end(opened) == b""


def test_clients_that_stay_do_not_hold_up_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(namespace_endpoint, "STOP_SECONDS", 0.2)
    plant = LocalPlant(tmp_path)
    with connected(plant, "a") as first, connected(plant, "b", "robot-1"):
        first.send(w.disconnect())
        until(lambda: len(plant.namespace.connections()) == 1, "one has said goodbye")
        namespace = plant.namespace
        plant.close()
        assert not namespace.has_connections
