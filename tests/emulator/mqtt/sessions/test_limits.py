"""The other limits and reason codes of docs/emulator-mqtt.md: a value at the limit works, one above it gets its code."""

import asyncio
import uuid

import pytest

from emulator.mqtt.limits import MAX_RETAINED_BYTES, RETAINED_BYTES_PER_UNIT, RETAINED_MESSAGES_PER_UNIT
from emulator.mqtt.sessions import broker as broker_module
from emulator.mqtt.sessions.broker import Broker
from emulator.mqtt.sessions.session import Message
from emulator.mqtt.wire.packets import Property
from tests.emulator.mqtt import raw_client as w
from tests.emulator.mqtt.in_process import LocalPlant
from tests.emulator.mqtt.plant import Plant, make_plant
from tests.emulator.mqtt.raw_client import connected, wire
from tests.support.azure.emulator_process import EmulatorProcess
from tests.support.waiting import until

REASON_STRING = 0x1F
WITHOUT_PROBLEM_INFORMATION = b"\x17\x00"


def a_name() -> str:
    return uuid.uuid4().hex


# The end of the endpoint: 0x8B


@pytest.mark.parametrize("version", [4, 5])
def test_switching_mqtt_off_ends_every_connection_with_its_reason(local_plant: LocalPlant, version: int) -> None:
    with connected(local_plant, "s", version=version) as opened:
        local_plant.configure(state="Disabled")
        end = opened.expect_end(0x8B if version == 5 else None)
    (record,) = local_plant.logged("MqttDisconnections")
    assert (record["resultSignature"], record["code"]) == ("ServerInitiatedDisconnect", "mqtt-disabled")
    assert end is None or end.properties[REASON_STRING] == record["resultDescription"]


def test_a_namespace_that_is_deleted_takes_its_connections_with_it(own_plant: Plant) -> None:
    with connected(own_plant, "s") as opened:
        own_plant.emulator.call("DELETE", own_plant.namespace_id)
        end = opened.expect_end(0x87)
        assert end is not None
        assert "press-07" in end.properties[REASON_STRING]


def test_an_emulator_that_stops_says_goodbye(
    own_emulator: EmulatorProcess, tmp_path_factory: pytest.TempPathFactory
) -> None:
    plant = make_plant(own_emulator, tmp_path_factory.mktemp("plant"))
    with connected(plant, "s") as opened:
        own_emulator.process.terminate()
        end = opened.expect_end(0x8B)
        assert end is not None
        assert end.properties[REASON_STRING]
    assert own_emulator.stop() == 0


# Filters: 0x8F


@pytest.mark.parametrize("topic_filter", ["", "a/#/b", "a#", "#a", "a+/b", "+a", "x" * 257, "ä" * 129])
@pytest.mark.parametrize(("version", "code"), [(4, 0x80), (5, 0x8F)])
def test_a_filter_that_cannot_be_is_refused_alone(plant: Plant, topic_filter: str, version: int, code: int) -> None:
    with connected(plant, a_name(), version=version) as opened:
        opened.send(w.subscribe(topic_filter, "x" * 256, version=version))
        assert opened.expect(w.SUBACK).codes(version) == [code, 1]
        assert opened.silent()


def test_unsubscribing_from_an_invalid_filter_gets_its_code(plant: Plant) -> None:
    with connected(plant, a_name()) as opened:
        opened.send(w.unsubscribe("a/#/b", "never/subscribed"))
        assert opened.expect(w.UNSUBACK).codes() == [0x8F, 0x11]


# Messages


