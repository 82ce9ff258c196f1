"""The wire format of MQTT 3.1.1 and 5, sans I/O: bytes → packets and packets → bytes.

Sources: OASIS MQTT 3.1.1 (sections 2 and 3) and MQTT 5.0 (sections 1.5, 2 and 3).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum

from emulator.mqtt.limits import MAX_PACKET_BYTES

MQTT_3, MQTT_5 = 4, 5


class PacketType(IntEnum):
    CONNECT = 1
    CONNACK = 2
    PUBLISH = 3
    PUBACK = 4
    PUBREC = 5
    PUBREL = 6
    PUBCOMP = 7
    SUBSCRIBE = 8
    SUBACK = 9
    UNSUBSCRIBE = 10
    UNSUBACK = 11
    PINGREQ = 12
    PINGRESP = 13
    DISCONNECT = 14
    AUTH = 15


class Reason(IntEnum):
    """MQTT 5 reason codes that this endpoint gives or takes."""

    SUCCESS = 0x00
    DISCONNECT_WITH_WILL = 0x04
    NO_MATCHING_SUBSCRIBERS = 0x10
    NO_SUBSCRIPTION_EXISTED = 0x11
    UNSPECIFIED = 0x80
    MALFORMED_PACKET = 0x81
    PROTOCOL_ERROR = 0x82
    IMPLEMENTATION_SPECIFIC = 0x83
    UNSUPPORTED_PROTOCOL_VERSION = 0x84
    CLIENT_IDENTIFIER_NOT_VALID = 0x85
    NOT_AUTHORIZED = 0x87
    SERVER_BUSY = 0x89
    SERVER_SHUTTING_DOWN = 0x8B
    BAD_AUTHENTICATION_METHOD = 0x8C
    KEEP_ALIVE_TIMEOUT = 0x8D
    SESSION_TAKEN_OVER = 0x8E
    TOPIC_FILTER_INVALID = 0x8F
    TOPIC_NAME_INVALID = 0x90
    RECEIVE_MAXIMUM_EXCEEDED = 0x93
    TOPIC_ALIAS_INVALID = 0x94
    PACKET_TOO_LARGE = 0x95
    QUOTA_EXCEEDED = 0x97
    ADMINISTRATIVE_ACTION = 0x98
    PAYLOAD_FORMAT_INVALID = 0x99
    RETAIN_NOT_SUPPORTED = 0x9A
    QOS_NOT_SUPPORTED = 0x9B
    SHARED_SUBSCRIPTIONS_NOT_SUPPORTED = 0x9E
    SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED = 0xA1


class PacketError(ValueError):
    """A packet that breaks the format or the protocol. `reason` is the MQTT 5 code for it."""

    def __init__(self, sentence: str, reason: Reason = Reason.MALFORMED_PACKET) -> None:
        super().__init__(sentence)
        self.reason = reason


class Property(IntEnum):
    PAYLOAD_FORMAT = 0x01
    MESSAGE_EXPIRY = 0x02
    CONTENT_TYPE = 0x03
    RESPONSE_TOPIC = 0x08
    CORRELATION_DATA = 0x09
    SUBSCRIPTION_IDENTIFIER = 0x0B
    SESSION_EXPIRY = 0x11
    ASSIGNED_CLIENT_ID = 0x12
    SERVER_KEEP_ALIVE = 0x13
    AUTHENTICATION_METHOD = 0x15
    AUTHENTICATION_DATA = 0x16
    REQUEST_PROBLEM_INFORMATION = 0x17
    WILL_DELAY = 0x18
    REQUEST_RESPONSE_INFORMATION = 0x19
    RESPONSE_INFORMATION = 0x1A
    SERVER_REFERENCE = 0x1C
    REASON_STRING = 0x1F
    RECEIVE_MAXIMUM = 0x21
    TOPIC_ALIAS_MAXIMUM = 0x22
    TOPIC_ALIAS = 0x23
    MAXIMUM_QOS = 0x24
    RETAIN_AVAILABLE = 0x25
    USER_PROPERTY = 0x26
    MAXIMUM_PACKET_SIZE = 0x27
    WILDCARD_SUBSCRIPTION_AVAILABLE = 0x28
    SUBSCRIPTION_IDENTIFIER_AVAILABLE = 0x29
    SHARED_SUBSCRIPTION_AVAILABLE = 0x2A


_BYTE, _TWO, _FOUR, _VARIABLE, _BINARY, _TEXT, _PAIR = range(7)
_KINDS: dict[Property, int] = {
    Property.PAYLOAD_FORMAT: _BYTE,
    Property.MESSAGE_EXPIRY: _FOUR,
    Property.CONTENT_TYPE: _TEXT,
    Property.RESPONSE_TOPIC: _TEXT,
    Property.CORRELATION_DATA: _BINARY,
    Property.SUBSCRIPTION_IDENTIFIER: _VARIABLE,
    Property.SESSION_EXPIRY: _FOUR,
    Property.ASSIGNED_CLIENT_ID: _TEXT,
    Property.SERVER_KEEP_ALIVE: _TWO,
    Property.AUTHENTICATION_METHOD: _TEXT,
    Property.AUTHENTICATION_DATA: _BINARY,
    Property.REQUEST_PROBLEM_INFORMATION: _BYTE,
    Property.WILL_DELAY: _FOUR,
    Property.REQUEST_RESPONSE_INFORMATION: _BYTE,
    Property.RESPONSE_INFORMATION: _TEXT,
    Property.SERVER_REFERENCE: _TEXT,
    Property.REASON_STRING: _TEXT,
    Property.RECEIVE_MAXIMUM: _TWO,
    Property.TOPIC_ALIAS_MAXIMUM: _TWO,
    Property.TOPIC_ALIAS: _TWO,
    Property.MAXIMUM_QOS: _BYTE,
    Property.RETAIN_AVAILABLE: _BYTE,
    Property.USER_PROPERTY: _PAIR,
    Property.MAXIMUM_PACKET_SIZE: _FOUR,
    Property.WILDCARD_SUBSCRIPTION_AVAILABLE: _BYTE,
    Property.SUBSCRIPTION_IDENTIFIER_AVAILABLE: _BYTE,
    Property.SHARED_SUBSCRIPTION_AVAILABLE: _BYTE,
}
_MESSAGE = frozenset(
    {
        Property.PAYLOAD_FORMAT,
        Property.MESSAGE_EXPIRY,
        Property.CONTENT_TYPE,
        Property.RESPONSE_TOPIC,
        Property.CORRELATION_DATA,
        Property.USER_PROPERTY,
    }
)
_WILL = _MESSAGE | {Property.WILL_DELAY}
_PUBLISH = _MESSAGE | {Property.TOPIC_ALIAS, Property.SUBSCRIPTION_IDENTIFIER}
_CONNECT = frozenset(
    {
        Property.SESSION_EXPIRY,
        Property.RECEIVE_MAXIMUM,
        Property.MAXIMUM_PACKET_SIZE,
        Property.TOPIC_ALIAS_MAXIMUM,
        Property.REQUEST_RESPONSE_INFORMATION,
        Property.REQUEST_PROBLEM_INFORMATION,
        Property.USER_PROPERTY,
        Property.AUTHENTICATION_METHOD,
        Property.AUTHENTICATION_DATA,
    }
)
_ACK = frozenset({Property.REASON_STRING, Property.USER_PROPERTY})
_SUBSCRIBE = frozenset({Property.SUBSCRIPTION_IDENTIFIER, Property.USER_PROPERTY})
_UNSUBSCRIBE = frozenset({Property.USER_PROPERTY})
_DISCONNECT = _ACK | {Property.SESSION_EXPIRY, Property.SERVER_REFERENCE}
_MANY = frozenset({Property.USER_PROPERTY})

Value = int | str | bytes | tuple[str, str]
Properties = tuple[tuple[Property, Value], ...]


def property_value(properties: Properties, wanted: Property) -> Value | None:
    """The one value of a property, or None."""
    return next((value for name, value in properties if name == wanted), None)


def number(properties: Properties, wanted: Property, default: int) -> int:
    value = property_value(properties, wanted)
    return value if isinstance(value, int) else default


def text(properties: Properties, wanted: Property) -> str | None:
    value = property_value(properties, wanted)
    return value if isinstance(value, str) else None


@dataclass(frozen=True)
class Will:
    topic: str
    payload: bytes
    qos: int
    retain: bool
    properties: Properties = ()


@dataclass(frozen=True)
class Connect:
    version: int  # 4 = MQTT 3.1.1, 5 = MQTT 5
    client_id: str
    clean: bool
    keep_alive: int
    user_name: str | None = None
    password: bytes | None = None
    will: Will | None = None
    properties: Properties = ()


@dataclass(frozen=True)
class Publish:
    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    duplicate: bool = False
    packet_id: int = 0
    properties: Properties = ()


@dataclass(frozen=True)
class Acknowledgement:
    """PUBACK, PUBREC, PUBREL or PUBCOMP."""

    type: PacketType
    packet_id: int
    reason: int = 0
    properties: Properties = ()


@dataclass(frozen=True)
class Subscription:
    topic_filter: str
    qos: int
    no_local: bool = False
    retain_as_published: bool = False
    retain_handling: int = 0


@dataclass(frozen=True)
class Subscribe:
    packet_id: int
    subscriptions: tuple[Subscription, ...]
    properties: Properties = ()


@dataclass(frozen=True)
class Unsubscribe:
    packet_id: int
    topic_filters: tuple[str, ...]


@dataclass(frozen=True)
class Ping:
    pass


@dataclass(frozen=True)
class Disconnect:
    reason: int = 0
    properties: Properties = ()


@dataclass(frozen=True)
class Auth:
    pass


Packet = Connect | Publish | Acknowledgement | Subscribe | Unsubscribe | Ping | Disconnect | Auth


# ---------- reading ----------


class _Reader:
    """Walks over the bytes of one packet; every read past its end is a malformed packet."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    @property
    def left(self) -> int:
        return len(self.data) - self.at

    def take(self, count: int) -> bytes:
        if count > self.left:
            raise PacketError("The packet ends before its content does.")
        taken = self.data[self.at : self.at + count]
        self.at += count
        return taken

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
            if name in seen and name not in _MANY:
                raise PacketError(f"The property {name.name} is given twice.", Reason.PROTOCOL_ERROR)
            seen.add(name)
            found.append((name, self._value(inner, _KINDS[name])))
        return tuple(found)

    @staticmethod
    def _value(inner: "_Reader", kind: int) -> Value:
        if kind == _BYTE:
            return inner.byte()
        if kind == _TWO:
            return inner.two()
        if kind == _FOUR:
            return inner.four()
        if kind == _VARIABLE:
            return inner.variable()
        if kind == _BINARY:
            return inner.binary()
        if kind == _TEXT:
            return inner.text()
        return inner.text(), inner.text()


