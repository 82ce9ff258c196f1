"""Sessions: takeover, queueing while a client is away, redelivery, and the owner of a session name."""

import uuid

import pytest

from tests.emulator.mqtt import raw_client as w
from tests.emulator.mqtt.in_process import LocalPlant
from tests.emulator.mqtt.plant import Plant
from tests.emulator.mqtt.raw_client import connected, wire
from tests.support.waiting import until

KEEP = w.four(w.SESSION_EXPIRY, 600)


def name_of_session() -> str:
    return f"s-{uuid.uuid4().hex}"


def test_the_same_session_name_takes_the_session_over(plant: Plant) -> None:
    name = name_of_session()
    with connected(plant, name) as older, connected(plant, name) as newer:
        older.expect_end(0x8E)
        assert newer.silent()


def test_a_takeover_closes_a_3_1_1_connection_without_a_word(plant: Plant) -> None:
    name = name_of_session()
    with connected(plant, name, version=4) as older, connected(plant, name, version=4) as newer:
        older.expect_end(None)
        assert newer.silent()


def test_a_takeover_is_in_the_log_with_azures_word_for_it(plant: Plant) -> None:
    name = name_of_session()
    with connected(plant, name) as older, connected(plant, name):
        older.expect_end(0x8E)
        ends = [r for r in plant.attempts_of(name) if r["category"] == "MqttDisconnections"]
        assert [r["resultSignature"] for r in ends] == ["SessionTakenOver"]


@pytest.mark.parametrize("version", [4, 5])
def test_messages_wait_in_order_while_the_client_is_away(own_plant: Plant, version: int) -> None:
    name, kept = name_of_session(), {"clean": False, "version": version, "properties": KEEP}
    with connected(own_plant, name, "robot-1", **kept) as first:
        assert not first.connack.session_present
        first.send(w.subscribe("line/#", version=version))
        first.expect(w.SUBACK)
        first.leave(version=version)
    with connected(own_plant, "sender", "press-07") as sender:
        for number in range(40):
            sender.send(w.publish("line/1", str(number).encode(), qos=1, packet_id=number + 1))
            sender.expect(w.PUBACK)
        sender.send(w.publish("line/1", b"lost", qos=0))
        assert sender.silent()
    with connected(own_plant, name, "robot-1", **kept) as again:
        assert again.connack.session_present
        got = []
        for _ in range(40):
            message = again.expect(w.PUBLISH)
            got.append(int(message.payload(version)))
            again.send(w.puback(message.packet_id))
        assert got == list(range(40))
        assert again.silent()


def test_a_clean_start_forgets_what_was_kept(own_plant: Plant) -> None:
    name = name_of_session()
    with connected(own_plant, name, "robot-1", clean=False, properties=KEEP) as first:
        first.send(w.subscribe("line/#"))
        first.expect(w.SUBACK)
    with connected(own_plant, name, "robot-1", clean=True, properties=KEEP) as again:
        assert not again.connack.session_present
        again.send(w.publish("line/1", b"nobody listens", qos=1))
        again.expect(w.PUBACK)
        assert again.silent()


def test_a_session_without_expiry_ends_with_its_connection(plant: Plant) -> None:
    name = name_of_session()
    with connected(plant, name, clean=False) as first:
        first.leave()
    with connected(plant, name, clean=False) as again:
        assert not again.connack.session_present


def test_a_session_is_gone_after_its_expiry(own_plant: Plant) -> None:
    name = name_of_session()
    with connected(own_plant, name, clean=False, properties=KEEP):
        pass

    def is_gone() -> bool:
        with connected(own_plant, "other", "press-07", clean=True) as probe:
            probe.send(w.disconnect())
        return True

    def refused() -> bool:
        with wire(own_plant) as opened:
            opened.send(w.connect("other", "press-07"))
            return opened.expect(w.CONNACK).reason == 0x97

    assert refused()
    with connected(own_plant, name, clean=False, properties=w.four(w.SESSION_EXPIRY, 1)):
        pass
    until(lambda: not refused() and is_gone(), "the session of one second is over")


def test_an_expiry_above_the_maximum_is_reduced_in_connack(plant: Plant) -> None:
    name = name_of_session()
    with connected(plant, name, properties=w.four(w.SESSION_EXPIRY, 0xFFFFFFFF)) as opened:
        assert opened.connack.properties[w.SESSION_EXPIRY] == 3600
        opened.leave(0, w.four(w.SESSION_EXPIRY, 0))