def test_properties_of_exactly_event_grids_sizes_arrive(plant: Plant) -> None:
    topic = a_name()
    properties = (
        b"\x03" + w.text("c" * 256) + b"\x08" + w.text("r" * 256) + b"\x09" + w.text("d" * 256)
        + w.pair("n", "v" * 16_383) * 2
    )  # fmt: skip
    with connected(plant, a_name(), "robot-1") as reader, connected(plant, a_name()) as sender:
        reader.send(w.subscribe(topic))
        reader.expect(w.SUBACK)
        sender.send(w.publish(topic, b"x", qos=1, properties=properties))
        assert sender.expect(w.PUBACK).reason == 0
        got = reader.expect(w.PUBLISH).properties
    assert (len(got[0x03]), len(got[0x08]), len(got[0x09])) == (256, 256, 256)
    assert sum(len(name) + len(value) for name, value in got[0x26]) == 32_768


def test_user_properties_in_a_puback_end_the_connection(plant: Plant) -> None:
    topic = a_name()
    with connected(plant, a_name()) as opened:
        opened.send(w.subscribe(topic), w.publish(topic, b"x", qos=1))
        opened.expect(w.SUBACK)
        message = next(p for p in (opened.receive(), opened.receive()) if p is not None and p.kind == w.PUBLISH)
        answer = message.packet_id.to_bytes(2, "big") + b"\x00" + w.block(w.pair("a", "b"))
        opened.send(w.packet(0x40, answer))
        opened.expect_end(0x83)


def test_a_client_that_wants_no_reasons_gets_codes_alone(closed_plant: LocalPlant) -> None:
    with connected(closed_plant, "s", properties=WITHOUT_PROBLEM_INFORMATION) as opened:
        opened.send(w.publish("denied", b"", qos=1))
        answer = opened.expect(w.PUBACK)
        assert (answer.reason, answer.body[3:]) == (0x87, b"\x00")
        opened.send(w.subscribe("denied"))
        refused = opened.expect(w.SUBACK)
        assert (refused.codes(), refused.properties) == ([0x87], {})


def test_reasons_that_exceed_the_maximum_packet_size_are_left_out(closed_plant: LocalPlant) -> None:
    with connected(closed_plant, "s", properties=w.four(w.MAXIMUM_PACKET_SIZE, 60)) as opened:
        opened.send(w.publish("denied", b"", qos=1))
        answer = opened.expect(w.PUBACK)
        assert (answer.reason, answer.body[3:]) == (0x87, b"\x00")
        opened.send(w.subscribe("denied", "denied/too"))
        refused = opened.expect(w.SUBACK)
        assert (refused.codes(), refused.properties) == ([0x87, 0x87], {})


@pytest.mark.parametrize(
    ("client_id", "keep_alive", "more", "needed"),
    [
        ("s", 60, b"", 22),
        ("s", 60, w.four(w.SESSION_EXPIRY, 100_000), 27),
        ("", 60, b"", 57),
        ("", 0, w.four(w.SESSION_EXPIRY, 100_000), 65),
    ],
    ids=["plain", "with an expiry that is cut", "with an assigned id", "with everything that is told"],
)
def test_a_client_too_small_for_its_connack_is_refused(
    local_plant: LocalPlant, client_id: str, keep_alive: int, more: bytes, needed: int
) -> None:
    def connect(limit: int) -> bytes:
        properties = w.four(w.MAXIMUM_PACKET_SIZE, limit) + more
        return w.connect(client_id, "press-07", keep_alive=keep_alive, properties=properties)

    with wire(local_plant) as opened:
        opened.send(connect(needed - 1))
        answer = opened.expect(w.CONNACK)
        assert (answer.reason, answer.body[2:]) == (0x83, b"\x00")
        assert opened.receive() is None
    (record,) = local_plant.logged("FailedMqttConnections")
    assert record["code"] == "connack-too-large"
    assert str(needed - 1) in record["resultDescription"]
    with wire(local_plant) as opened:
        opened.send(connect(needed))
        answer = opened.expect(w.CONNACK)
        assert (answer.reason, len(answer.body) + 2) == (0, needed)


