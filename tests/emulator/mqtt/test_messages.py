"""What happens to a message between two clients: retain, expiry, properties, aliases, sizes and Event Grid's limits."""

import time
import uuid

import pytest

from tests.emulator.mqtt import wire as w
from tests.emulator.mqtt.plant import Plant
from tests.emulator.mqtt.wire import Received, Wire, connected, wire

RETAIN_AS_PUBLISHED, NO_LOCAL = 0x08, 0x04


def a_topic() -> str:
    return f"m/{uuid.uuid4().hex}"


def listening(opened: Wire, *filters: str, qos: int = 1, options: int = 0, version: int = 5) -> None:
    opened.send(w.subscribe(*filters, qos=qos, options=options, version=version))
    assert opened.expect(w.SUBACK).codes(version) == [min(qos, 1)] * len(filters)


def published(plant: Plant, *packets: bytes) -> None:
    """Publish with QoS 1 and wait until each is acknowledged."""
    with connected(plant, f"p-{uuid.uuid4().hex}", "press-07") as sender:
        for packet in packets:
            sender.send(packet)
            assert sender.expect(w.PUBACK).reason == 0


def received(plant: Plant, topic: str, *packets: bytes) -> Received:
    with connected(plant, f"r-{uuid.uuid4().hex}", "robot-1") as reader:
        listening(reader, topic)
        published(plant, *packets)
        return reader.expect(w.PUBLISH)


# Retain


def test_a_retained_message_waits_for_later_subscribers(plant: Plant) -> None:
    topic = a_topic()
    published(plant, w.publish(topic, b"old", qos=1, retain=True), w.publish(topic, b"new", qos=1, retain=True))
    with connected(plant, a_topic(), "robot-1") as reader:
        listening(reader, topic)
        message = reader.expect(w.PUBLISH)
        assert (message.payload(), message.retain, message.qos) == (b"new", True, 1)
        reader.send(w.puback(message.packet_id))
        assert reader.silent()


def test_an_empty_retained_message_removes_what_was_kept(plant: Plant) -> None:
    topic = a_topic()
    published(plant, w.publish(topic, b"old", qos=1, retain=True), w.publish(topic, b"", qos=1, retain=True))
    with connected(plant, a_topic(), "robot-1") as reader:
        listening(reader, topic)
        assert reader.silent()


def test_retained_messages_beyond_what_may_wait_in_the_network_all_arrive_at_qos_0(own_plant: Plant) -> None:
    topics = [f"large/{number}" for number in range(12)]  # 720 KB, where 256 KB may wait
    published(own_plant, *(w.publish(topic, b"x" * 60_000, qos=1, retain=True) for topic in topics))
    with connected(own_plant, a_topic(), "robot-1") as reader:
        listening(reader, "large/#", qos=0)
        assert [reader.expect(w.PUBLISH).topic for _ in topics] == topics


@pytest.mark.parametrize(("options", "retain"), [(0, False), (RETAIN_AS_PUBLISHED, True)])
def test_a_live_message_keeps_its_retain_flag_only_where_wished(plant: Plant, options: int, retain: bool) -> None:
    topic = a_topic()
    with connected(plant, a_topic(), "robot-1") as reader:
        listening(reader, topic, options=options)
        published(plant, w.publish(topic, b"x", qos=1, retain=True))
        assert reader.expect(w.PUBLISH).retain is retain


@pytest.mark.parametrize(("handling", "first", "second"), [(0, True, True), (1, True, False), (2, False, False)])
def test_retain_handling_says_when_retained_messages_come(
    plant: Plant, handling: int, first: bool, second: bool
) -> None:
    topic = a_topic()
    published(plant, w.publish(topic, b"x", qos=1, retain=True))
    with connected(plant, a_topic(), "robot-1") as reader:
        for wanted in (first, second):
            listening(reader, topic, options=handling << 4)
            if wanted:
                reader.send(w.puback(reader.expect(w.PUBLISH).packet_id))
            assert reader.silent()


