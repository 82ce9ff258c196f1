"""Shared subscriptions and subscription identifiers over TLS, with packets as they are on the wire."""

import asyncio

import pytest

from emulator.mqtt.limits import SHARED_RETRY_SECONDS
from tests.emulator.mqtt import raw_client as w
from tests.emulator.mqtt.in_process import LocalPlant
from tests.emulator.mqtt.messages import a_topic, listening, published
from tests.emulator.mqtt.plant import Plant
from tests.emulator.mqtt.raw_client import Wire, connected

NO_LOCAL = 0x04
IDENTIFIER = 0x0B


def waiting(opened: Wire) -> list[w.Received]:
    """What the endpoint has sent: everything before the answer to a PING."""
    opened.send(w.PINGREQ)
    found = []
    while (received := opened.receive()) is not None and received.kind != w.PINGRESP:
        assert received.kind == w.PUBLISH
        found.append(received)
    return found


def test_slow_and_dying_members_lose_no_message_and_repeat_none_that_is_acknowledged(own_plant: Plant) -> None:
    own_plant.configure(maximumClientSessionsPerAuthenticationName=10)
    topic, shared = a_topic(), "$share/workers/"
    acknowledged: dict[bytes, str] = {}
    with (
        connected(own_plant, "good", "robot-1") as good,
        connected(own_plant, "slow", "robot-1") as slow,
        connected(own_plant, "dying", "robot-2", properties=w.four(w.SESSION_EXPIRY, 60), clean=False) as dying,
    ):
        for member in (good, slow, dying):
            listening(member, shared + topic)

        def take(name: str, opened: Wire) -> list[w.Received]:
            found = waiting(opened)
            for message in found:
                first = acknowledged.get(message.payload())
                assert first in (None, name), f"{name} got what {first} had acknowledged"
            return found

        def acknowledge(name: str, opened: Wire, messages: list[w.Received]) -> None:
            for message in messages:
                opened.send(w.puback(message.packet_id))
                acknowledged.setdefault(message.payload(), name)

        def work(name: str, opened: Wire) -> None:
            while found := take(name, opened):
                acknowledge(name, opened, found)

        texts = [str(number).encode() for number in range(120)]
        for start in range(0, 60, 20):
            published(own_plant, *(w.publish(topic, text, qos=1) for text in texts[start : start + 20]))
            work("good", good)
        held, lost = take("slow", slow), take("dying", dying)
        assert held
        assert lost
        acknowledge("dying", dying, lost[:2])
        assert waiting(dying) == []  # the endpoint has read both; the others are never acknowledged
        dying.cut()
        for start in range(60, 120, 20):
            published(own_plant, *(w.publish(topic, text, qos=1) for text in texts[start : start + 20]))
            work("good", good)
        acknowledge("slow", slow, held)
        work("slow", slow)
        work("good", good)
        assert set(acknowledged) == set(texts)
    with connected(own_plant, "dying", "robot-2", clean=False) as back:
        assert back.connack.session_present
        assert take("dying", back) == []


def test_what_a_member_does_not_acknowledge_goes_to_another_after_a_while(local_plant: LocalPlant) -> None:
    """The clock is an argument of the sweep: a second before the time nothing happens."""
    topic = a_topic()
    broker = local_plant.namespace.broker

    async def sweep_after(seconds: float) -> None:
        broker.expire(asyncio.get_running_loop().time() + seconds)

    with connected(local_plant, "slow", "robot-1") as slow, connected(local_plant, "other", "robot-2") as other:
        listening(slow, f"$share/g/{topic}")
        published(local_plant, w.publish(topic, b"x", qos=1))
        held = slow.expect(w.PUBLISH)
        listening(other, f"$share/g/{topic}")
        local_plant.run(sweep_after(SHARED_RETRY_SECONDS - 10))
        assert waiting(other) == []
        local_plant.run(sweep_after(SHARED_RETRY_SECONDS))
        again = other.expect(w.PUBLISH)
        assert (again.payload(), again.qos) == (b"x", 1)
        other.send(w.puback(again.packet_id))
        slow.send(w.puback(held.packet_id))
        local_plant.run(sweep_after(3 * SHARED_RETRY_SECONDS))
        assert waiting(slow) == waiting(other) == []


@pytest.mark.parametrize(("published_qos", "wanted_qos"), [(0, 1), (1, 0), (1, 1)])
def test_a_message_too_large_for_one_member_goes_to_another(plant: Plant, published_qos: int, wanted_qos: int) -> None:
    topic, small = a_topic(), w.four(w.MAXIMUM_PACKET_SIZE, 200)
    with (
        connected(plant, a_topic(), "robot-1", properties=small) as little,
        connected(plant, a_topic(), "robot-2") as big,
    ):
        for member in (little, big):
            listening(member, f"$share/g/{topic}", qos=wanted_qos)
        texts = [bytes([number]) * 300 for number in range(8)]
        sent = b"".join(w.publish(topic, text, qos=published_qos) for text in texts[:-1] if published_qos == 0)
        sent_with_answers = [w.publish(topic, text, qos=1) for text in texts[len(texts) - 1 if sent else 0 :]]
        published(plant, sent + sent_with_answers[0], *sent_with_answers[1:])
        assert sorted(message.payload() for message in waiting(big)) == texts
        assert waiting(little) == []