def test_the_namespaces_maximum_session_expiry_counts(own_plant: Plant) -> None:
    own_plant.configure(maximumSessionExpiryInHours=8)
    with connected(own_plant, "s", properties=w.four(w.SESSION_EXPIRY, 0xFFFFFFFF)) as opened:
        assert opened.connack.properties[w.SESSION_EXPIRY] == 8 * 3600


def test_disconnect_may_shorten_the_expiry(plant: Plant) -> None:
    name = name_of_session()
    with connected(plant, name, clean=False, properties=KEEP) as first:
        first.leave(0, w.four(w.SESSION_EXPIRY, 0))
    with connected(plant, name, clean=False) as again:
        assert not again.connack.session_present


def test_disconnect_may_not_bring_a_session_without_expiry_back(plant: Plant) -> None:
    with connected(plant, name_of_session()) as first:
        first.send(w.disconnect(0, w.four(w.SESSION_EXPIRY, 60)))
        first.expect_end(0x82)


def test_unacknowledged_messages_come_again_in_order_as_duplicates(own_plant: Plant) -> None:
    with connected(own_plant, "r", "robot-1", clean=False, properties=KEEP) as first:
        first.send(w.subscribe("line/#"))
        first.expect(w.SUBACK)
        with connected(own_plant, "sender", "press-07") as sender:
            for number in range(5):
                sender.send(w.publish("line/1", str(number).encode(), qos=1, packet_id=number + 1))
                sender.expect(w.PUBACK)
        seen = [first.expect(w.PUBLISH) for _ in range(5)]
        assert not any(message.duplicate for message in seen)
        first.send(w.puback(seen[0].packet_id))
        assert first.silent()
        first.cut()
    with connected(own_plant, "r", "robot-1", clean=False, properties=KEEP) as again:
        repeated = [again.expect(w.PUBLISH) for _ in range(4)]
        assert [int(m.payload()) for m in repeated] == [1, 2, 3, 4]
        assert all(m.duplicate for m in repeated)
        assert [m.packet_id for m in repeated] == [m.packet_id for m in seen[1:]]
        again.send(*(w.puback(m.packet_id) for m in repeated))
        assert again.silent()


def test_the_receive_maximum_of_the_client_is_kept(own_plant: Plant) -> None:
    with connected(own_plant, "r", "robot-1", properties=w.two(w.RECEIVE_MAXIMUM, 2)) as reader:
        reader.send(w.subscribe("line/#"))
        reader.expect(w.SUBACK)
        with connected(own_plant, "sender", "press-07") as sender:
            for number in range(6):
                sender.send(w.publish("line/1", str(number).encode(), qos=1, packet_id=number + 1))
                sender.expect(w.PUBACK)
        got = [reader.expect(w.PUBLISH), reader.expect(w.PUBLISH)]
        assert reader.silent()
        for expected in range(2, 6):
            reader.send(w.puback(got[expected - 2].packet_id))
            got.append(reader.expect(w.PUBLISH))
        assert [int(message.payload()) for message in got] == list(range(6))


def test_the_receive_maximum_is_kept_for_what_is_sent_again(own_plant: Plant) -> None:
    few = KEEP + w.two(w.RECEIVE_MAXIMUM, 2)
    with connected(own_plant, "r", "robot-1", clean=False, properties=KEEP) as first:
        first.send(w.subscribe("line/#"))
        first.expect(w.SUBACK)
        with connected(own_plant, "sender", "press-07") as sender:
            for number in range(12):
                sender.send(w.publish("line/1", str(number).encode(), qos=1, packet_id=number + 1))
                sender.expect(w.PUBACK)
        seen = [first.expect(w.PUBLISH) for _ in range(12)]
        first.cut()
    with connected(own_plant, "r", "robot-1", clean=False, properties=few) as again:
        got = [again.expect(w.PUBLISH), again.expect(w.PUBLISH)]
        assert again.silent()
        again.send(w.puback(seen[2].packet_id))  # late, for one that has not been sent again: it never is
        assert again.silent()
        for _ in range(9):
            again.send(w.puback(got[-2].packet_id))
            got.append(again.expect(w.PUBLISH))
            assert again.silent()
        again.send(*(w.puback(message.packet_id) for message in got[-2:]))
        assert again.silent()
    assert [int(message.payload()) for message in got] == [0, 1, *range(3, 12)]
    assert all(message.duplicate for message in got)


def test_delivery_pauses_at_16_unacknowledged_messages(own_plant: Plant) -> None:
    with connected(own_plant, "r", "robot-1") as reader:
        reader.send(w.subscribe("line/#"))
        reader.expect(w.SUBACK)
        with connected(own_plant, "sender", "press-07") as sender:
            for number in range(20):
                sender.send(w.publish("line/1", str(number).encode(), qos=1, packet_id=number + 1))
                sender.expect(w.PUBACK)
        for _ in range(16):
            reader.expect(w.PUBLISH)
        assert reader.silent()


