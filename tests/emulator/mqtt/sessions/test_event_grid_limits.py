"""Event Grid's limits and unsupported features: a value at the limit works, one above it is refused."""

import pytest

from tests.emulator.mqtt import raw_client as w
from tests.emulator.mqtt.in_process import LocalPlant
from tests.emulator.mqtt.messages import a_topic, listening, published
from tests.emulator.mqtt.plant import Plant
from tests.emulator.mqtt.raw_client import connected, wire

# Sizes


def test_the_connack_of_mqtt_5_tells_event_grids_limits(plant: Plant) -> None:
    with connected(plant, a_topic()) as opened:
        told = opened.connack.properties
        assert {code: told[code] for code in (0x24, 0x22, 0x27, 0x29, 0x2A)} == {
            0x24: 1,
            0x22: 10,
            0x27: 524_288,
            0x29: 1,
            0x2A: 1,
        }
        assert 0x25 not in told


def test_the_connack_of_2025_tells_what_was_missing(plant_of_2025: LocalPlant) -> None:
    with connected(plant_of_2025, a_topic()) as opened:
        told = opened.connack.properties
        assert {code: told[code] for code in (0x25, 0x29, 0x2A)} == {0x25: 0, 0x29: 0, 0x2A: 0}


@pytest.mark.parametrize("version", [4, 5])
def test_a_packet_of_512_kib_is_the_largest(plant: Plant, version: int) -> None:
    topic = a_topic()
    room = 524_288 - len(w.publish(topic, b"", qos=1, version=version)) - 2  # its length takes three bytes
    with connected(plant, a_topic(), "robot-1", version=version) as reader:
        listening(reader, topic, version=version)
        with connected(plant, a_topic(), version=version) as sender:
            largest = w.publish(topic, b"x" * room, qos=1, version=version)
            assert len(largest) == 524_288
            sender.send(largest)
            sender.expect(w.PUBACK)
            assert len(reader.expect(w.PUBLISH).payload(version)) == room
            sender.send(w.publish(topic, b"x" * (room + 1), qos=1, version=version)[:100])
            sender.expect_end(0x95 if version == 5 else None)


def test_a_message_above_the_maximum_packet_size_is_dropped(plant: Plant) -> None:
    topic = a_topic()
    with connected(plant, a_topic(), "robot-1", properties=w.four(w.MAXIMUM_PACKET_SIZE, 200)) as reader:
        listening(reader, topic)
        large = [w.publish(topic, b"x" * 300, qos=1, packet_id=n + 1) for n in range(20)]
        published(plant, *large, w.publish(topic, b"small", qos=1))
        assert reader.expect(w.PUBLISH).payload() == b"small"


def test_a_reason_string_is_left_out_where_it_would_be_too_large(plant: Plant) -> None:
    with wire(plant) as opened:
        opened.send(w.connect("x", "nobody", properties=w.four(w.MAXIMUM_PACKET_SIZE, 20)))
        answer = opened.expect(w.CONNACK)
        assert (answer.reason, answer.properties) == (0x87, {})


# Event Grid's limits
FIFTEEN, SIXTEEN = "/".join("abcdefghijklmno"), "/".join("abcdefghijklmnop")


def test_a_topic_of_fifteen_segments_and_of_256_bytes_is_taken(plant: Plant) -> None:
    published(plant, w.publish(FIFTEEN, b"", qos=1), w.publish("x" * 256, b"", qos=1))


@pytest.mark.parametrize("topic", [SIXTEEN, "x" * 257, "ä" * 129], ids=["16 segments", "257 bytes", "258 bytes"])
def test_a_topic_beyond_that_ends_the_connection(plant: Plant, topic: str) -> None:
    with connected(plant, a_topic()) as sender:
        sender.send(w.publish(topic, b"", qos=1))
        sender.expect_end(0x90)


def test_in_2025_a_topic_had_at_most_eight_segments(plant_of_2025: LocalPlant) -> None:
    with connected(plant_of_2025, "r", "robot-1") as reader:
        reader.send(w.subscribe("/".join("abcdefghi"), "/".join("abcdefgh")))
        assert reader.expect(w.SUBACK).codes() == [0x8F, 1]
        reader.send(w.publish("/".join("abcdefghi"), b"", qos=1))
        reader.expect_end(0x90)


def test_a_filter_of_16_segments_is_refused_alone(plant: Plant) -> None:
    with connected(plant, a_topic(), "robot-1") as reader:
        reader.send(w.subscribe(SIXTEEN, FIFTEEN))
        answer = reader.expect(w.SUBACK)
        assert answer.codes() == [0x8F, 1]
        assert SIXTEEN[:100] in answer.properties[0x1F]