def test_a_message_too_large_for_every_member_is_dropped_alone(plant: Plant) -> None:
    topic = a_topic()
    with connected(plant, a_topic(), "robot-1", properties=w.four(w.MAXIMUM_PACKET_SIZE, 200)) as little:
        listening(little, f"$share/g/{topic}")
        published(plant, w.publish(topic, b"x" * 300, qos=1), w.publish(topic, b"y", qos=1))
        assert [message.payload() for message in waiting(little)] == [b"y"]


def test_a_session_may_have_both_kinds_of_subscriptions(plant: Plant) -> None:
    topic = a_topic()
    with connected(plant, a_topic(), "robot-1") as reader:
        listening(reader, f"$share/g/{topic}", topic, f"$share/h/{topic}")
        published(plant, w.publish(topic, b"x", qos=1))
        assert [message.payload() for message in waiting(reader)] == [b"x"] * 3
        reader.send(w.unsubscribe(f"$share/g/{topic}", f"$share/none/{topic}", "$share/g/"))
        assert reader.expect(w.UNSUBACK).codes() == [0, 0x11, 0x8F]
        published(plant, w.publish(topic, b"y", qos=1))
        assert len(waiting(reader)) == 2


def test_a_shared_subscription_gets_no_retained_message(plant: Plant) -> None:
    topic = a_topic()
    published(plant, w.publish(topic, b"kept", qos=1, retain=True))
    with connected(plant, a_topic(), "robot-1") as reader:
        listening(reader, f"$share/g/{topic}")
        assert reader.silent()
        listening(reader, topic)
        assert reader.expect(w.PUBLISH).payload() == b"kept"


def test_a_client_of_3_1_1_that_shares_is_disconnected(plant: Plant) -> None:
    with connected(plant, a_topic(), version=4) as opened:
        opened.send(w.subscribe("a", "$share/g/a", version=4))
        opened.expect_end(None)


def test_no_local_is_a_protocol_error_in_a_shared_subscription(plant: Plant) -> None:
    with connected(plant, a_topic()) as opened:
        opened.send(w.subscribe("$share/g/a", options=NO_LOCAL))
        opened.expect_end(0x82)


@pytest.mark.parametrize("topic_filter", ["$share/g", "$share/g/", "$share//a", "$share/+/a", "$share/g/a#"])
def test_an_incomplete_shared_subscription_is_refused(plant: Plant, topic_filter: str) -> None:
    with connected(plant, a_topic()) as opened:
        opened.send(w.subscribe(topic_filter, "a"))
        assert opened.expect(w.SUBACK).codes() == [0x8F, 1]


def test_the_limits_of_a_filter_apply_behind_the_group(plant: Plant) -> None:
    fifteen, sixteen = "/".join("abcdefghijklmno"), "/".join("abcdefghijklmnop")
    group = "g" * (256 - len("$share//"))
    with connected(plant, a_topic()) as opened:
        opened.send(w.subscribe(f"$share/{group}/{fifteen}", f"$share/g/{sixteen}", f"$share/g{group}/a"))
        assert opened.expect(w.SUBACK).codes() == [1, 0x8F, 0x8F]


def test_a_shared_subscription_is_authorized_by_its_filter(closed_plant: LocalPlant) -> None:
    closed_plant.put_space("jobs", "jobs/#")
    closed_plant.bind("$all", "jobs", "Subscriber")
    with connected(closed_plant, "r", "robot-1") as reader:
        reader.send(w.subscribe("$share/g/jobs/#", "$share/g/other/#"))
        assert reader.expect(w.SUBACK).codes() == [1, 0x87]
        closed_plant.delete("permissionBindings", "all-jobs-Subscriber")
        reader.expect_end(0x87)
    assert closed_plant.namespace.broker._groups == {}


# Subscription identifiers


def test_a_message_names_every_subscription_that_brought_it(plant: Plant) -> None:
    topic = a_topic()
    with connected(plant, a_topic(), "robot-1") as reader:
        listening(reader, topic, identifier=268_435_455)
        listening(reader, f"{topic}/#", identifier=2)
        listening(reader, f"+/{topic.partition('/')[2]}")
        listening(reader, f"$share/g/{topic}", identifier=9)
        published(plant, w.publish(topic, b"x", qos=1))
        assert [sorted(message.properties[IDENTIFIER]) for message in waiting(reader)] == [[2, 268_435_455], [9]]


def test_a_new_identifier_replaces_the_old_one_and_none_removes_it(plant: Plant) -> None:
    topic = a_topic()
    published(plant, w.publish(topic, b"kept", qos=1, retain=True))
    with connected(plant, a_topic(), "robot-1") as reader:
        for identifier, expected in ((1, [1]), (300, [300]), (0, None)):
            listening(reader, topic, identifier=identifier)
            assert reader.expect(w.PUBLISH).properties.get(IDENTIFIER) == expected
        published(plant, w.publish(topic, b"x", qos=1))
        assert [message.properties for message in waiting(reader)] == [{}]


def test_an_identifier_stays_with_a_kept_session(own_plant: Plant) -> None:
    kept = {"clean": False, "properties": w.four(w.SESSION_EXPIRY, 60)}
    with connected(own_plant, "r", "robot-1", **kept) as reader:
        listening(reader, "line/#", identifier=7)
    published(own_plant, w.publish("line/1", b"x", qos=1))
    with connected(own_plant, "r", "robot-1", **kept) as again:
        assert again.expect(w.PUBLISH).properties[IDENTIFIER] == [7]
