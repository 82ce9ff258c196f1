"""Fuzz the whole endpoint: mutated packets of connected clients, mutated CONNECTs, mutated WebSocket frames, and
mutated TLS records in handshakes.

All run in the endpoint's own loop without a network between, so that a hundred thousand fit into seconds; a client over
real TLS is served all the while, and nothing is left behind.
"""

import asyncio
import contextlib
import functools
import gc
import random
import ssl
import tracemalloc
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from OpenSSL import SSL

from certificates.samples.chain import SampleCertificate
from emulator.credentials import EVENT_GRID_AUDIENCE
from emulator.mqtt.connections.connection import Connection
from emulator.mqtt.listeners.namespace_endpoint import NamespaceEndpoint
from emulator.mqtt.transport.tls import Application, TlsTransport
from emulator.mqtt.transport.websocket import Opening
from tests.emulator.mqtt import raw_client as w
from tests.emulator.mqtt.in_process import LocalPlant
from tests.emulator.mqtt.raw_client import connected
from tests.emulator.mqtt.transport.test_websocket import BINARY, CLOSE, PING, PONG, TEXT, frame, handshake
from tests.emulator.mqtt.wire.test_bad_packets import BAD_CONNECTS, BAD_PACKETS, mutated
from tests.support.waiting import until

SEED = 20_261_124
PACKETS = 100_000
PACKETS_OF_A_CONNECTION = 50
HANDSHAKES = 4_000
TURN = 20  # connections before others run
GOOD = [
    *(data for data, _ in BAD_PACKETS.values()),
    w.publish("a/b", b"x" * 50, qos=1, packet_id=7),
    w.publish("a/b", b"x" * 50, properties=w.pair("k", "v") + w.four(w.MESSAGE_EXPIRY, 1)),
    w.publish("a/c", b"kept", qos=1, retain=True),
    w.publish("a/d", b"x", qos=1, properties=w.two(w.TOPIC_ALIAS, 3)),
    w.subscribe("a/#", "b/+"),
    w.subscribe("$share/g/a", "#"),
    w.subscribe("$share/g/a/#", "$share/h/+/+", "a/+", identifier=300),
    w.unsubscribe("$share/g/a/#", "$share/h/+/+"),
    w.unsubscribe("a/#"),
    w.puback(1),
    w.PINGREQ,
    w.disconnect(4, w.four(w.SESSION_EXPIRY, 1)),
]


CONNECTS = [
    *(data for data, _ in BAD_CONNECTS.values()),
    w.connect("fuzz-1", "press-07", version=4, will=w.will("a", b"x", version=4), will_flags=0x2C),
    w.connect("", "press-07", will=w.will("a", b"x", properties=w.four(w.WILL_DELAY, 1)), will_flags=0x0C),
    w.connect("fuzz-2", None, clean=False, keep_alive=0, properties=w.two(w.RECEIVE_MAXIMUM, 1)),
]


def http_request(line: str, *headers: str, body: bytes = b"") -> bytes:
    lines = (f"{line} HTTP/1.1", "Host: x", "Authorization: Bearer TOKEN", *headers)
    return "".join(f"{each}\r\n" for each in lines).encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body


PUBLISHED, RETAINED = "api-version=2025-08-01-preview", "api-version=2025-11-16-preview"
REQUESTS = [
    http_request(
        f"POST /mqtt/messages?topic=a%2Fb&{PUBLISHED}", "mqtt-qos: 1", "Content-Type: text/plain", body=b"x" * 30
    ),
    http_request(f"POST /mqtt/messages?topic=a%2Fkept&retain=1&{PUBLISHED}", "mqtt-message-expiry: 1", body=b"kept"),
    http_request(f"POST /mqtt/messages?topic=b&qos=0&{PUBLISHED}", "mqtt-user-properties: W3siYSI6ICJiIn1d"),
    http_request(
        f"POST /mqtt/messages?topic=b&{PUBLISHED}", "mqtt-correlation-data: AAE=", "mqtt-response-topic: a%2Fb"
    ),
    http_request(f"GET /mqtt/retainedMessages?topicFilter=%23&maxResults=2&{RETAINED}"),
    http_request(f"GET /mqtt/retainedMessages/message?topic=a%2Fkept&{RETAINED}"),
    b"POST /mqtt/messages?topic=a&api-version=2025-08-01-preview HTTP/1.1\r\nHost: x\r\n"
    b"Authorization: Bearer TOKEN\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
]