def test_more_than_100_waiting_messages_end_the_session(own_plant: Plant) -> None:
    with connected(own_plant, "r", "robot-1", clean=False, properties=KEEP) as reader:
        reader.send(w.subscribe("line/#"))
        reader.expect(w.SUBACK)
    with connected(own_plant, "sender", "press-07") as sender:
        for number in range(101):
            sender.send(w.publish("line/1", b"x", qos=1, packet_id=number + 1))
            sender.expect(w.PUBACK)
    with connected(own_plant, "r", "robot-1", clean=False, properties=KEEP) as again:
        assert not again.connack.session_present


def test_a_queue_overflow_ends_the_session_with_0x97(own_plant: Plant) -> None:
    with connected(own_plant, "r", "robot-1", clean=False, properties=KEEP) as reader:
        reader.send(w.subscribe("line/#"))
        reader.expect(w.SUBACK)
        with connected(own_plant, "sender", "press-07") as sender:
            for number in range(16 + 101):
                sender.send(w.publish("line/1", b"x", qos=1, packet_id=number + 1))
                sender.expect(w.PUBACK)
        for _ in range(16):
            reader.expect(w.PUBLISH)
        reader.expect_end(0x97)
    ends = [r for r in own_plant.attempts_of("r") if r["category"] == "MqttDisconnections"]
    assert [r["resultSignature"] for r in ends] == ["SessionOverflow"]


def test_an_empty_client_id_is_assigned_one(plant: Plant) -> None:
    with connected(plant, "") as opened:
        assigned = opened.connack.properties[0x12]
        assert len(assigned) >= 16
        assert plant.attempts_of(assigned)


def test_an_empty_client_id_was_refused_in_2025(plant_of_2025: LocalPlant) -> None:
    with wire(plant_of_2025) as link:
        link.send(w.connect("", "press-07"))
        assert link.expect(w.CONNACK).reason == 0x85
    with connected(plant_of_2025, "", version=4):
        pass  # 3.1.1 has always had client ids for sessions that are not kept


def test_an_empty_client_id_is_no_session_name_to_keep_in_3_1_1(plant: Plant) -> None:
    with wire(plant) as opened:
        opened.send(w.connect("", "press-07", version=4, clean=False))
        assert opened.expect(w.CONNACK).reason == 2
        assert opened.receive() is None


def test_sessions_per_authentication_name_are_limited(own_plant: Plant) -> None:
    def second() -> int:
        with wire(own_plant) as opened:
            opened.send(w.connect("two", "press-07"))
            return opened.expect(w.CONNACK).reason

    with connected(own_plant, "one") as first:
        assert second() == 0x97
        record = own_plant.attempts_of("two")[0]
        assert (record["resultSignature"], record["code"]) == ("QuotaExceeded", "too-many-sessions")
        own_plant.configure(maximumClientSessionsPerAuthenticationName=2)
        until(lambda: second() == 0, "two sessions are allowed")
        assert first.silent()


def test_a_session_that_is_kept_while_its_client_is_away_counts(own_plant: Plant) -> None:
    with connected(own_plant, "one", clean=False, properties=KEEP):
        pass
    with wire(own_plant) as opened:
        opened.send(w.connect("two", "press-07"))
        assert opened.expect(w.CONNACK).reason == 0x97


def test_a_session_name_of_another_client_is_refused(own_plant: Plant) -> None:
    with connected(own_plant, "mine", "press-07", clean=False, properties=KEEP) as owner:
        with wire(own_plant, "robot-1") as opened:
            opened.send(w.connect("mine", "robot-1"))
            assert opened.expect(w.CONNACK).reason == 0x87
        assert owner.silent()
    record = next(r for r in own_plant.attempts_of("mine") if r["resultType"] == "Failed")
    assert (record["resultSignature"], record["code"]) == ("AuthorizationError", "session-name-taken")
    assert record["decision"]["accepted"] is True


def test_the_session_name_of_a_deleted_client_stays_blocked(own_plant: Plant) -> None:
    with connected(own_plant, "mine", "press-07", clean=False, properties=KEEP):
        pass
    own_plant.emulator.request("DELETE", f"{own_plant.namespace_id}/clients/press-07")
    with wire(own_plant, "robot-1") as opened:
        opened.send(w.connect("mine", "robot-1"))
        assert opened.expect(w.CONNACK).reason == 0x87