def test_hundreds_of_retained_messages_all_arrive(own_plant: Plant) -> None:
    packets = [w.publish(f"many/{n}", str(n).encode(), qos=1, packet_id=n + 1, retain=True) for n in range(300)]
    published(own_plant, *packets)
    with connected(own_plant, "r", "robot-1") as reader:
        listening(reader, "many/+")
        got = set()
        for _ in range(300):
            message = reader.expect(w.PUBLISH)
            got.add(int(message.payload()))
            reader.send(w.puback(message.packet_id))
        assert got == set(range(300))


def test_a_payload_above_64_kib_is_delivered_but_not_kept(plant: Plant) -> None:
    topic, payload = a_topic(), b"x" * 65_537
    assert received(plant, topic, w.publish(topic, payload, qos=1, retain=True)).payload() == payload
    with connected(plant, a_topic(), "robot-1") as reader:
        listening(reader, topic)
        assert reader.silent()


# Subscriptions


def test_overlapping_filters_bring_a_message_once_at_the_highest_quality(plant: Plant) -> None:
    topic = a_topic()
    with connected(plant, a_topic(), "robot-1") as reader:
        listening(reader, topic, qos=0)
        listening(reader, f"{topic}/#", qos=1)
        published(plant, w.publish(topic, b"x", qos=1))
        message = reader.expect(w.PUBLISH)
        assert message.qos == 1
        reader.send(w.puback(message.packet_id))
        assert reader.silent()


def test_no_local_keeps_a_clients_own_messages_from_it(plant: Plant) -> None:
    topic = a_topic()
    with connected(plant, a_topic()) as opened:
        listening(opened, topic, options=NO_LOCAL)
        opened.send(w.publish(topic, b"x", qos=1))
        opened.expect(w.PUBACK)
        assert opened.silent()
        listening(opened, topic)
        opened.send(w.publish(topic, b"x", qos=1))
        assert {opened.receive().kind, opened.receive().kind} == {w.PUBACK, w.PUBLISH}  # type: ignore[union-attr]


def test_nothing_comes_after_unsubscribe(plant: Plant) -> None:
    topic = a_topic()
    with connected(plant, a_topic(), "robot-1") as reader:
        listening(reader, topic, f"{topic}/#")
        reader.send(w.unsubscribe(topic, "never/subscribed", f"{topic}/#"))
        assert reader.expect(w.UNSUBACK).codes() == [0, 0x11, 0]
        published(plant, w.publish(topic, b"x", qos=1))
        assert reader.silent()


@pytest.mark.parametrize(
    ("topic_filter", "topics", "others"),
    [
        ("a/+/c", ["a/b/c", "a//c"], ["a/b/d", "a/b/c/d", "a/b"]),
        ("a/#", ["a", "a/b", "a/b/c"], ["b", "ab"]),
        ("#", ["a", "a/b", "/"], ["$x", "$x/y"]),
        ("+/b", ["a/b", "/b"], ["$x/b", "a/b/c"]),
        ("$x/#", ["$x", "$x/y"], ["x"]),
        ("+", ["a"], ["/a", "a/"]),
        ("a/+", ["a/", "a/b"], ["a"]),
    ],
)
def test_wildcards_match_as_the_standard_says(
    own_plant: Plant, topic_filter: str, topics: list[str], others: list[str]
) -> None:
    with connected(own_plant, "r", "robot-1") as reader:
        listening(reader, topic_filter, qos=0)
        published(own_plant, *(w.publish(t, t.encode(), qos=1, packet_id=n + 1) for n, t in enumerate(others + topics)))
        assert [reader.expect(w.PUBLISH).payload().decode() for _ in topics] == topics
        assert reader.silent()


# Properties