class DeadEnd:
    """A wire without a network: counts the bytes written to it, and remembers whether it was closed."""

    protocol_suffix = ""
    is_congested = False

    def __init__(self, sample: SampleCertificate) -> None:
        self.peer = "127.0.0.1:1"
        self.peer_chain = (sample.certificate_der, *sample.chain[:1])
        self.said = 0
        self.is_over = False  # the endpoint has closed it, or waits for the client to do so
        self.is_closed = False
        self.application: Application | None = None  # gets the bytes that TLS would pass on

    def write(self, data: bytes) -> None:
        assert not self.is_closed, "Something was said behind the end."
        self.said += len(data)

    def await_end(self, then: Callable[[], None] | None = None) -> None:
        assert not self.is_closed
        self.is_over = True

    def close(self) -> None:
        self.is_over = self.is_closed = True


class NoNetwork(asyncio.Transport):
    """asyncio's side of a TLS connection, without a socket."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self._is_closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def close(self) -> None:
        self._is_closing = True

    def abort(self) -> None:
        self._is_closing = True

    def write_eof(self) -> None:
        self._is_closing = True

    def is_closing(self) -> bool:
        return self._is_closing

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """There is no buffer."""

    def pause_reading(self) -> None:
        """There is nothing to read."""

    def resume_reading(self) -> None:
        """There is nothing to read."""


def talk(namespace: NamespaceEndpoint, sample: SampleCertificate, chance: random.Random) -> int:
    """One connection of some kind. How many packets or frames it got."""
    kind = chance.random()
    if kind < 0.1:
        return ask_in(namespace, sample, chance)
    if kind < 0.15:
        return talk_over_http(namespace, sample, chance)
    if kind < 0.3:
        return talk_over_websocket(namespace, sample, chance)
    return talk_in_packets(namespace, sample, chance)


def ask_in(namespace: NamespaceEndpoint, sample: SampleCertificate, chance: random.Random) -> int:
    """Send one mutated CONNECT, and a packet after it in case it is accepted."""
    wire = DeadEnd(sample)
    connection = Connection(namespace, wire)
    wire.application = connection
    connection.data_received(mutated(chance.choice(CONNECTS), chance))
    connection.data_received(w.PINGREQ)
    connection.connection_lost()
    return 2


def talk_over_websocket(namespace: NamespaceEndpoint, sample: SampleCertificate, chance: random.Random) -> int:
    """One WebSocket, sometimes with a mutated opening: connected, then mutated frames, several in one read."""
    wire = DeadEnd(sample)
    network: Any = wire  # stands for TLS
    wire.application = Opening(network, Connection(namespace, wire))
    opening = handshake()
    wire.application.data_received(mutated(opening, chance) if chance.random() < 0.2 else opening)
    connect = w.connect(f"ws-{chance.randrange(20)}", "press-07", clean=False)
    wire.application.data_received(frame(BINARY, connect))
    sent = 2
    while sent < PACKETS_OF_A_CONNECTION and not wire.is_over:
        some = chance.randint(1, 4)
        wire.application.data_received(b"".join(mutated_frame(chance) for _ in range(some)))
        sent += some
    wire.application.connection_lost()
    return sent


def talk_over_http(namespace: NamespaceEndpoint, sample: SampleCertificate, chance: random.Random) -> int:
    """One connection with mutated HTTP requests, several in one read and each cut anywhere."""
    wire = DeadEnd(sample)
    network: Any = wire
    serve = functools.partial(namespace._serve_http, network)
    wire.application = Opening(network, Connection(namespace, wire), serve)
    credentials = namespace._http._credentials
    assert credentials is not None
    token = credentials.issue_token(audience=EVENT_GRID_AUDIENCE)
    sent = 0
    while sent < PACKETS_OF_A_CONNECTION // 5 and not wire.is_over:
        asked = b"".join(mutated(chance.choice(REQUESTS), chance) for _ in range(chance.randint(1, 3)))
        data = asked.replace(b"TOKEN", token.encode())
        at = chance.randrange(len(data) + 1)
        for part in (data[:at], data[at:]):
            if not wire.is_over:
                wire.application.data_received(part)
        sent += 1
    wire.application.connection_lost()
    return sent


def mutated_frame(chance: random.Random) -> bytes:
    """A frame of some kind with a packet in it: mutated inside, outside, or not at all."""
    kind = chance.choice((BINARY, BINARY, BINARY, PING, PONG, CLOSE, TEXT, 0x02, 0x80))
    content = mutated(chance.choice(GOOD), chance)
    made = frame(kind, content if kind == BINARY else content[:125])
    return mutated(made, chance) if chance.random() < 0.3 else made


def talk_in_packets(namespace: NamespaceEndpoint, sample: SampleCertificate, chance: random.Random) -> int:
    """Connect and send packets until the endpoint closes. Returns the number sent."""
    wire = DeadEnd(sample)
    connection = Connection(namespace, wire)
    version = chance.choice((4, 5))
    expiry = w.four(w.SESSION_EXPIRY, chance.choice((0, 60)))
    name = f"fuzz-{chance.randrange(20)}"
    connection.data_received(w.connect(name, "press-07", version=version, clean=False, properties=expiry))
    assert wire.said
    sent = 0
    while sent < PACKETS_OF_A_CONNECTION and not wire.is_over:
        connection.data_received(mutated(chance.choice(GOOD), chance))
        sent += 1
    connection.connection_lost()
    return sent


@pytest.mark.long  # it also measures memory
def test_a_hundred_thousand_mutated_packets_harm_no_connection(local_plant: LocalPlant) -> None:
    local_plant.configure(maximumClientSessionsPerAuthenticationName=100)
    until(lambda: local_plant.namespace.sessions_per_name == 100, "100 sessions are allowed")
    namespace, sample, chance = local_plant.namespace, local_plant.sample("press-07"), random.Random(SEED)

    async def some() -> int:
        return sum(talk(namespace, sample, chance) for _ in range(TURN))

    def memory_after(packets: int) -> int:
        sent = 0
        while sent < packets:
            sent += local_plant.run(some())
            assert witness.silent()  # served between
        local_plant.store.write_connections()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    with connected(local_plant, uuid.uuid4().hex, "robot-1") as witness:
        memory_after(PACKETS // 2)
        tracemalloc.start()
        try:
            before = memory_after(PACKETS // 20)
            after = memory_after(PACKETS // 2)
        finally:
            tracemalloc.stop()
    assert after - before < 200_000, (before, after)
    broker = namespace.broker
    for session in tuple(broker.sessions.values()):
        broker.drop(session, 0.0)
    assert (broker.ledger.held, broker._groups) == (0, {})
    until(lambda: not namespace.connections(), "the witness is gone")
    assert len(broker.tallies) == 2
    assert not namespace._http_connections


def shake_hands(
    namespace: NamespaceEndpoint, context: ssl.SSLContext, server: SSL.Context, chance: random.Random
) -> bool:
    """One handshake in which one flight of the client is mutated. Whether it was established nevertheless."""
    network = NoNetwork()
    transport = TlsTransport(server, namespace)
    transport.connection_made(network)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    spoilt = chance.randrange(3)
    for flight in range(4):
        with contextlib.suppress(ssl.SSLError):
            client.do_handshake()
            client.write(w.connect("tls", "press-07") + w.PINGREQ)
        data = outgoing.read()
        transport.data_received(mutated(data, chance) if flight == spoilt else data)
        incoming.write(bytes(network.written))
        network.written.clear()
        if network.is_closing():
            break
    established = transport.is_established
    transport.connection_lost(None)
    return established


def test_thousands_of_mutated_tls_records_harm_no_connection(local_plant: LocalPlant) -> None:
    namespace, chance = local_plant.namespace, random.Random(SEED)
    context = w.client_context(local_plant, local_plant.sample("press-07"))
    server = local_plant.server_context()

    async def some() -> int:
        return sum(shake_hands(namespace, context, server, chance) for _ in range(TURN))

    with connected(local_plant, uuid.uuid4().hex, "robot-1") as witness:
        established = 0
        for _ in range(HANDSHAKES // TURN):
            established += local_plant.run(some())
            assert witness.silent()
    assert 0 < established < HANDSHAKES
    until(lambda: not namespace._transports, "every connection is gone")
    gc.collect()
    assert sum(type(each) is TlsTransport for each in gc.get_objects()) < 5
