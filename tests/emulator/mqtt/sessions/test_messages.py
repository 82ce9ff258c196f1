"""Messages between two clients: retained, matched with filters, expiring, with properties and aliases."""

import time

import pytest

from tests.emulator.mqtt import raw_client as w
from tests.emulator.mqtt.in_process import LocalPlant
from tests.emulator.mqtt.messages import a_topic, listening, published, received
from tests.emulator.mqtt.plant import Plant
from tests.emulator.mqtt.raw_client import connected

RETAIN_AS_PUBLISHED, NO_LOCAL = 0x08, 0x04


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


def test_all_retained_messages_arrive_at_qos_0(own_plant: Plant) -> None:
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


def test_a_message_with_expiry_zero_never_expires(own_plant: Plant) -> None:
    kept = {"clean": False, "properties": w.four(w.SESSION_EXPIRY, 60)}
    with connected(own_plant, "away", "robot-2", **kept) as away:
        listening(away, "now")
    published(own_plant, w.publish("now", b"x", qos=1, retain=True, properties=w.four(w.MESSAGE_EXPIRY, 0)))
    with connected(own_plant, "away", "robot-2", **kept) as back:
        queued = back.expect(w.PUBLISH)
        assert (queued.payload(), queued.properties[w.MESSAGE_EXPIRY]) == (b"x", 0)
        back.send(w.puback(queued.packet_id))
        listening(back, "now")
        retained = back.expect(w.PUBLISH)
        assert (retained.payload(), retained.retain, retained.properties[w.MESSAGE_EXPIRY]) == (b"x", True, 0)


@pytest.mark.parametrize("qos", [0, 1])
def test_in_2025_a_message_with_expiry_zero_reached_connected_clients_only(plant_of_2025: LocalPlant, qos: int) -> None:
    kept = {"clean": False, "properties": w.four(w.SESSION_EXPIRY, 60)}
    at_once = w.publish("now", b"x", qos=1, properties=w.four(w.MESSAGE_EXPIRY, 0))
    with connected(plant_of_2025, "away", "robot-2", **kept) as away:
        listening(away, "now", qos=qos)
    with connected(plant_of_2025, "r", "robot-1") as reader:
        listening(reader, "now", qos=qos)
        published(plant_of_2025, at_once)
        message = reader.expect(w.PUBLISH)
        assert (message.payload(), message.properties[w.MESSAGE_EXPIRY], message.qos) == (b"x", 0, qos)
    with connected(plant_of_2025, "away", "robot-2", **kept) as back:
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
        assert 1 <= message.properties[w.MESSAGE_EXPIRY] <= 99  # what is left of it
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


def test_a_topic_alias_is_resolved_for_subscribers(plant: Plant) -> None:
    topic, alias = a_topic(), w.two(w.TOPIC_ALIAS, 10)
    with connected(plant, a_topic(), "robot-1") as reader, connected(plant, a_topic()) as sender:
        assert sender.connack.properties[0x22] == 10
        listening(reader, topic)
        sender.send(w.publish(topic, b"1", qos=1, properties=alias), w.publish("", b"2", qos=1, properties=alias))
        for expected in (b"1", b"2"):
            message = reader.expect(w.PUBLISH)
            assert (message.topic, message.payload(), message.properties) == (topic, expected, {})


def test_a_topic_alias_may_be_changed(plant: Plant) -> None:
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