def test_a_client_too_small_for_any_connack_takes_nothing_over(local_plant: LocalPlant) -> None:
    with connected(local_plant, "s") as before, wire(local_plant) as opened:
        opened.send(w.connect("s", "press-07", properties=w.four(w.MAXIMUM_PACKET_SIZE, 4)))
        assert opened.receive() is None
        assert before.silent()


def test_an_unsuback_above_the_maximum_packet_size_disconnects(local_plant: LocalPlant) -> None:
    with connected(local_plant, "s", properties=w.four(w.MAXIMUM_PACKET_SIZE, 30)) as opened:
        opened.send(w.unsubscribe(*(f"t/{number}" for number in range(25))))
        assert len(opened.expect(w.UNSUBACK).codes()) == 25
        opened.send(w.unsubscribe(*(f"t/{number}" for number in range(26))))
        opened.expect_end(0x95)


def test_a_will_waits_300_seconds_at_most(local_plant: LocalPlant) -> None:
    will = w.will("gone", b"", properties=w.four(w.WILL_DELAY, 3_000))
    expiry = w.four(w.SESSION_EXPIRY, 3_600)
    with connected(local_plant, "s", will=will, will_flags=4, properties=expiry) as dying:
        dying.cut()
    namespace = local_plant.namespace
    until(lambda: "s" in namespace._wills, "the will waits")

    async def left() -> float:
        return namespace._wills["s"].timer.when() - asyncio.get_running_loop().time()

    assert 290 < local_plant.run(left()) <= 300


# Sessions


def test_a_client_id_of_128_bytes_is_the_longest(plant: Plant) -> None:
    for name, reason in (("ä" * 64, 0), ("ä" * 64 + "x", 0x85)):
        with wire(plant) as opened:
            opened.send(w.connect(name, "press-07"))
            assert opened.expect(w.CONNACK).reason == reason


@pytest.mark.parametrize(("version", "code"), [(4, 5), (5, 0x97)])
def test_a_namespace_has_room_for_so_many_sessions(
    local_plant: LocalPlant, monkeypatch: pytest.MonkeyPatch, version: int, code: int
) -> None:
    monkeypatch.setattr(broker_module, "MAX_SESSIONS", 1)
    with connected(local_plant, "first") as first:
        with wire(local_plant, "robot-1") as opened:
            opened.send(w.connect("second", "robot-1", version=version))
            answer = opened.expect(w.CONNACK)
            assert answer.reason == code
            assert version == 4 or answer.properties[REASON_STRING]
        with connected(local_plant, "first"):  # the session that is there may come back
            first.expect_end(0x8E)
    record = local_plant.logged("FailedMqttConnections")[0]
    assert (record["resultSignature"], record["code"]) == ("QuotaExceeded", "namespace-full")


def test_3_1_1_knows_one_code_for_these_refusals(own_plant: Plant) -> None:
    with connected(own_plant, "mine", version=4):
        for name, session in (("press-07", "two"), ("robot-1", "mine")):  # one too many; another client's
            with wire(own_plant, name) as opened:
                opened.send(w.connect(session, name, version=4))
                assert opened.expect(w.CONNACK).reason == 5
                assert opened.receive() is None


def test_the_connack_tells_how_many_messages_may_be_on_the_way(plant: Plant) -> None:
    with connected(plant, a_name()) as opened:
        assert opened.connack.properties[w.RECEIVE_MAXIMUM] == 1_000


# CONNECT


def test_the_largest_will_is_published_with_all_its_properties(plant: Plant) -> None:
    topic = a_name()
    properties = (
        b"\x03" + w.text("c" * 256) + b"\x08" + w.text("r" * 256) + b"\x09" + w.text("d" * 256)
        + w.pair("n", "v" * 63) * 512
    )  # fmt: skip
    will = w.will(topic, b"x" * 65_535, properties=properties)
    with connected(plant, a_name(), "robot-1") as reader:
        reader.send(w.subscribe(topic))
        reader.expect(w.SUBACK)
        with connected(plant, "ä" * 64, will=will, will_flags=0x0C) as dying:
            dying.cut()
        message = reader.expect(w.PUBLISH)
    assert len(message.payload()) == 65_535
    assert sum(len(name) + len(value) for name, value in message.properties[0x26]) == 32_768