@dataclass
class Decoder:
    """Cuts a stream of bytes into packets. `version` is set from CONNECT; `limit` bounds one packet in bytes."""

    version: int = 0
    limit: int = MAX_PACKET_BYTES
    _buffer: bytearray = field(default_factory=bytearray)

    def feed(self, data: bytes) -> Iterator[Packet]:
        """Yield each whole packet. Raises `PacketError`; after that the stream is of no use."""
        self._buffer += data
        while True:
            header = self._header()
            if header is None:
                return
            start, length = header
            if len(self._buffer) < start + length:
                return
            first = self._buffer[0]
            body = bytes(self._buffer[start : start + length])
            del self._buffer[: start + length]
            packet = _decode(first, body, self.version)
            if isinstance(packet, Connect):
                self.version = packet.version
            yield packet

    def _header(self) -> tuple[int, int] | None:
        length = shift = 0
        for index in range(1, 5):
            if index >= len(self._buffer):
                return None
            byte = self._buffer[index]
            length |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                if index + 1 + length > self.limit:
                    raise PacketError("The packet is larger than allowed.", Reason.PACKET_TOO_LARGE)
                return index + 1, length
        raise PacketError("The remaining length has more than four bytes.")


def _decode(first: int, body: bytes, version: int) -> Packet:
    kind, flags, reader = first >> 4, first & 0x0F, _Reader(body)
    if kind == PacketType.PUBLISH:
        return _decode_publish(flags, reader, version)
    expected = 2 if kind in {PacketType.PUBREL, PacketType.SUBSCRIBE, PacketType.UNSUBSCRIBE} else 0
    if flags != expected:
        raise PacketError("The reserved flags of a packet are wrong.")
    packet: Packet
    if kind == PacketType.CONNECT:
        packet = _decode_connect(reader)
    elif kind in {PacketType.PUBACK, PacketType.PUBREC, PacketType.PUBREL, PacketType.PUBCOMP}:
        packet = _decode_acknowledgement(PacketType(kind), reader, version)
    elif kind == PacketType.SUBSCRIBE:
        packet = _decode_subscribe(reader, version)
    elif kind == PacketType.UNSUBSCRIBE:
        packet = _decode_unsubscribe(reader, version)
    elif kind == PacketType.PINGREQ:
        packet = Ping()
    elif kind == PacketType.DISCONNECT:
        packet = _decode_disconnect(reader, version)
    elif kind == PacketType.AUTH and version == MQTT_5:
        return Auth()
    else:
        raise PacketError("A client never sends this kind of packet.", Reason.PROTOCOL_ERROR)
    if reader.left:
        raise PacketError("The packet is longer than its content.")
    return packet