def test_a_messages_properties_arrive_as_they_were_sent(plant: Plant) -> None:
    topic = a_topic()
    properties = b"".join(
        [
            b"\x01\x01",
            b"\x03" + w.text("application/json"),
            b"\x08" + w.text("answers/here"),
            b"\x09" + w.text(b"\x00\x01\xff"),
            w.pair("line", "1"),
            w.pair("line", "2"),
            w.pair("ä", "ö"),
        ]
    )
    message = received(plant, topic, w.publish(topic, b"{}", qos=1, properties=properties))
    assert message.properties == {
        0x01: 1,
        0x03: "application/json",
        0x08: "answers/here",
        0x09: b"\x00\x01\xff",
        0x26: [("line", "1"), ("line", "2"), ("ä", "ö")],
    }


def test_a_request_is_answered_at_its_response_topic(plant: Plant) -> None:
    ask, answer = a_topic(), a_topic()
    with connected(plant, a_topic(), "robot-1") as responder, connected(plant, a_topic()) as asker:
        listening(responder, ask)
        listening(asker, answer)
        asker.send(w.publish(ask, b"?", qos=1, properties=b"\x08" + w.text(answer) + b"\x09" + w.text(b"42")))
        asker.expect(w.PUBACK)
        asked = responder.expect(w.PUBLISH).properties
        responder.send(w.publish(asked[0x08], b"!", qos=0, properties=b"\x09" + w.text(asked[0x09])))
        got = asker.expect(w.PUBLISH)
        assert (got.payload(), got.properties[0x09]) == (b"!", b"42")


@pytest.mark.parametrize("qos", [0, 1])
def test_a_message_of_no_lifetime_goes_to_who_is_connected_and_waits_for_nobody(own_plant: Plant, qos: int) -> None:
    kept = {"clean": False, "properties": w.four(w.SESSION_EXPIRY, 60)}
    at_once = w.publish("now", b"x", qos=1, retain=True, properties=w.four(w.MESSAGE_EXPIRY, 0))
    with connected(own_plant, "away", "robot-2", **kept) as away:
        listening(away, "now", qos=qos)
    with connected(own_plant, "r", "robot-1") as reader:
        listening(reader, "now", qos=qos)
        published(own_plant, at_once)
        message = reader.expect(w.PUBLISH)
        assert (message.payload(), message.properties[w.MESSAGE_EXPIRY], message.qos) == (b"x", 0, qos)
    with connected(own_plant, "away", "robot-2", **kept) as back:
        assert back.silent()
        listening(back, "now")
        assert back.silent()


def test_a_message_that_expired_while_waiting_is_not_delivered(own_plant: Plant) -> None:
    kept = {"clean": False, "properties": w.four(w.SESSION_EXPIRY, 60)}
    with connected(own_plant, "r", "robot-1", **kept) as reader:
        listening(reader, "line/#")
    published(
        own_plant,
        w.publish("line/short", b"short", qos=1, properties=w.four(w.MESSAGE_EXPIRY, 1)),
        w.publish("line/long", b"long", qos=1, properties=w.four(w.MESSAGE_EXPIRY, 100)),
    )
    deadline = time.monotonic() + 1.2
    while time.monotonic() < deadline:
        own_plant.log()
    with connected(own_plant, "r", "robot-1", **kept) as again:
        message = again.expect(w.PUBLISH)
        assert message.payload() == b"long"
        assert 97 <= message.properties[w.MESSAGE_EXPIRY] <= 99  # what is left of it
        again.send(w.puback(message.packet_id))
        assert again.silent()


def test_a_retained_message_expires_too(plant: Plant) -> None:
    topic = a_topic()
    published(plant, w.publish(topic, b"x", qos=1, retain=True, properties=w.four(w.MESSAGE_EXPIRY, 1)))
    deadline = time.monotonic() + 1.2
    while time.monotonic() < deadline:
        plant.log()
    with connected(plant, a_topic(), "robot-1") as reader:
        listening(reader, topic)
        assert reader.silent()


# Topic aliases


