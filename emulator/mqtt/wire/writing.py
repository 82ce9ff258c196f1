"""Packets → bytes, sans I/O: what a server sends.

Sources: OASIS MQTT 3.1.1 (section 3) and MQTT 5.0 (section 3).
"""

from collections.abc import Iterable
from functools import lru_cache

from emulator.mqtt.limits import MAX_TOPIC_BYTES
from emulator.mqtt.wire.packets import MQTT_5, PacketType, Properties, Property, Value
from emulator.mqtt.wire.property_rules import BYTE, FOUR, KINDS, TWO, VARIABLE

_SIZES = {BYTE: 1, TWO: 2, FOUR: 4}
_PUBACK_HEADER = bytes([PacketType.PUBACK << 4, 2])
PINGRESP = bytes([PacketType.PINGRESP << 4, 0])


def _variable(value: int) -> bytes:
    if value < 128:
        return bytes((value,))
    out = bytearray()
    while True:
        value, byte = value >> 7, value & 0x7F
        out.append(byte | 0x80 if value else byte)
        if not value:
            return bytes(out)


def _string(value: str) -> bytes:
    data = value.encode("utf-8")
    return len(data).to_bytes(2, "big") + data


def _packet(kind: PacketType, body: bytes) -> bytes:
    return bytes([kind << 4]) + _variable(len(body)) + body


def encode_properties(properties: Iterable[tuple[Property, Value]]) -> bytes:
    """The property block of an MQTT 5 packet, with its length."""
    out = bytearray()
    for name, value in properties:
        out += _variable(name)
        kind = KINDS[name]
        if isinstance(value, int):
            out += _variable(value) if kind == VARIABLE else value.to_bytes(_SIZES[kind], "big")
        elif isinstance(value, str):
            out += _string(value)
        elif isinstance(value, bytes):
            out += len(value).to_bytes(2, "big") + value
        else:
            out += _string(value[0]) + _string(value[1])
    return _variable(len(out)) + bytes(out)


def encode_connack(version: int, *, session_present: bool, reason: int, properties: Properties = ()) -> bytes:
    """CONNACK. For MQTT 3.1.1 `reason` is a return code (0 to 5)."""
    body = bytes([1 if session_present else 0, reason])
    return _packet(PacketType.CONNACK, body + (encode_properties(properties) if version == MQTT_5 else b""))


def encode_publish(
    version: int,
    topic: str,
    payload: bytes,
    qos: int,
    retain: bool,
    packet_id: int = 0,
    properties: Properties = (),
    *,
    duplicate: bool = False,
) -> bytes:
    """PUBLISH to a subscriber. `packet_id` is used with QoS 1 only, `properties` with MQTT 5 only."""
    first = 0x30 | qos << 1 | retain | duplicate << 3
    middle = packet_id.to_bytes(2, "big") if qos else b""
    if version == MQTT_5:
        middle += encode_properties(properties) if properties else b"\x00"
    head = _publish_head if len(topic) <= MAX_TOPIC_BYTES else _publish_head.__wrapped__
    return head(first, topic, len(middle) + len(payload)) + middle + payload


@lru_cache(maxsize=4_096)  # clients often publish messages of one size on one topic
def _publish_head(first: int, topic: str, left: int) -> bytes:
    """The fixed header and the topic of a PUBLISH; `left`: how many bytes follow them."""
    name = _string(topic)
    return bytes((first,)) + _variable(len(name) + left) + name


def encode_puback(version: int, packet_id: int, reason: int = 0, sentence: str = "") -> bytes:
    """PUBACK; MQTT 3.1.1 has no reason codes in it."""
    if version != MQTT_5 or not reason:
        return _PUBACK_HEADER + packet_id.to_bytes(2, "big")
    properties = encode_properties([(Property.REASON_STRING, sentence)] if sentence else [])
    return _packet(PacketType.PUBACK, packet_id.to_bytes(2, "big") + bytes([reason]) + properties)


def encode_suback(version: int, packet_id: int, reasons: Iterable[int], sentence: str = "") -> bytes:
    """SUBACK with one code for each filter, and in MQTT 5 a sentence about those that were refused."""
    return _packet(PacketType.SUBACK, packet_id.to_bytes(2, "big") + _sentence(version, sentence) + bytes(reasons))


def encode_unsuback(version: int, packet_id: int, reasons: Iterable[int]) -> bytes:
    """UNSUBACK; MQTT 3.1.1 has no reason codes in it."""
    tail = _sentence(version, "") + bytes(reasons) if version == MQTT_5 else b""
    return _packet(PacketType.UNSUBACK, packet_id.to_bytes(2, "big") + tail)


def encode_disconnect(reason: int, sentence: str = "") -> bytes:
    """DISCONNECT of MQTT 5; an MQTT 3.1.1 server only closes."""
    return _packet(PacketType.DISCONNECT, bytes([reason]) + _sentence(MQTT_5, sentence))


def _sentence(version: int, sentence: str) -> bytes:
    if version != MQTT_5:
        return b""
    return encode_properties(((Property.REASON_STRING, sentence),) if sentence else ())