def _decode_connect(reader: _Reader) -> Connect:
    if reader.binary() != b"MQTT":
        raise PacketError("The protocol name is not MQTT.", Reason.UNSUPPORTED_PROTOCOL_VERSION)
    version = reader.byte()
    if version not in {MQTT_3, MQTT_5}:
        raise PacketError("Only MQTT 3.1.1 and 5 are spoken here.", Reason.UNSUPPORTED_PROTOCOL_VERSION)
    flags = reader.byte()
    has_will, will_qos = bool(flags & 0x04), (flags >> 3) & 0x03
    if flags & 0x01 or will_qos == 3 or (not has_will and flags & 0x38):
        raise PacketError("The CONNECT flags are wrong.")
    if version == MQTT_3 and flags & 0x40 and not flags & 0x80:
        raise PacketError("A password needs a user name in MQTT 3.1.1.")
    keep_alive = reader.two()
    properties = reader.properties(_CONNECT) if version == MQTT_5 else ()
    client_id = reader.text()
    will = None
    if has_will:
        will_properties = reader.properties(_WILL) if version == MQTT_5 else ()
        topic, payload = reader.text(), reader.binary()
        check_topic_name(topic)
        will = Will(topic, payload, will_qos, bool(flags & 0x20), will_properties)
    user_name = reader.text() if flags & 0x80 else None
    password = reader.binary() if flags & 0x40 else None
    return Connect(version, client_id, bool(flags & 0x02), keep_alive, user_name, password, will, properties)


