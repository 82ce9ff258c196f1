"""A message on a topic that was seen before is read by a short way; it must come out as by the long one, or not at all."""

import itertools

import pytest

from emulator.mqtt.wire import reading
from emulator.mqtt.wire.packets import MQTT_3, MQTT_5, Packet, PacketError
from emulator.mqtt.wire.reading import Decoder

TOPICS = [b"a", b"machines/1", "maschinen/größe".encode(), b"x" * 256, b"x" * 300, b"", b"a/+", b"\xff", b"a\x00b"]
KNOWN = TOPICS[:4]
IDS = [b"", b"\x00", b"\x00\x00", b"\x00\x01", b"\xff\xff"]
PROPERTIES = [b"", b"\x00", b"\x02\x01\x01", b"\x03\x23\x00\x01", b"\x05\x00", b"\x80"]
PAYLOADS = [b"", b"x", b"\x00" * 200]


def read(version: int, packet: bytes) -> list[Packet] | str:
    try:
        return list(Decoder(version=version).feed(packet))
    except PacketError as error:
        return f"{error.reason}: {error}"


@pytest.mark.parametrize("version", [MQTT_3, MQTT_5])
@pytest.mark.parametrize("flags", range(16))
def test_a_known_topic_is_read_as_an_unknown_one(version: int, flags: int) -> None:
    parts = itertools.product(TOPICS, IDS, PROPERTIES, PAYLOADS)
    bodies = [len(topic).to_bytes(2, "big") + topic + b"".join(rest) for topic, *rest in parts]
    bodies += [body[:length] for body in bodies[:: len(PAYLOADS) * 7] for length in range(len(body) + 1)]
    for body in bodies:
        size = bytes([len(body)]) if len(body) < 128 else bytes([len(body) % 128 | 0x80, len(body) // 128])
        packet = bytes([0x30 | flags]) + size + body
        reading._known_topics.clear()
        unknown = read(version, packet)
        reading._known_topics.update((topic, topic.decode()) for topic in KNOWN)
        assert read(version, packet) == unknown, packet


def test_the_topics_of_strangers_do_not_fill_the_memory() -> None:
    decoder = Decoder(version=MQTT_3)
    for number in range(reading._MAX_KNOWN_TOPICS + 100):
        topic = f"stranger/{number}".encode()
        list(decoder.feed(b"\x30" + bytes([len(topic) + 2]) + len(topic).to_bytes(2, "big") + topic))
    assert 0 < len(reading._known_topics) <= reading._MAX_KNOWN_TOPICS
    assert all(len(name) <= reading._MAX_KNOWN_TOPIC_BYTES for name in reading._known_topics)
