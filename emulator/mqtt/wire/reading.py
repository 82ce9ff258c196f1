"""Bytes → packets, sans I/O. A read past a packet's end raises `PacketError`, never another exception.

Sources: OASIS MQTT 3.1.1 (sections 2 and 3) and MQTT 5.0 (sections 1.5, 2 and 3).
"""

import contextlib
from collections.abc import Iterator

from emulator.mqtt.limits import MAX_PACKET_BYTES
from emulator.mqtt.wire import property_rules as rules
from emulator.mqtt.wire.packets import (
    MQTT_3,
    MQTT_5,
    Acknowledgement,
    Auth,
    Connect,
    Disconnect,
    Packet,
    PacketError,
    PacketType,
    Ping,
    Properties,
    Property,
    Publish,
    Reason,
    Subscribe,
    Subscription,
    Unsubscribe,
    Value,
    Will,
    property_value,
)
from namespaces.authorization.topics import is_topic_name

BRIDGE_BIT = 0x80  # in the protocol level, of mosquitto bridges
_PROTOCOL_NAME = b"\x00\x04MQTT"
_PUBLISH = PacketType.PUBLISH.value
_PLAIN_PUBLISH, _PLAIN_PUBACK = PacketType.PUBLISH << 4, PacketType.PUBACK << 4  # first bytes, without flags
_ACKNOWLEDGEMENTS = {PacketType.PUBACK, PacketType.PUBREC, PacketType.PUBREL, PacketType.PUBCOMP}
_FLAGS = {PacketType.PUBREL: 2, PacketType.SUBSCRIBE: 2, PacketType.UNSUBSCRIBE: 2}


class _Reader:
    """Reads the bytes of one packet in order."""

    __slots__ = ("at", "data", "end")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.end = len(data)

    @property
    def left(self) -> int:
        return self.end - self.at

    def take(self, count: int) -> bytes:
        start = self.at
        self.at = start + count
        if self.at > self.end:
            raise PacketError("The packet ends before its content does.")
        return self.data[start : self.at]

    def byte(self) -> int:
        return self.take(1)[0]

    def two(self) -> int:
        return int.from_bytes(self.take(2), "big")

    def four(self) -> int:
        return int.from_bytes(self.take(4), "big")

    def variable(self) -> int:
        value = shift = 0
        for _ in range(4):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if not byte & 0x80:
                return value
            shift += 7
        raise PacketError("A variable byte integer has more than four bytes.")

    def binary(self) -> bytes:
        return self.take(self.two())

    def text(self) -> str:
        try:
            value = self.binary().decode("utf-8")
        except UnicodeDecodeError:
            raise PacketError("A string is not UTF-8.") from None
        if "\x00" in value:
            raise PacketError("A string holds a zero character.")
        return value

    def packet_id(self) -> int:
        value = self.two()
        if value == 0:
            raise PacketError("A packet identifier is zero.", Reason.PROTOCOL_ERROR)
        return value

    def properties(self, allowed: frozenset[Property]) -> Properties:
        length = self.variable()
        if not length:
            return ()
        inner = _Reader(self.take(length))
        found: list[tuple[Property, Value]] = []
        seen: set[Property] = set()
        while inner.left:
            code = inner.variable()
            try:
                name = Property(code)
            except ValueError:
                raise PacketError(f"There is no property {code:#04x}.") from None
            if name not in allowed:
                raise PacketError(f"The property {name.name} does not belong in this packet.")
            if name in seen and name not in rules.REPEATABLE:
                raise PacketError(f"The property {name.name} is given twice.", Reason.PROTOCOL_ERROR)
            seen.add(name)
            value = _value(inner, rules.KINDS[name])
            problem = rules.problem_with(name, value)
            if problem is not None:
                raise problem
            found.append((name, value))
        return tuple(found)


