"""Slow readers, floods, half-open and too many connections: the endpoint's memory stays bounded, and others are served."""

import asyncio
import contextlib
import gc
import os
import random
import socket
import ssl
import statistics
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from emulator.mqtt.connections import connection
from emulator.mqtt.limits import MAX_BUFFERED_OUTGOING_BYTES, MAX_OPEN_HANDSHAKES, MAX_QUEUED_BYTES
from emulator.mqtt.listeners import namespace_endpoint
from emulator.mqtt.sessions.broker import Broker
from emulator.mqtt.sessions.session import Ledger, Message, Session
from emulator.mqtt.transport import tls
from emulator.mqtt.wire.packets import PacketError, Subscription
from emulator.mqtt.wire.reading import Decoder
from tests.emulator.mqtt import raw_client as w
from tests.emulator.mqtt.in_process import LocalPlant
from tests.emulator.mqtt.plant import Plant
from tests.emulator.mqtt.raw_client import SECONDS, Wire, connected, open_wire, wire
from tests.emulator.mqtt.wire.test_bad_packets import BAD_CONNECTS, BAD_PACKETS, mutated
from tests.support.waiting import until

MEGABYTE = 1_048_576


def memory_of(plant: Plant) -> int:
    status = Path(f"/proc/{plant.emulator.process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) * 1024


def listening(opened: Wire, topic: str, qos: int = 0) -> None:
    opened.send(w.subscribe(topic, qos=qos))
    opened.expect(w.SUBACK)


def sent_without_reading(opened: Wire, data: bytes, seconds: float) -> int:
    """Send the same bytes until the endpoint takes no more, or for so long. The answer is how many bytes it took."""
    opened.tls.settimeout(0.5)
    sent, deadline = 0, time.monotonic() + seconds
    with contextlib.suppress(TimeoutError, ssl.SSLWantWriteError, OSError):
        while time.monotonic() < deadline:
            sent += opened.tls.send(data)
    return sent


@contextlib.contextmanager
def with_small_buffers(plant: Plant) -> Iterator[Wire]:
    """A connection for which few answers wait in the kernel, on either side, so that it is full at once."""
    endpoint = plant.endpoint
    with socket.socket() as raw:
        raw.settimeout(SECONDS)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1_400)
        raw.connect((endpoint["host"], endpoint["port"]))
        with w.usual_context(plant, "press-07").wrap_socket(raw, server_hostname=endpoint["host"]) as secured:
            yield Wire(secured)


def test_a_reader_that_stops_reading_loses_qos_0_and_costs_bounded_memory(own_plant: Plant) -> None:
    with connected(own_plant, "slow", "robot-1") as slow, connected(own_plant, "fast", "robot-2") as fast:
        listening(slow, "flood/#")
        listening(fast, "other")
        with connected(own_plant, "sender") as sender:
            before = memory_of(own_plant)
            large = w.publish("flood/x", b"x" * 100_000)
            for _ in range(400):  # 40 MB
                sender.send(large)
            assert sender.silent()
            assert memory_of(own_plant) - before < 12 * MEGABYTE
            sender.send(w.publish("other", b"served"))
            assert fast.expect(w.PUBLISH).payload() == b"served"


def test_a_client_that_never_reads_its_answers_is_not_read_any_more(own_plant: Plant) -> None:
    with with_small_buffers(own_plant) as deaf, connected(own_plant, "other", "robot-1") as other:
        deaf.send(w.connect("deaf", "press-07"))
        deaf.expect(w.CONNACK)
        before = memory_of(own_plant)
        taken = sent_without_reading(deaf, w.PINGREQ * 8_000, 8)
        assert other.silent()
        assert memory_of(own_plant) - before < 24 * MEGABYTE
        assert taken < 60 * MEGABYTE