def _decode_publish(flags: int, reader: _Reader, version: int) -> Publish:
    qos = (flags >> 1) & 0x03
    if qos == 3:
        raise PacketError("There is no QoS 3.")
    if qos == 0 and flags & 0x08:
        raise PacketError("A QoS 0 message is marked as duplicate.")
    topic = reader.text()
    packet_id = reader.packet_id() if qos else 0
    properties = reader.properties(_PUBLISH) if version == MQTT_5 else ()
    if topic or property_value(properties, Property.TOPIC_ALIAS) is None:
        check_topic_name(topic)
    return Publish(topic, reader.take(reader.left), qos, bool(flags & 1), bool(flags & 8), packet_id, properties)


def _decode_acknowledgement(kind: PacketType, reader: _Reader, version: int) -> Acknowledgement:
    packet_id = reader.packet_id()
    reason = reader.byte() if version == MQTT_5 and reader.left else 0
    properties = reader.properties(_ACK) if version == MQTT_5 and reader.left else ()
    return Acknowledgement(kind, packet_id, reason, properties)


def _decode_subscribe(reader: _Reader, version: int) -> Subscribe:
    packet_id = reader.packet_id()
    properties = reader.properties(_SUBSCRIBE) if version == MQTT_5 else ()
    found = []
    while reader.left:
        topic_filter, options = reader.text(), reader.byte()
        if options & (0xC0 if version == MQTT_5 else 0xFC) or options & 3 == 3 or (options >> 4) & 3 == 3:
            raise PacketError("The subscription options are wrong.", Reason.PROTOCOL_ERROR)
        found.append(Subscription(topic_filter, options & 3, bool(options & 4), bool(options & 8), (options >> 4) & 3))
    if not found:
        raise PacketError("A SUBSCRIBE without a topic filter.", Reason.PROTOCOL_ERROR)
    return Subscribe(packet_id, tuple(found), properties)