def _value(inner: _Reader, kind: int) -> Value:
    if kind == rules.BYTE:
        return inner.byte()
    if kind == rules.TWO:
        return inner.two()
    if kind == rules.FOUR:
        return inner.four()
    if kind == rules.VARIABLE:
        return inner.variable()
    if kind == rules.BINARY:
        return inner.binary()
    if kind == rules.TEXT:
        return inner.text()
    return inner.text(), inner.text()


class Decoder:
    """Decodes a stream of bytes into packets.

    `limit` bounds one packet in bytes and may change between packets. `version` is 0 until a CONNECT has named it;
    `offered_version` is what the CONNECT asked for, also when it is not spoken here; None = no MQTT was recognized.
    `refused` is a CONNECT of a version that is not spoken here, as far as it could be read.
    """

    __slots__ = ("_held", "_needed", "limit", "offered_version", "refused", "version")

    def __init__(self, *, version: int = 0, limit: int = MAX_PACKET_BYTES) -> None:
        self.version = version
        self.limit = limit
        self.offered_version: int | None = version or None
        self.refused: Connect | None = None
        self._held = bytearray()
        self._needed = 0

    def feed(self, data: bytes) -> Iterator[Packet]:
        """Yield each whole packet. Raises `PacketError`; after that the stream cannot be read any further."""
        if self._held:
            self._held += data
            if len(self._held) < self._needed:
                return  # a large packet in small pieces is put together once, not at each piece
            data = bytes(self._held)
            self._held = bytearray()
        at, end = 0, len(data)
        while at < end:
            length = data[at + 1] if at + 1 < end else 0x80
            if length < 0x80 and length + 2 <= self.limit:  # nearly always
                start = at + 2
            else:
                start, length = self._header(data, at)
            stop = start + length
            if not start or stop > end:
                self._held += data[at:]
                self._needed = stop - at if start else 0
                return
            first, body, at = data[at], data[start:stop], stop
            yield _usual(first, body, self.version) or self._decode(first, body)

    def _header(self, data: bytes, at: int) -> tuple[int, int]:
        """Return where the packet's content starts, and its length; (0, 0) while the header is incomplete."""
        length = shift = 0
        for index in range(at + 1, at + 5):
            if index >= len(data):
                return 0, 0
            byte = data[index]
            length |= (byte & 0x7F) << shift
            if not byte & 0x80:
                if index + 1 - at + length > self.limit:
                    self._note_offer(data, index + 1)
                    raise PacketError("The packet is larger than allowed.", Reason.PACKET_TOO_LARGE)
                return index + 1, length
            shift += 7
        raise PacketError("The remaining length has more than four bytes.")

    def _note_offer(self, data: bytes, start: int) -> None:
        """Note the version of a CONNECT that is too large to read, so that its refusal can use it."""
        if not self.version and data[start : start + 6] == _PROTOCOL_NAME and len(data) > start + 6:
            self.offered_version = data[start + 6] & ~BRIDGE_BIT

    def _decode(self, first: int, body: bytes) -> Packet:
        kind, flags = first >> 4, first & 0x0F
        if kind == _PUBLISH:
            return _publish(flags, _Reader(body), self.version)
        if flags != _FLAGS.get(PacketType(kind) if kind else PacketType.AUTH, 0):
            raise PacketError("The reserved flags of a packet are wrong.")
        reader = _Reader(body)
        packet = self._connect(reader) if kind == PacketType.CONNECT else _other(kind, reader, self.version)
        if reader.left:
            raise PacketError("The packet is longer than its content.")
        return packet

    def _connect(self, reader: _Reader) -> Connect:
        name, level = reader.binary(), reader.byte()
        if name not in {b"MQTT", b"MQIsdp"}:
            raise PacketError("The protocol name is not MQTT.", Reason.UNSUPPORTED_PROTOCOL_VERSION)
        version = self.offered_version = level & ~BRIDGE_BIT
        if name == b"MQTT" and level in {MQTT_3, MQTT_5}:
            self.version = version
            return _connect(reader, version)
        with contextlib.suppress(PacketError):
            self.refused = _connect(reader, MQTT_5 if version >= MQTT_5 else MQTT_3)
        raise _unsupported(name, level)