def test_a_flood_of_one_client_does_not_keep_another_waiting(own_plant: Plant) -> None:
    with connected(own_plant, "flood") as flood, connected(own_plant, "other", "robot-1") as other:
        for _ in range(10):
            flood.send(b"".join(w.publish(f"t/{n % 50}", b"x" * 50) for n in range(2_000)))
            assert other.silent()
        assert flood.silent()


def test_a_client_that_was_cut_off_while_it_did_not_read_is_let_go(
    local_plant: LocalPlant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "LINGER_SECONDS", 0.2)
    with connected(local_plant, "slow", "robot-1") as slow:
        listening(slow, "flood/#")
        with connected(local_plant, "sender") as sender:
            for _ in range(200):
                sender.send(w.publish("flood/x", b"x" * 100_000))
            assert sender.silent()
        with connected(local_plant, "slow", "robot-1"):  # takes the session over
            until(lambda: len(local_plant.namespace._transports) == 1, "the slow connection is gone")


# Before CONNECT


def test_a_client_that_gathers_small_packets_connects_without_delay(plant: Plant) -> None:
    """Nagle's algorithm holds CONNECT back until the end of the handshake is acknowledged, for which TCP takes 40 ms."""
    endpoint, context = plant.endpoint, w.usual_context(plant, "press-07")

    def seconds() -> float:
        raw = socket.create_connection((endpoint["host"], endpoint["port"]), timeout=SECONDS)
        with context.wrap_socket(raw, server_hostname=endpoint["host"]) as secured:
            began, opened = time.monotonic(), Wire(secured)
            opened.send(w.connect(uuid.uuid4().hex, "press-07"))
            assert opened.expect(w.CONNACK).reason == 0
            return time.monotonic() - began

    until(lambda: statistics.median(seconds() for _ in range(9)) < 0.03, "CONNECT is not held back")


def test_silent_connections_are_closed(local_plant: LocalPlant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "HANDSHAKE_TIMEOUT_SECONDS", 0.2)
    endpoint = local_plant.endpoint
    with socket.create_connection((endpoint["host"], endpoint["port"]), timeout=SECONDS) as raw:
        assert raw.recv(1) == b""
    assert local_plant.log()[0]["code"] == "tls-timeout"


def test_a_client_that_never_sends_connect_is_closed(local_plant: LocalPlant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "CONNECT_TIMEOUT_SECONDS", 0.2)
    with wire(local_plant) as opened:
        assert opened.receive() is None
    assert local_plant.log()[0]["code"] == "no-connect"


def test_the_oldest_half_open_connection_gives_way(own_plant: Plant) -> None:
    endpoint = own_plant.endpoint
    with contextlib.ExitStack() as stack:
        half_open = [
            stack.enter_context(socket.create_connection((endpoint["host"], endpoint["port"]), timeout=SECONDS))
            for _ in range(MAX_OPEN_HANDSHAKES)
        ]
        with connected(own_plant, "in between") as opened:
            assert opened.silent()
        with contextlib.suppress(ConnectionResetError):
            assert half_open[0].recv(1) == b""
        half_open[-1].setblocking(False)
        with pytest.raises(BlockingIOError):  # still open
            half_open[-1].recv(1)