@pytest.mark.parametrize(("version", "code"), [(4, None), (5, 0x95)])
def test_a_connect_beyond_128_kib_is_refused(local_plant: LocalPlant, version: int, code: int | None) -> None:
    will = w.will("a", b"x" * 65_535, version=version)
    properties = w.pair("n", "v" * 65_535) if version == 5 else b""
    large = w.connect("s" * 65_535 if version == 4 else "s", "u" * 1_000, version=version, properties=properties,
                      will=will, will_flags=4)  # fmt: skip
    assert len(large) > 131_072
    with wire(local_plant) as opened:
        opened.send(large[:100])
        if code is not None:
            answer = opened.expect(w.CONNACK)
            assert (answer.reason, bool(answer.properties[REASON_STRING])) == (code, True)
        assert opened.receive() is None
    (record,) = local_plant.logged("FailedMqttConnections")
    assert record["code"] == "packet-too-large"
    assert record["properties"]["protocol"] == ""


# Retained messages


def keep(broker: Broker, topic: str, payload: bytes = b"x", *, expires_at: float | None = None) -> None:
    broker.publish(Message(topic, payload, 1, True, expires_at=expires_at), None, 0)


def is_kept(broker: Broker, topic: str) -> bool:
    return broker.retained.get(topic, 0) is not None


@pytest.mark.parametrize("units", [1, 2])
def test_a_namespace_keeps_10_000_retained_messages_per_throughput_unit(units: int) -> None:
    broker = Broker()
    broker.retained.configure(units)
    assert RETAINED_MESSAGES_PER_UNIT == 10_000
    for number in range(10_000 * units + 1):
        keep(broker, f"t/{number}")
    assert len(broker.retained) == 10_000 * units
    assert not is_kept(broker, f"t/{10_000 * units}")
    keep(broker, "t/1", b"newer")  # replaces the first
    newer = broker.retained.get("t/1", 0)
    assert newer is not None
    assert newer.message.payload == b"newer"
    keep(broker, "t/2", b"")
    keep(broker, "t/one-more")
    assert len(broker.retained) == 10_000 * units
    assert is_kept(broker, "t/one-more")


def test_a_namespace_keeps_640_megabytes_per_throughput_unit() -> None:
    """Ten thousand payloads of 64 KB fit, so only their properties lead beyond it."""
    broker, payload = Broker(), b"x" * MAX_RETAINED_BYTES  # one object: the memory is not used
    properties = ((Property.USER_PROPERTY, ("n", "v" * 30_000)),)

    def keep_large(topic: str) -> None:
        broker.publish(Message(topic, payload, 1, True, properties), None, 0)

    assert RETAINED_BYTES_PER_UNIT == 640 * 1024 * 1024
    most = RETAINED_BYTES_PER_UNIT // (MAX_RETAINED_BYTES + 30_001 + len("00000"))
    for number in range(most + 1):
        keep_large(f"{number:05}")
    assert len(broker.retained) == most < RETAINED_MESSAGES_PER_UNIT
    keep(broker, "00000", b"")
    keep_large("last-")
    assert is_kept(broker, "last-")


def test_expired_messages_make_room_for_new_ones() -> None:
    broker = Broker()
    for number in range(RETAINED_MESSAGES_PER_UNIT):
        keep(broker, f"t/{number}", expires_at=float(number))
    broker.publish(Message("new", b"x", 1, True), None, 4.5)
    assert [kept.message.topic for kept in broker.retained.matching("new", 4.5)] == ["new"]
    assert len(broker.retained) == RETAINED_MESSAGES_PER_UNIT - 5 + 1
    assert broker.retained.get("t/4", 4.5) is None