def test_a_topic_alias_stands_for_its_topic_and_goes_to_nobody_else(plant: Plant) -> None:
    topic, alias = a_topic(), w.two(w.TOPIC_ALIAS, 10)
    with connected(plant, a_topic(), "robot-1") as reader, connected(plant, a_topic()) as sender:
        assert sender.connack.properties[0x22] == 10
        listening(reader, topic)
        sender.send(w.publish(topic, b"1", qos=1, properties=alias), w.publish("", b"2", qos=1, properties=alias))
        for expected in (b"1", b"2"):
            message = reader.expect(w.PUBLISH)
            assert (message.topic, message.payload(), message.properties) == (topic, expected, {})


def test_a_topic_alias_may_be_set_anew(plant: Plant) -> None:
    topic, alias = a_topic(), w.two(w.TOPIC_ALIAS, 1)
    with connected(plant, a_topic(), "robot-1") as reader, connected(plant, a_topic()) as sender:
        listening(reader, f"{topic}/+")
        for name in ("a", "b"):
            sender.send(w.publish(f"{topic}/{name}", b"", properties=alias))
        sender.send(w.publish("", b"x", properties=alias))
        assert [reader.expect(w.PUBLISH).topic for _ in range(3)] == [f"{topic}/{n}" for n in "abb"]


@pytest.mark.parametrize(("alias", "reason"), [(0, 0x94), (11, 0x94), (5, 0x82)])
def test_an_alias_beyond_ten_or_never_set_ends_the_connection(plant: Plant, alias: int, reason: int) -> None:
    with connected(plant, a_topic()) as sender:
        sender.send(w.publish("", b"x", properties=w.two(w.TOPIC_ALIAS, alias)))
        sender.expect_end(reason)


# Sizes


def test_the_connack_of_mqtt_5_tells_event_grids_limits(plant: Plant) -> None:
    with connected(plant, a_topic()) as opened:
        told = opened.connack.properties
        assert {code: told[code] for code in (0x24, 0x22, 0x27, 0x29, 0x2A)} == {
            0x24: 1,
            0x22: 10,
            0x27: 524_288,
            0x29: 0,
            0x2A: 0,
        }


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


def test_a_message_larger_than_a_client_takes_is_not_sent_to_it_and_blocks_nothing(plant: Plant) -> None:
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

EIGHT, NINE = "a/b/c/d/e/f/g/h", "a/b/c/d/e/f/g/h/i"


def test_a_topic_of_eight_segments_and_of_256_bytes_is_taken(plant: Plant) -> None:
    published(plant, w.publish(EIGHT, b"", qos=1), w.publish("x" * 256, b"", qos=1))


@pytest.mark.parametrize("topic", [NINE, "x" * 257, "ä" * 129], ids=["nine segments", "257 bytes", "258 bytes"])
def test_a_topic_beyond_that_ends_the_connection(plant: Plant, topic: str) -> None:
    with connected(plant, a_topic()) as sender:
        sender.send(w.publish(topic, b"", qos=1))
        sender.expect_end(0x90)


def test_a_filter_of_nine_segments_is_refused_alone(plant: Plant) -> None:
    with connected(plant, a_topic(), "robot-1") as reader:
        reader.send(w.subscribe(NINE, EIGHT))
        answer = reader.expect(w.SUBACK)
        assert answer.codes() == [0x8F, 1]
        assert "8 segments" in answer.properties[0x1F]


@pytest.mark.parametrize(("version", "code"), [(4, 0x80), (5, 0x9E)])
def test_shared_subscriptions_are_refused(plant: Plant, version: int, code: int) -> None:
    with connected(plant, a_topic(), version=version) as opened:
        opened.send(w.subscribe("$share/group/a", version=version))
        assert opened.expect(w.SUBACK).codes(version) == [code]


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
def test_what_event_grid_does_not_offer_is_refused_in_connect(plant: Plant, properties: bytes, reason: int) -> None:
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