def test_only_so_many_connections_are_open_at_once(local_plant: LocalPlant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(namespace_endpoint, "MAX_CONNECTIONS", 2)
    with connected(local_plant, "a"), connected(local_plant, "b", "robot-1") as second:
        with pytest.raises(OSError):
            open_wire(local_plant)
        assert second.silent()
    until(lambda: not local_plant.namespace._transports, "both are gone")
    with connected(local_plant, "a"):
        pass


def test_a_message_held_back_while_too_much_was_gathered_goes_out_with_it(local_plant: LocalPlant) -> None:
    async def publish_at_once() -> None:  # before anything of it goes to the network
        namespace, now = local_plant.namespace, time.monotonic()
        for _ in range(MAX_BUFFERED_OUTGOING_BYTES // 65_536 + 1):
            namespace.publish(Message("t", b"x" * 65_536, 0, False), None, now)
        namespace.publish(Message("t", b"last", 1, False), None, now)

    with connected(local_plant, "reader") as reader:
        listening(reader, "t", qos=1)
        local_plant.run(publish_at_once())
        received = [reader.expect(w.PUBLISH).payload() for _ in range(MAX_BUFFERED_OUTGOING_BYTES // 65_536 + 1)]
    assert received[-1] == b"last"


def test_hundreds_of_connections_leave_nothing_behind(local_plant: LocalPlant) -> None:
    def come_and_go(times: int) -> None:
        for number in range(times):
            with wire(local_plant) as opened:
                opened.send(w.connect(f"s{number}", "press-07" if number % 3 else "nobody"))
                opened.expect(w.CONNACK)
                if number % 2:
                    opened.cut()

    def counted() -> int:
        until(lambda: not local_plant.namespace._transports, "every connection is gone")
        gc.collect()
        return sum(type(each) in {tls.TlsTransport, connection.Connection, Session} for each in gc.get_objects())

    come_and_go(30)
    before = counted()
    come_and_go(200)
    assert counted() <= before + 2
    assert not local_plant.namespace.broker.sessions
    assert not local_plant.namespace.connections()
    assert local_plant.namespace.broker.ledger.held == 0


# Bounds of the broker, without a network


def a_broker(subscribers: int = 1) -> Broker:
    broker = Broker()
    for number in range(subscribers):
        session, _ = broker.open(f"s{number}", f"o{number}", clean=True, now=0)
        broker.subscribe(session, Subscription("#", 1))
    return broker


def test_one_mebibyte_waits_for_a_session_at_most() -> None:
    broker = a_broker()
    message = Message("t", b"x" * 300_000, 1, False)
    overflowed = [broker.publish(message, None, 0) for _ in range(4)]
    assert [bool(each) for each in overflowed] == [False, False, False, True]
    assert broker.ledger.held <= MAX_QUEUED_BYTES


def test_all_sessions_of_a_namespace_together_hold_a_bounded_amount() -> None:
    broker = a_broker(10)
    broker.ledger.limit = 2_000_000
    overflowed = broker.publish(Message("t", b"x" * 500_000, 1, False), None, 0)
    assert len(overflowed) == 10 - 3
    for session in overflowed:
        broker.drop(session, 0.0)
    assert broker.ledger.held == 3 * 500_001
    for session in tuple(broker.sessions.values()):
        broker.drop(session, 0.0)
    assert broker.ledger.held == 0


def test_acknowledged_and_expired_messages_free_their_memory() -> None:
    class Outlet:
        is_congested = False

        def __init__(self) -> None:
            self.sent: dict[int, bytes] = {}  # the first byte of each payload

        def send(self, message: Message, packet_id: int, now: float, *, duplicate: bool = False) -> bool:
            self.sent[packet_id] = message.payload[:1]
            return len(message.payload) < 100

    ledger = Ledger()
    session, outlet = Session("s", "o", ledger), Outlet()
    session.deliver(Message("t", b"1", 1, False), 0)
    session.deliver(Message("t", b"2", 1, False, expires_at=5), 0)
    session.deliver(Message("t", b"3" * 200, 1, False), 0)
    session.attach(outlet)
    session.pump(10)
    assert list(outlet.sent.values()) == [b"1", b"3"]  # the second has expired
    session.acknowledge(next(iter(outlet.sent)))
    assert (ledger.held, session.in_flight) == (0, {})  # the third was too large for the client


# Fuzz


def test_a_hundred_thousand_mutated_packets_are_read_or_refused() -> None:
    chance = random.Random(20_261_123)
    good = [
        *(data for data, _ in [*BAD_PACKETS.values(), *BAD_CONNECTS.values()]),
        w.connect("s", "u", will=w.will("t", b"w"), will_flags=4),
        w.publish("a/b", b"x" * 20, qos=1, properties=w.pair("k", "v") + w.four(w.MESSAGE_EXPIRY, 1)),
        w.subscribe("a/#", "b/+"),
        w.disconnect(4, w.four(w.SESSION_EXPIRY, 1)),
    ]
    read = refused = 0
    for _ in range(100_000):
        decoder = Decoder(version=chance.choice((0, 4, 5)))
        try:
            read += len(list(decoder.feed(mutated(chance.choice(good), chance))))
        except PacketError:
            refused += 1
    assert read > 1_000
    assert refused > 1_000


def test_mutated_tls_records_harm_no_connection(plant: Plant) -> None:
    chance = random.Random(20_261_123)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = w.client_context(plant, None)
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    hello = outgoing.read()
    endpoint = plant.endpoint
    with connected(plant, uuid.uuid4().hex, "robot-1") as witness:
        for number in range(150):
            with socket.create_connection((endpoint["host"], endpoint["port"]), timeout=SECONDS) as raw:
                with contextlib.suppress(OSError):
                    raw.sendall(mutated(hello, chance) if number % 4 else os.urandom(200))
        assert witness.silent()
    assert "Traceback" not in plant.emulator.log()


def test_mutated_records_after_the_handshake_harm_no_connection(plant: Plant) -> None:
    chance = random.Random(20_261_123)
    endpoint = plant.endpoint
    context = w.client_context(plant, plant.sample("press-07"))
    with connected(plant, uuid.uuid4().hex, "robot-1") as witness:
        for _ in range(40):
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            found = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
            with socket.create_connection((endpoint["host"], endpoint["port"]), timeout=SECONDS) as raw:
                while True:
                    try:
                        found.do_handshake()
                        break
                    except ssl.SSLWantReadError:
                        raw.sendall(outgoing.read())
                        incoming.write(raw.recv(65_536))
                found.write(w.connect(uuid.uuid4().hex, "press-07"))
                raw.sendall(mutated(outgoing.read(), chance))
                found.write(w.PINGREQ * 50)
                with contextlib.suppress(OSError):
                    raw.sendall(mutated(outgoing.read(), chance))
        assert witness.silent()
    assert "Traceback" not in plant.emulator.log()


def test_the_name_may_come_from_the_certificate(own_plant: Plant) -> None:
    with wire(own_plant) as opened:
        opened.send(w.connect("s", None))
        assert opened.expect(w.CONNACK).reason == 0x87
    own_plant.configure(
        clientAuthentication={
            "alternativeAuthenticationNameSources": ["ClientCertificateEmail", "ClientCertificateSubject"]
        }
    )
    with wire(own_plant) as opened:
        opened.send(w.connect("s", None))
        assert opened.expect(w.CONNACK).reason == 0
    success = own_plant.attempts_of("s")[1]
    assert success["identity"]["clientIdentitySource"] == "ClientCertificateSubject"
    assert success["clientName"] == "press-07"


def test_a_flood_of_small_packets_leaves_the_others_their_turn(local_plant: LocalPlant) -> None:
    """However fast one client sends, each round of the event loop reads 32 KB of it at most, which may end a record."""
    with connected(local_plant, "flood", version=4) as opened:
        session = local_plant.namespace.broker.find("flood", time.monotonic())
        assert session is not None
        tally = session.tally
        rounds = local_plant.run(watched_rounds(lambda: tally.received[0], starting=opened))
    assert sum(rounds) == 400_000
    assert max(rounds) <= (32_768 + 16_384) // 5


async def watched_rounds(count: Callable[[], int], *, starting: Wire) -> list[int]:
    """How much `count` grows in each round of the event loop while a client sends 400,000 messages of five bytes."""
    sending = asyncio.get_running_loop().run_in_executor(None, starting.send, b"\x30\x03\x00\x01t" * 400_000)
    rounds, before = [], 0
    while before < 400_000:
        await asyncio.sleep(0)
        rounds.append(count() - before)
        before += rounds[-1]
    await sending
    return rounds