def _unsupported(name: bytes, level: int) -> PacketError:
    """Return why a protocol level is refused. Mosquitto sets the highest bit of it to say that it is a bridge."""
    reason = Reason.UNSUPPORTED_PROTOCOL_VERSION
    if not level & BRIDGE_BIT:
        return PacketError("Only MQTT 3.1.1 and 5 are supported.", reason)
    is_old = name == b"MQIsdp"
    sentence = (
        f"A mosquitto bridge announces itself as one, with protocol level {level:#04x}, which is not part of MQTT."
        + (" It speaks MQTT 3.1, which is not supported: set bridge_protocol_version mqttv311." if is_old else "")
        + " It connects again without that when it has read this answer; try_private false in its configuration spares it the"
        " first attempt."
    )
    return PacketError(sentence, reason, code="mosquitto-bridge")


def _connect(reader: _Reader, version: int) -> Connect:
    flags = reader.byte()
    has_will, will_qos = bool(flags & 0x04), (flags >> 3) & 0x03
    if flags & 0x01 or will_qos == 3 or (not has_will and flags & 0x38):
        raise PacketError("The CONNECT flags are wrong.")
    if version == MQTT_3 and flags & 0x40 and not flags & 0x80:
        raise PacketError("A password needs a user name in MQTT 3.1.1.")
    keep_alive = reader.two()
    properties = reader.properties(rules.IN_CONNECT) if version == MQTT_5 else ()
    client_id = reader.text()
    will = None
    if has_will:
        will_properties = reader.properties(rules.IN_WILL) if version == MQTT_5 else ()
        topic, payload = reader.text(), reader.binary()
        if not is_topic_name(topic):
            raise PacketError("The will's topic is empty or has a wildcard.", Reason.TOPIC_NAME_INVALID)
        will = Will(topic, payload, will_qos, bool(flags & 0x20), will_properties)
    user_name = reader.text() if flags & 0x80 else None
    password = reader.binary() if flags & 0x40 else None
    has_data = property_value(properties, Property.AUTHENTICATION_DATA) is not None
    if has_data and property_value(properties, Property.AUTHENTICATION_METHOD) is None:
        raise PacketError("Authentication data without a method.", Reason.PROTOCOL_ERROR)
    return Connect(version, client_id, bool(flags & 0x02), keep_alive, user_name, password, will, properties)


_known_topics: dict[bytes, str] = {}  # of earlier messages
_MAX_KNOWN_TOPICS, _MAX_KNOWN_TOPIC_BYTES = 4_096, 256


def _usual(first: int, body: bytes, version: int) -> Publish | Acknowledgement | None:
    """Read the most common packets in a third of the time. Returns None for others, which are then read with full checks.

    That is a message on a known topic without properties, and the plain acknowledgement of one.
    """
    size = len(body)
    if first == _PLAIN_PUBACK:
        packet_id = body[0] << 8 | body[1] if size == 2 else 0
        return tuple.__new__(Acknowledgement, (PacketType.PUBACK, packet_id, 0, ())) if packet_id else None
    if first & 0xFC != _PLAIN_PUBLISH or size < 5:
        return None
    at = 2 + (body[0] << 8 | body[1])
    topic = _known_topics.get(body[2:at])
    packet_id = 0
    if first & 2:
        if at + 2 > size:
            return None
        packet_id = body[at] << 8 | body[at + 1]
        at += 2
        if not packet_id:
            return None
    if topic is None or at > size:
        return None
    if version == MQTT_5:
        if body[at : at + 1] != b"\x00":
            return None
        at += 1
    return tuple.__new__(Publish, (topic, body[at:], first >> 1 & 1, first & 1 == 1, False, packet_id, ()))


