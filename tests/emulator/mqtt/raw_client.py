"""An MQTT client of raw packets: sends exactly the bytes of a test and returns exactly what was answered.

It shares no code with the endpoint's codec, so that a mistake in one does not hide in the other.
"""

import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from certificates.samples.chain import SampleCertificate

SECONDS = 60.0  # to wait for what comes in milliseconds, unless the machine is busy
CONNACK, PUBLISH, PUBACK, SUBACK, UNSUBACK, PINGRESP, DISCONNECT = 2, 3, 4, 9, 11, 13, 14


def length(value: int) -> bytes:
    out = bytearray()
    while True:
        value, digit = divmod(value, 128)
        out.append(digit | (0x80 if value else 0))
        if not value:
            return bytes(out)


def text(value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return len(data).to_bytes(2, "big") + data


def packet(first: int, body: bytes = b"") -> bytes:
    return bytes([first]) + length(len(body)) + body


def block(*properties: bytes) -> bytes:
    content = b"".join(properties)
    return length(len(content)) + content


def four(code: int, value: int) -> bytes:
    return bytes([code]) + value.to_bytes(4, "big")


def two(code: int, value: int) -> bytes:
    return bytes([code]) + value.to_bytes(2, "big")


def pair(name: str, value: str) -> bytes:
    return b"\x26" + text(name) + text(value)


SESSION_EXPIRY, RECEIVE_MAXIMUM, MAXIMUM_PACKET_SIZE, WILL_DELAY, MESSAGE_EXPIRY, TOPIC_ALIAS = (
    0x11,
    0x21,
    0x27,
    0x18,
    0x02,
    0x23,
)


def connect(
    session_name: str,
    user_name: str | None,
    *,
    version: int = 5,
    clean: bool = True,
    keep_alive: int = 60,
    properties: bytes = b"",
    will: bytes = b"",
    will_flags: int = 0,
    protocol: bytes = b"MQTT",
) -> bytes:
    """CONNECT. `properties` without their length; `will` from its properties to its payload."""
    flags = (0x80 if user_name is not None else 0) | (0x02 if clean else 0) | will_flags
    body = text(protocol) + bytes([version, flags]) + keep_alive.to_bytes(2, "big")
    body += (block(properties) if version == 5 else b"") + text(session_name) + will
    return packet(0x10, body + (text(user_name) if user_name is not None else b""))


def will(topic: str, payload: bytes, *, version: int = 5, properties: bytes = b"") -> bytes:
    return (block(properties) if version == 5 else b"") + text(topic) + text(payload)


def publish(
    topic: str | bytes,
    payload: bytes,
    *,
    qos: int = 0,
    packet_id: int = 1,
    retain: bool = False,
    version: int = 5,
    properties: bytes = b"",
) -> bytes:
    body = text(topic) + (packet_id.to_bytes(2, "big") if qos else b"")
    body += block(properties) if version == 5 else b""
    return packet(0x30 | qos << 1 | (1 if retain else 0), body + payload)


def subscribe(
    *filters: str,
    qos: int = 1,
    packet_id: int = 10,
    version: int = 5,
    options: int = 0,
    identifier: int = 0,
) -> bytes:
    wanted = b"".join(text(each) + bytes([qos | options]) for each in filters)
    properties = (block(b"\x0b" + length(identifier)) if identifier else block()) if version == 5 else b""
    return packet(0x82, packet_id.to_bytes(2, "big") + properties + wanted)


def unsubscribe(*filters: str, packet_id: int = 11, version: int = 5) -> bytes:
    wanted = b"".join(text(each) for each in filters)
    return packet(0xA2, packet_id.to_bytes(2, "big") + (block() if version == 5 else b"") + wanted)


def puback(packet_id: int) -> bytes:
    return packet(0x40, packet_id.to_bytes(2, "big"))


def disconnect(reason: int = 0, properties: bytes = b"", *, version: int = 5) -> bytes:
    return packet(0xE0, bytes([reason]) + block(properties) if version == 5 and (reason or properties) else b"")


PINGREQ = packet(0xC0)


@dataclass(frozen=True)
class Received:
    """A packet as it came: its kind, flags and content."""

    kind: int
    flags: int
    body: bytes

    @property
    def reason(self) -> int:
        """Of CONNACK and DISCONNECT: the reason (or return) code. Of PUBACK: 0 when it has none."""
        if self.kind == CONNACK:
            return self.body[1]
        if self.kind == PUBACK:
            return self.body[2] if len(self.body) > 2 else 0
        return self.body[0] if self.body else 0

    @property
    def session_present(self) -> bool:
        return bool(self.body[0])

    @property
    def properties(self) -> dict[int, Any]:
        """Of an MQTT 5 CONNACK, DISCONNECT, SUBACK or PUBLISH. User properties are a list of pairs under 0x26."""
        at = {CONNACK: 2, DISCONNECT: 1, SUBACK: 2}.get(self.kind, 0)
        if self.kind == PUBLISH:
            at = 2 + int.from_bytes(self.body[:2], "big") + (2 if self.qos else 0)
        return _properties(self.body[at:])[0]

    @property
    def qos(self) -> int:
        return self.flags >> 1 & 3

    @property
    def duplicate(self) -> bool:
        return bool(self.flags & 8)

    @property
    def retain(self) -> bool:
        return bool(self.flags & 1)

    @property
    def topic(self) -> str:
        return self.body[2 : 2 + int.from_bytes(self.body[:2], "big")].decode()

    @property
    def packet_id(self) -> int:
        """Of PUBLISH, PUBACK, SUBACK, UNSUBACK."""
        at = 2 + int.from_bytes(self.body[:2], "big") if self.kind == PUBLISH else 0
        return int.from_bytes(self.body[at : at + 2], "big")

    def payload(self, version: int = 5) -> bytes:
        at = 2 + int.from_bytes(self.body[:2], "big") + (2 if self.qos else 0)
        return self.body[at + (_properties(self.body[at:])[1] if version == 5 else 0) :]

    def codes(self, version: int = 5) -> list[int]:
        """Of SUBACK and UNSUBACK."""
        return list(self.body[2 + (_properties(self.body[2:])[1] if version == 5 else 0) :])


def _properties(data: bytes) -> tuple[dict[int, Any], int]:
    """The properties, and how many bytes they and their length take."""
    if not data:
        return {}, 0
    size = shift = at = 0
    while True:
        size |= (data[at] & 127) << shift
        shift, at = shift + 7, at + 1
        if not data[at - 1] & 128:
            break
    end = at + size
    found: dict[int, Any] = {}
    while at < end:
        code, at = data[at], at + 1
        if code in {0x02, 0x11, 0x18, 0x27}:
            found[code], at = int.from_bytes(data[at : at + 4], "big"), at + 4
        elif code in {0x13, 0x21, 0x22, 0x23}:
            found[code], at = int.from_bytes(data[at : at + 2], "big"), at + 2
        elif code in {0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2A}:
            found[code], at = data[at], at + 1
        elif code == 0x0B:  # several are possible, each of up to four bytes
            value = shift = 0
            while True:
                value |= (data[at] & 127) << shift
                shift, at = shift + 7, at + 1
                if not data[at - 1] & 128:
                    break
            found.setdefault(code, []).append(value)
        else:
            parts = []
            for _ in range(2 if code == 0x26 else 1):
                size = int.from_bytes(data[at : at + 2], "big")
                parts.append(data[at + 2 : at + 2 + size])
                at += 2 + size
            if code == 0x26:
                found.setdefault(code, []).append((parts[0].decode(), parts[1].decode()))
            else:
                found[code] = parts[0] if code == 0x09 else parts[0].decode()
    return found, end


class Target(Protocol):
    """A namespace to connect to, and the files of its clients."""

    @property
    def endpoint(self) -> Mapping[str, Any]: ...
    def sample(self, name: str) -> SampleCertificate: ...
    def files(self, sample: SampleCertificate) -> tuple[str, str]: ...


class Wire:
    """An open TLS connection to a plant's endpoint."""

    def __init__(self, tls: ssl.SSLSocket) -> None:
        self.tls = tls
        self.connack = Received(CONNACK, 0, b"\0\0")
        self._held = b""

    @property
    def address(self) -> str:
        """This end of the connection, as the log names it."""
        return address_of(self.tls)

    def send(self, *data: bytes) -> None:
        self.tls.sendall(b"".join(data))

    def receive(self) -> Received | None:
        """The next packet; None when the endpoint has closed."""
        while True:
            found = self._cut()
            if found is not None:
                return found
            try:
                data = self.tls.recv(65_536)
            except (ssl.SSLError, ConnectionError) as error:
                if isinstance(error, TimeoutError):
                    raise
                return None
            if not data:
                return None
            self._held += data

    def _cut(self) -> Received | None:
        size = shift = 0
        for at in range(1, 5):
            if at >= len(self._held):
                return None
            size |= (self._held[at] & 127) << shift
            shift += 7
            if not self._held[at] & 128:
                if len(self._held) < at + 1 + size:
                    return None
                first, body = self._held[0], self._held[at + 1 : at + 1 + size]
                self._held = self._held[at + 1 + size :]
                return Received(first >> 4, first & 15, body)
        raise AssertionError("The endpoint sent a remaining length of more than four bytes.")

    def expect(self, kind: int) -> Received:
        found = self.receive()
        assert found is not None, f"The endpoint closed; expected a packet of kind {kind}."
        assert found.kind == kind, found
        return found

    def silent(self) -> bool:
        """Whether nothing waits to be read: the answer to a PING is the next thing that comes."""
        self.send(PINGREQ)
        found = self.receive()
        return found is not None and found.kind == PINGRESP

    def expect_end(self, reason: int | None) -> Received | None:
        """The endpoint closes; with `reason`, after a DISCONNECT that names it."""
        found = self.receive()
        if reason is None:
            assert found is None, found
            return None
        assert found is not None, "The endpoint closed without a DISCONNECT."
        assert (found.kind, found.reason) == (DISCONNECT, reason), (found.kind, hex(found.reason), found.properties)
        assert self.receive() is None
        return found

    def leave(self, reason: int = 0, properties: bytes = b"", *, version: int = 5) -> None:
        """Send DISCONNECT and close, as a client does. Raises `ssl.SSLError` unless the endpoint closes too, in silence."""
        self.send(disconnect(reason, properties, version=version))
        self.tls.unwrap()

    def cut(self) -> None:
        """End the TCP connection without a word."""
        self.tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        self.tls.close()


def address_of(link: socket.socket) -> str:
    host, port = link.getsockname()[:2]
    return f"{host}:{port}"


def client_context(plant: Target, sample: SampleCertificate | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=plant.endpoint["ca"])
    if sample is not None:
        context.load_cert_chain(*plant.files(sample))
    return context


@lru_cache(maxsize=64)
def _shared_context(ca: str, certificate: str, key: str, pem: str) -> ssl.SSLContext:
    """A context for connections that do not change it. `pem`: what is in the file `certificate`."""
    context = ssl.create_default_context(cafile=ca)
    context.load_cert_chain(certificate, key)
    return context


def usual_context(plant: Target, name: str | None) -> ssl.SSLContext:
    """The context of the client `name`, or of one without a certificate."""
    if name is None:
        return client_context(plant, None)
    sample = plant.sample(name)
    return _shared_context(plant.endpoint["ca"], *plant.files(sample), sample.certificate_pem)


def open_wire(plant: Target, name: str | None = "press-07", context: ssl.SSLContext | None = None) -> Wire:
    """A TLS connection with the certificate of the client `name`, before CONNECT. The caller closes it."""
    context = context or usual_context(plant, name)
    endpoint = plant.endpoint
    raw = socket.create_connection((endpoint["host"], endpoint["port"]), timeout=SECONDS)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else CONNECT waits 40 ms for a delayed acknowledgement
    try:
        return Wire(context.wrap_socket(raw, server_hostname=endpoint["host"]))
    except BaseException:
        raw.close()
        raise


@contextmanager
def wire(plant: Target, name: str | None = "press-07", context: ssl.SSLContext | None = None) -> Iterator[Wire]:
    """`open_wire`, closed at the end."""
    opened = open_wire(plant, name, context)
    with opened.tls:
        yield opened


@contextmanager
def connected(plant: Target, session_name: str, name: str = "press-07", **options: Any) -> Iterator[Wire]:
    """A connected client. The connection is cut at the end unless the test has ended it."""
    with wire(plant, name) as opened:
        opened.send(connect(session_name, name, **options))
        answer = opened.expect(CONNACK)
        assert answer.reason == 0, (hex(answer.reason), answer.properties if options.get("version", 5) == 5 else "")
        opened.connack = answer
        yield opened
