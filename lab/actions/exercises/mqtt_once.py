"""One connection over MQTT 5 with a key that is in memory only: connect, publish a message if asked, and disconnect."""

import ipaddress
import socket
import struct
import time
from contextlib import closing, suppress
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL

from namespaces.connections.mqtt_endpoints import MqttEndpoint

SECONDS = 5
_DISCONNECT = b"\xe0\x00"
_CONNACK, _PUBACK = 0x20, 0x40


@dataclass(frozen=True)
class Credentials:
    """A client certificate and the certificates to send with it (DER), and its key (PEM)."""

    certificate: bytes
    chain: tuple[bytes, ...]
    key: bytes


def connect_once(endpoint: MqttEndpoint, credentials: Credentials, *, user_name: str, topic: str = "") -> bool:
    """Connect, and publish a message to `topic` if there is one. Return whether the endpoint accepted the client.

    Without a `user_name`, none is sent. Raise OSError when the endpoint cannot be reached.
    """
    plain = socket.create_connection((endpoint.host, endpoint.port), timeout=SECONDS)
    with closing(plain):
        plain.settimeout(None)  # the timeouts below count for OpenSSL too
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            plain.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", SECONDS, 0))
        connection = SSL.Connection(_context(endpoint, credentials), plain)
        if not _is_address(endpoint.host):
            connection.set_tlsext_host_name(endpoint.host.encode())
        connection.set_connect_state()
        with suppress(SSL.Error, ConnectionError):  # a refused handshake, or a connection that the endpoint closed
            connection.do_handshake()
            connection.sendall(_connect(user_name))
            is_accepted = _answer(connection, _CONNACK)
            if is_accepted and topic:
                connection.sendall(_publish(topic))
                _answer(connection, _PUBACK)
            if is_accepted:
                connection.sendall(_DISCONNECT)
            return is_accepted
    return False


def _context(endpoint: MqttEndpoint, credentials: Credentials) -> SSL.Context:
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    if endpoint.ca:
        context.load_verify_locations(endpoint.ca)
    else:
        context.set_default_verify_paths()
    context.set_verify(SSL.VERIFY_PEER)
    context.set_cipher_list(b"DEFAULT@SECLEVEL=0")  # a certificate may be weak on purpose
    context.use_certificate(x509.load_der_x509_certificate(credentials.certificate))
    for der in credentials.chain:
        context.add_extra_chain_cert(x509.load_der_x509_certificate(der))
    key = load_pem_private_key(credentials.key, password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)  # as every sample has
    context.use_privatekey(key)
    return context


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _answer(connection: SSL.Connection, kind: int) -> bool:
    """Return whether the next packet is of this kind and reports success."""
    data, ends = b"", time.monotonic() + SECONDS
    while time.monotonic() < ends:
        data += connection.recv(4096)
        at = 1
        while data[at : at + 1] >= b"\x80":  # the length of the packet takes several bytes
            at += 1
        if len(data) > at + 2:
            return data[0] & 0xF0 == kind and (kind != _CONNACK or data[at + 2] == 0)
    return False


def _text(value: str) -> bytes:
    data = value.encode()
    return len(data).to_bytes(2, "big") + data


def _packet(first: int, body: bytes) -> bytes:
    size, length = len(body), b""
    while True:
        size, digit = divmod(size, 128)
        length += bytes([digit | (0x80 if size else 0)])
        if not size:
            return bytes([first]) + length + body


def _connect(user_name: str) -> bytes:
    """Return CONNECT with a clean start and a keep-alive of 60 s."""
    flags = 0x82 if user_name else 0x02
    session = _text(f"{user_name or 'lab'}-shown"[:100])
    return _packet(
        0x10, _text("MQTT") + bytes([5, flags, 0, 60, 0]) + session + (_text(user_name) if user_name else b"")
    )


def _publish(topic: str) -> bytes:
    return _packet(0x32, _text(topic) + b"\x00\x01\x00" + b"hello")