def _remember(topic: str) -> None:
    """Remember a topic name. Their number and length are limited, so that clients cannot fill the memory."""
    name = topic.encode()
    if name and len(name) <= _MAX_KNOWN_TOPIC_BYTES:
        if len(_known_topics) >= _MAX_KNOWN_TOPICS:
            _known_topics.clear()
        _known_topics[name] = topic


def _publish(flags: int, reader: _Reader, version: int) -> Publish:
    qos = (flags >> 1) & 0x03
    if qos == 3:
        raise PacketError("There is no QoS 3.")
    if qos == 0 and flags & 0x08:
        raise PacketError("A QoS 0 message is marked as duplicate.")
    topic = reader.text()
    packet_id = reader.packet_id() if qos else 0
    properties = reader.properties(rules.IN_PUBLISH) if version == MQTT_5 else ()
    if not is_topic_name(topic) and (topic or property_value(properties, Property.TOPIC_ALIAS) is None):
        raise PacketError("A message's topic is empty or has a wildcard.", Reason.TOPIC_NAME_INVALID)
    _remember(topic)
    return Publish(topic, reader.data[reader.at :], qos, bool(flags & 1), bool(flags & 8), packet_id, properties)


def _other(kind: int, reader: _Reader, version: int) -> Packet:
    if kind in _ACKNOWLEDGEMENTS:
        return _acknowledgement(PacketType(kind), reader, version)
    if kind == PacketType.SUBSCRIBE:
        return _subscribe(reader, version)
    if kind == PacketType.UNSUBSCRIBE:
        return _unsubscribe(reader, version)
    if kind == PacketType.PINGREQ:
        return Ping()
    if kind == PacketType.DISCONNECT:
        return _disconnect(reader, version)
    if kind == PacketType.AUTH and version == MQTT_5:
        return _auth(reader)
    raise PacketError("A client never sends this kind of packet.", Reason.PROTOCOL_ERROR)


def _acknowledgement(kind: PacketType, reader: _Reader, version: int) -> Acknowledgement:
    packet_id = reader.packet_id()
    reason = reader.byte() if version == MQTT_5 and reader.left else 0
    properties = reader.properties(rules.IN_ACK) if version == MQTT_5 and reader.left else ()
    return Acknowledgement(kind, packet_id, reason, properties)


def _subscribe(reader: _Reader, version: int) -> Subscribe:
    packet_id = reader.packet_id()
    properties = reader.properties(rules.IN_SUBSCRIBE) if version == MQTT_5 else ()
    found = []
    while reader.left:
        topic_filter, options = reader.text(), reader.byte()
        if options & (0xC0 if version == MQTT_5 else 0xFC) or options & 3 == 3 or (options >> 4) & 3 == 3:
            raise PacketError("The subscription options are wrong.", Reason.PROTOCOL_ERROR)
        found.append(Subscription(topic_filter, options & 3, bool(options & 4), bool(options & 8), (options >> 4) & 3))
    if not found:
        raise PacketError("A SUBSCRIBE without a topic filter.", Reason.PROTOCOL_ERROR)
    return Subscribe(packet_id, tuple(found), properties)


def _unsubscribe(reader: _Reader, version: int) -> Unsubscribe:
    packet_id = reader.packet_id()
    properties = reader.properties(rules.IN_UNSUBSCRIBE) if version == MQTT_5 else ()
    found = []
    while reader.left:
        found.append(reader.text())
    if not found:
        raise PacketError("An UNSUBSCRIBE without a topic filter.", Reason.PROTOCOL_ERROR)
    return Unsubscribe(packet_id, tuple(found), properties)


def _auth(reader: _Reader) -> Auth:
    if not reader.left:
        return Auth()
    reason = reader.byte()
    return Auth(reason, reader.properties(rules.IN_AUTH) if reader.left else ())


def _disconnect(reader: _Reader, version: int) -> Disconnect:
    if version != MQTT_5 or not reader.left:
        return Disconnect()
    reason = reader.byte()
    return Disconnect(reason, reader.properties(rules.IN_DISCONNECT) if reader.left else ())