def _decode_unsubscribe(reader: _Reader, version: int) -> Unsubscribe:
    packet_id = reader.packet_id()
    if version == MQTT_5:
        reader.properties(_UNSUBSCRIBE)
    found = []
    while reader.left:
        found.append(reader.text())
    if not found:
        raise PacketError("An UNSUBSCRIBE without a topic filter.", Reason.PROTOCOL_ERROR)
    return Unsubscribe(packet_id, tuple(found))


def _decode_disconnect(reader: _Reader, version: int) -> Disconnect:
    if version != MQTT_5 or not reader.left:
        return Disconnect()
    reason = reader.byte()
    return Disconnect(reason, reader.properties(_DISCONNECT) if reader.left else ())


def check_topic_name(topic: str) -> None:
    """Raise `PacketError` when this cannot be the topic of a message."""
    if not topic or "+" in topic or "#" in topic:
        raise PacketError("A message's topic is empty or has a wildcard.", Reason.TOPIC_NAME_INVALID)


def is_topic_filter(topic_filter: str) -> bool:
    """Whether the wildcards of a topic filter stand where they may (MQTT 5, section 4.7)."""
    if not topic_filter:
        return False
    levels = topic_filter.split("/")
    return (
        all(level in {"+", "#"} or ("+" not in level and "#" not in level) for level in levels)
        and "#" not in levels[:-1]
    )


# ---------- writing ----------


def _variable(value: int) -> bytes:
    out = bytearray()
    while True:
        value, byte = value >> 7, value & 0x7F
        out.append(byte | 0x80 if value else byte)
        if not value:
            return bytes(out)


def _string(value: str) -> bytes:
    data = value.encode("utf-8")
    return len(data).to_bytes(2, "big") + data


def _packet(kind: PacketType, body: bytes, flags: int = 0) -> bytes:
    return bytes([kind << 4 | flags]) + _variable(len(body)) + body


def encode_properties(properties: Iterable[tuple[Property, Value]]) -> bytes:
    """The property block of an MQTT 5 packet, with its length."""
    out = bytearray()
    for name, value in properties:
        out += _variable(name)
        kind = _KINDS[name]
        if isinstance(value, int):
            out += _variable(value) if kind == _VARIABLE else value.to_bytes({_BYTE: 1, _TWO: 2, _FOUR: 4}[kind], "big")
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


def encode_publish(version: int, message: Publish) -> bytes:
    flags = message.qos << 1 | (1 if message.retain else 0) | (8 if message.duplicate else 0)
    body = _string(message.topic) + (message.packet_id.to_bytes(2, "big") if message.qos else b"")
    if version == MQTT_5:
        body += encode_properties(message.properties)
    return _packet(PacketType.PUBLISH, body + message.payload, flags)


def encode_puback(version: int, packet_id: int, reason: int = 0, sentence: str = "") -> bytes:
    body = packet_id.to_bytes(2, "big")
    if version == MQTT_5 and reason:
        body += bytes([reason]) + encode_properties([(Property.REASON_STRING, sentence)] if sentence else [])
    return _packet(PacketType.PUBACK, body)


def encode_suback(version: int, packet_id: int, reasons: Iterable[int]) -> bytes:
    block = encode_properties(()) if version == MQTT_5 else b""
    return _packet(PacketType.SUBACK, packet_id.to_bytes(2, "big") + block + bytes(reasons))


def encode_unsuback(version: int, packet_id: int, reasons: Iterable[int]) -> bytes:
    body = packet_id.to_bytes(2, "big")
    if version == MQTT_5:
        body += encode_properties(()) + bytes(reasons)
    return _packet(PacketType.UNSUBACK, body)


def encode_pingresp() -> bytes:
    return _packet(PacketType.PINGRESP, b"")


def encode_disconnect(reason: int, sentence: str = "") -> bytes:
    """DISCONNECT of MQTT 5; a 3.1.1 server closes without a word."""
    properties: Properties = ((Property.REASON_STRING, sentence),) if sentence else ()
    return _packet(PacketType.DISCONNECT, bytes([reason]) + encode_properties(properties))
