"""HTTP on the connection itself: in pieces, in a row, malformed, slow, and beside MQTT and WebSocket."""

import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from emulator.mqtt.http_api import http_connection
from tests.emulator.mqtt import raw_client as w
from tests.emulator.mqtt.http_api.calls import PUBLISH_VERSION, RETAINED_VERSION, connection, publish, token_of
from tests.emulator.mqtt.in_process import LocalPlant
from tests.emulator.mqtt.messages import listening
from tests.emulator.mqtt.raw_client import connected, open_wire
from tests.support.waiting import until


@contextmanager
def tls(plant: LocalPlant) -> Iterator[ssl.SSLSocket]:
    """A TLS connection without a client certificate."""
    with open_wire(plant, None).tls as opened:
        yield opened


MANY = 300  # responses of 64 KB: more than the buffers of the network take


def request(plant: LocalPlant, topic: str, body: bytes = b"x", *, more: str = "") -> bytes:
    head = (
        f"POST /mqtt/messages?topic={topic}&api-version={PUBLISH_VERSION} HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {token_of(plant)}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    )
    return head.encode() + body


def responses(opened: ssl.SSLSocket, status: int, count: int) -> None:
    """Read until there are `count` heads of responses with this status."""
    wanted = f"HTTP/1.1 {status} ".encode()
    found, rest = 0, b""
    while found < count:
        received = opened.recv(65_536)
        assert received, rest
        data = rest + received
        found += data.count(wanted)
        rest = data[1 - len(wanted) :]  # it may be cut


def raw(opened: ssl.SSLSocket) -> bytes:
    """Everything up to the end of the connection."""
    data = b""
    while received := opened.recv(65_536):
        data += received
    return data


def test_a_kept_connection_serves_one_request_after_another(local_plant: LocalPlant) -> None:
    with connected(local_plant, "r", "robot-1") as reader, closing(connection(local_plant)) as opened:
        listening(reader, "#")
        headers = {"Authorization": f"Bearer {token_of(local_plant)}"}
        for topic in ("a", "b", "c"):
            opened.request("POST", f"/mqtt/messages?topic={topic}&api-version={PUBLISH_VERSION}", b"x", headers)
            response = opened.getresponse()
            assert (response.status, response.read()) == (204, b"")
            assert reader.expect(w.PUBLISH).topic == topic


def test_a_request_may_come_byte_by_byte_and_several_at_once(local_plant: LocalPlant) -> None:
    with connected(local_plant, "r", "robot-1") as reader, tls(local_plant) as opened:
        listening(reader, "#")
        for byte in request(local_plant, "slow")[:20]:
            opened.send(bytes([byte]))
        opened.sendall(request(local_plant, "slow")[20:] + request(local_plant, "b") + request(local_plant, "c"))
        assert [reader.expect(w.PUBLISH).topic for _ in range(3)] == ["slow", "b", "c"]
        responses(opened, 204, 3)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"POST /mqtt/messages\r\n\r\n", 400),
        (b"POST /mqtt/messages HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"POST /mqtt/messages HTTP/1.1\r\n\r\n", 400),  # without a host
        (b"POST /mqtt/messages HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n", 400),
        (b"POST /mqtt/messages HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 100_000, 431),
        (b"GET /mqtt/\x00 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    ],
)
def test_what_is_not_http_is_refused_and_closed(local_plant: LocalPlant, data: bytes, status: int) -> None:
    with tls(local_plant) as opened:
        opened.sendall(data)
        found = raw(opened)
    assert found.startswith(f"HTTP/1.1 {status} ".encode()), found[:200]
    assert b"\r\nconnection: close\r\n" in found


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PUT", "/mqtt/messages", 405),
        ("HEAD", "/mqtt/messages", 405),
        ("OPTIONS", "/", 404),
        ("PATCH", "/mqtt/else", 404),
        ("DELETE", "/mqtt/retainedMessages", 405),
        ("GET", "/mqtt/messages", 405),
        ("GET", "/mqtt/", 404),
    ],
)
def test_every_other_request_is_answered(local_plant: LocalPlant, method: str, path: str, status: int) -> None:
    with closing(connection(local_plant)) as opened:
        opened.request(method, path)
        assert opened.getresponse().status == status


def test_a_body_in_chunks_is_bounded_too(local_plant: LocalPlant) -> None:
    head = request(local_plant, "a", b"", more="Transfer-Encoding: chunked\r\n").replace(b"Content-Length: 0\r\n", b"")
    with tls(local_plant) as opened:
        opened.sendall(head + b"5\r\nhello\r\n0\r\n\r\n")
        responses(opened, 204, 1)
        opened.sendall(head)
        chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
        for _ in range(9):
            opened.sendall(chunk)
        assert raw(opened).startswith(b"HTTP/1.1 413 ")


def test_a_client_that_waits_for_100_continue_gets_it(local_plant: LocalPlant) -> None:
    data = request(local_plant, "a", b"hello", more="Expect: 100-continue\r\n")
    with tls(local_plant) as opened:
        opened.sendall(data[:-5])
        responses(opened, 100, 1)
        opened.sendall(data[-5:])
        responses(opened, 204, 1)


def test_slow_and_silent_connections_are_closed(local_plant: LocalPlant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_connection, "HTTP_REQUEST_SECONDS", 0.2)
    with tls(local_plant) as slow, tls(local_plant) as silent:
        slow.sendall(request(local_plant, "a", b"hello")[:-1])
        silent.sendall(b"POST /mqtt")
        assert raw(slow).startswith(b"HTTP/1.1 408 ")
        assert raw(silent) == b""
    until(lambda: not local_plant.namespace._http_connections, "both are closed")


def test_a_client_that_reads_nothing_gets_no_further_responses(local_plant: LocalPlant) -> None:
    assert publish(local_plant, "large", b"x" * 65_536, query={"retain": "1"}).status == 204
    ask = (
        f"GET /mqtt/retainedMessages/message?topic=large&api-version={RETAINED_VERSION} HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {token_of(local_plant)}\r\n\r\n"
    ).encode()
    with tls(local_plant) as opened:
        opened.sendall(ask * MANY)
        until(lambda: bool(local_plant.namespace._http_connections), "the connection is served")
        (serving,) = local_plant.namespace._http_connections
        until(lambda: serving._transport.is_congested, "the responses wait")
        assert serving._transport._gathered_bytes < 1_000_000
        assert publish(local_plant, "other").status == 204  # others are served
        responses(opened, 200, MANY)


def test_http_leaves_no_record_of_a_connection_attempt(local_plant: LocalPlant) -> None:
    assert publish(local_plant, "a").status == 204
    until(lambda: not local_plant.namespace._http_connections, "the connection is closed")
    assert local_plant.log() == []
    assert local_plant.namespace._open == set()


def test_a_few_letters_that_are_no_http_are_mqtts_error(local_plant: LocalPlant) -> None:
    with tls(local_plant) as opened:
        opened.sendall(b"PO")
    until(lambda: bool(local_plant.log()), "the attempt is recorded")
    (record,) = local_plant.log()
    assert record["code"]


def test_open_http_connections_end_with_the_endpoint(local_plant: LocalPlant) -> None:
    with tls(local_plant) as opened:
        opened.sendall(request(local_plant, "a"))
        responses(opened, 204, 1)
        local_plant.configure(state="Disabled")
        assert b"HTTP/1.1" not in raw(opened)