@pytest.mark.parametrize(("version", "code"), [(4, 0x80), (5, 0x9E)])
def test_in_2025_shared_subscriptions_were_refused(plant_of_2025: LocalPlant, version: int, code: int) -> None:
    with connected(plant_of_2025, a_topic(), version=version) as opened:
        opened.send(w.subscribe("$share/group/a", version=version))
        assert opened.expect(w.SUBACK).codes(version) == [code]


def test_in_2025_subscription_identifiers_were_refused(plant_of_2025: LocalPlant) -> None:
    with connected(plant_of_2025, a_topic()) as opened:
        opened.send(w.subscribe("a", identifier=1))
        opened.expect_end(0xA1)


@pytest.mark.parametrize(("version", "reason"), [(4, None), (5, 0x9A)])
def test_in_2025_a_retained_message_ended_the_connection(
    plant_of_2025: LocalPlant, version: int, reason: int | None
) -> None:
    with connected(plant_of_2025, a_topic(), version=version) as opened:
        opened.send(w.publish("a", b"x", qos=1, version=version))
        opened.expect(w.PUBACK)
        opened.send(w.publish("a", b"x", qos=1, retain=True, version=version))
        opened.expect_end(reason)


def test_in_2025_a_retained_will_was_refused(plant_of_2025: LocalPlant) -> None:
    with wire(plant_of_2025) as opened:
        opened.send(w.connect("x", "press-07", will=w.will("a", b""), will_flags=0x04 | 0x20))
        assert opened.expect(w.CONNACK).reason == 0x9A


def test_more_than_ten_filters_in_a_subscribe_are_refused(plant: Plant) -> None:
    with connected(plant, a_topic()) as opened:
        opened.send(w.subscribe(*(f"f/{n}" for n in range(10))))
        assert opened.expect(w.SUBACK).codes() == [1] * 10
        opened.send(w.subscribe(*(f"f/{n}" for n in range(11))))
        opened.expect_end(0x97)


def test_a_session_has_at_most_50_subscriptions(plant: Plant) -> None:
    with connected(plant, a_topic()) as opened:
        for start in range(0, 50, 10):
            listening(opened, *(f"f/{start + n}" for n in range(10)))
        opened.send(w.subscribe("f/0", "one/more"))
        assert opened.expect(w.SUBACK).codes() == [1, 0x97]


def test_qos_2_is_granted_as_1_and_published_not_at_all(plant: Plant) -> None:
    with connected(plant, a_topic()) as opened:
        listening(opened, a_topic(), qos=2)
        opened.send(w.publish("a", b"", qos=2))
        opened.expect_end(0x9B)


def test_qos_2_closes_a_3_1_1_connection(plant: Plant) -> None:
    with connected(plant, a_topic(), version=4) as opened:
        opened.send(w.publish("a", b"", qos=2, version=4))
        opened.expect_end(None)


def test_a_will_of_qos_2_is_refused(plant: Plant) -> None:
    with wire(plant) as opened:
        opened.send(w.connect("x", "press-07", will=w.will("a", b""), will_flags=0x04 | 0x10))
        assert opened.expect(w.CONNACK).reason == 0x9B


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        (b"\x15" + w.text("K8S-SAT"), 0x8C),
        (b"\x16" + w.text("data"), 0x82),
        (w.pair("name", "value"), 0x83),
    ],
    ids=["authentication method", "authentication data alone", "user property"],
)
def test_unsupported_features_are_refused_in_connect(plant: Plant, properties: bytes, reason: int) -> None:
    with wire(plant) as opened:
        opened.send(w.connect("x", "press-07", properties=properties))
        assert opened.expect(w.CONNACK).reason == reason
        assert opened.receive() is None


@pytest.mark.parametrize(
    "properties",
    [
        b"\x03" + w.text("c" * 257),
        b"\x08" + w.text("r" * 257),
        b"\x09" + w.text("d" * 257),
        w.pair("n", "v" * 16_384) * 2,
    ],
    ids=["content type", "response topic", "correlation data", "user properties"],
)
def test_properties_beyond_event_grids_sizes_end_the_connection(plant: Plant, properties: bytes) -> None:
    with connected(plant, a_topic()) as opened:
        opened.send(w.publish("a", b"", qos=1, properties=properties))
        opened.expect_end(0x97)


def test_a_client_that_refuses_a_message_in_its_puback_is_disconnected(plant: Plant) -> None:
    topic = a_topic()
    with connected(plant, a_topic(), "robot-1") as reader:
        listening(reader, topic)
        published(plant, w.publish(topic, b"x", qos=1))
        message = reader.expect(w.PUBLISH)
        reader.send(w.packet(0x40, message.packet_id.to_bytes(2, "big") + b"\x80" + w.block()))
        reader.expect_end(0x83)
