"""Helpers for messages: a topic for one test, subscribing, publishing and receiving."""

import uuid

from tests.emulator.mqtt import raw_client as w
from tests.emulator.mqtt.raw_client import Received, Target, Wire, connected


def a_topic() -> str:
    return f"m/{uuid.uuid4().hex}"


def listening(
    opened: Wire, *filters: str, qos: int = 1, options: int = 0, version: int = 5, identifier: int = 0
) -> None:
    opened.send(w.subscribe(*filters, qos=qos, options=options, version=version, identifier=identifier))
    assert opened.expect(w.SUBACK).codes(version) == [min(qos, 1)] * len(filters)


def published(plant: Target, *packets: bytes) -> None:
    """Publish with QoS 1 and wait until each is acknowledged."""
    with connected(plant, f"p-{uuid.uuid4().hex}", "press-07") as sender:
        for packet in packets:
            sender.send(packet)
            assert sender.expect(w.PUBACK).reason == 0


def received(plant: Target, topic: str, *packets: bytes) -> Received:
    with connected(plant, f"r-{uuid.uuid4().hex}", "robot-1") as reader:
        listening(reader, topic)
        published(plant, *packets)
        return reader.expect(w.PUBLISH)
