"""Wills: when they are published and when not. Keep-alive: one and a half times, then the end."""

import time
from typing import Any

import pytest

from tests.emulator.mqtt import raw_client as w
from tests.emulator.mqtt.messages import a_topic, listening
from tests.emulator.mqtt.plant import Plant
from tests.emulator.mqtt.raw_client import connected

QOS_1_WILL = 0x04 | 0x08
VERSIONS = pytest.mark.parametrize("version", [4, 5], ids=["3.1.1", "5"])


@VERSIONS
def test_a_connection_that_is_cut_leaves_its_will(plant: Plant, version: int) -> None:
    topic = a_topic()
    will = w.will(topic, b"gone", version=version)
    with connected(plant, "r", "robot-1") as reader:
        listening(reader, topic)
        with connected(plant, topic, version=version, will=will, will_flags=QOS_1_WILL) as dying:
            dying.cut()
            message = reader.expect(w.PUBLISH)
    assert (message.topic, message.payload(), message.qos) == (topic, b"gone", 1)


@VERSIONS
def test_a_will_is_void_after_an_orderly_disconnect(plant: Plant, version: int) -> None:
    topic = a_topic()
    will = w.will(topic, b"gone", version=version)
    with connected(plant, "r", "robot-1") as reader:
        listening(reader, topic)
        with connected(plant, topic, version=version, will=will, will_flags=QOS_1_WILL) as leaving:
            leaving.leave(version=version)
        assert reader.silent()


def test_a_disconnect_with_will_leaves_it(plant: Plant) -> None:
    topic = a_topic()
    with connected(plant, "r", "robot-1") as reader:
        listening(reader, topic)
        with connected(plant, topic, will=w.will(topic, b"told"), will_flags=QOS_1_WILL) as leaving:
            leaving.leave(0x04)
        assert reader.expect(w.PUBLISH).payload() == b"told"


def test_a_will_waits_for_its_delay_and_is_void_when_the_client_returns(plant: Plant) -> None:
    topic = a_topic()
    later = w.will(topic, b"void", properties=w.four(w.WILL_DELAY, 200))
    soon = w.will(topic, b"gone", properties=w.four(w.WILL_DELAY, 1))
    kept: dict[str, Any] = {"clean": False, "properties": w.four(w.SESSION_EXPIRY, 300), "will_flags": QOS_1_WILL}
    with connected(plant, "r", "robot-1") as reader:
        listening(reader, topic)
        with connected(plant, topic, will=later, **kept) as first:
            first.cut()
        with connected(plant, topic, will=soon, **kept) as back:
            assert back.connack.session_present
            started = time.monotonic()
            back.cut()
            assert reader.expect(w.PUBLISH).payload() == b"gone"
            assert time.monotonic() - started > 0.9
        with connected(plant, topic, clean=True):
            assert reader.silent()


def test_the_expiry_of_a_will_counts_from_when_it_is_published(plant: Plant) -> None:
    topic = a_topic()
    properties = w.four(w.WILL_DELAY, 2) + w.four(w.MESSAGE_EXPIRY, 1)
    delayed = w.will(topic, b"gone", properties=properties)
    kept: dict[str, Any] = {"properties": w.four(w.SESSION_EXPIRY, 60), "will_flags": QOS_1_WILL}
    with connected(plant, "r", "robot-1") as reader:
        listening(reader, topic)
        with connected(plant, topic, will=delayed, **kept) as dying:
            dying.cut()
        message = reader.expect(w.PUBLISH)
        assert (message.payload(), message.properties[w.MESSAGE_EXPIRY]) == (b"gone", 1)
        with connected(plant, topic, clean=True):
            pass


def test_a_will_does_not_outwait_its_session(plant: Plant) -> None:
    topic = a_topic()
    delayed = w.will(topic, b"gone", properties=w.four(w.WILL_DELAY, 200))
    with connected(plant, "r", "robot-1") as reader:
        listening(reader, topic)
        with connected(plant, topic, will=delayed, will_flags=QOS_1_WILL) as dying:
            dying.cut()
            assert reader.expect(w.PUBLISH).payload() == b"gone"


@pytest.mark.parametrize(
    ("delay", "clean", "expected"), [(0, False, True), (0, True, True), (200, False, False), (200, True, True)]
)
def test_a_takeover_publishes_a_will_without_delay_only(plant: Plant, delay: int, clean: bool, expected: bool) -> None:
    topic = a_topic()
    delayed = w.will(topic, b"gone", properties=w.four(w.WILL_DELAY, delay))
    kept: dict[str, Any] = {"properties": w.four(w.SESSION_EXPIRY, 60)}
    with connected(plant, "r", "robot-1") as reader:
        listening(reader, topic)
        with connected(plant, topic, will=delayed, will_flags=QOS_1_WILL, clean=False, **kept) as older:
            with connected(plant, topic, clean=clean, **kept) as newer:
                older.expect_end(0x8E)
                assert newer.connack.session_present is not clean
                if expected:
                    reader.send(w.puback(reader.expect(w.PUBLISH).packet_id))
                assert reader.silent()
        with connected(plant, topic, clean=True):
            pass


def test_a_clean_start_ends_the_old_session_and_so_publishes_its_will(plant: Plant) -> None:
    topic = a_topic()
    delayed = w.will(topic, b"gone", properties=w.four(w.WILL_DELAY, 200))
    with connected(plant, "r", "robot-1") as reader:
        listening(reader, topic)
        with connected(
            plant, topic, will=delayed, will_flags=QOS_1_WILL, properties=w.four(w.SESSION_EXPIRY, 300)
        ) as dying:
            dying.cut()
        with connected(plant, topic, clean=True):
            assert reader.expect(w.PUBLISH).payload() == b"gone"


def test_a_retained_will_stays(plant: Plant) -> None:
    topic = a_topic()
    with connected(plant, topic, will=w.will(topic, b"gone"), will_flags=QOS_1_WILL | 0x20) as dying:
        dying.cut()
    with connected(plant, "r", "robot-1") as reader:
        listening(reader, topic)
        message = reader.expect(w.PUBLISH)
        assert (message.payload(), message.retain) == (b"gone", True)


@VERSIONS
def test_a_silent_client_is_dropped_after_one_and_a_half_keep_alive_times(plant: Plant, version: int) -> None:
    topic = a_topic()
    will = w.will(topic, b"silent", version=version)
    with connected(plant, "r", "robot-1") as reader:
        listening(reader, topic)
        started = time.monotonic()
        with connected(plant, topic, version=version, keep_alive=1, will=will, will_flags=QOS_1_WILL) as silent:
            silent.expect_end(0x8D if version == 5 else None)
        assert 1.4 < time.monotonic() - started < 8
        assert reader.expect(w.PUBLISH).payload() == b"silent"


def test_a_ping_keeps_a_client_alive(plant: Plant) -> None:
    with connected(plant, a_topic(), keep_alive=1) as opened:
        until = time.monotonic() + 2.2
        while time.monotonic() < until:
            assert opened.silent()


@pytest.mark.parametrize("keep_alive", [0, 1161, 65_535])
def test_a_keep_alive_above_1160_s_is_reduced_in_connack(plant: Plant, keep_alive: int) -> None:
    with connected(plant, a_topic(), keep_alive=keep_alive) as opened:
        assert opened.connack.properties[0x13] == 1160


def test_a_keep_alive_up_to_1160_s_is_taken_as_it_is(plant: Plant) -> None:
    with connected(plant, a_topic(), keep_alive=1160) as opened:
        assert 0x13 not in opened.connack.properties
