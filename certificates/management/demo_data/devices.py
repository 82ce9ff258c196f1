"""Connect the demo's devices over MQTT, as real ones would: mutual TLS, CONNECT, CONNACK, DISCONNECT."""

import socket
import ssl
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

from certificates.management.demo_data.plant import Device
from namespaces.connections.mqtt_endpoints import MqttEndpoint

SECONDS = 5.0
AT_ONCE = 8
DISCONNECT = b"\xe0\x00"


def connect_all(devices: Sequence[Device], endpoint: MqttEndpoint) -> int:
    """Let each device try to connect once, and return how many were let in."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return sum(pool.map(partial(_connect, endpoint=endpoint), devices))


def _connect(device: Device, endpoint: MqttEndpoint) -> bool:
    context = ssl.create_default_context(cafile=endpoint.ca or None)
    with tempfile.TemporaryDirectory(prefix="demo-device-") as folder:  # ssl reads certificates from files only
        file = Path(folder) / "device.pem"
        file.touch(mode=0o600)
        file.write_text(device.certificate.certificate_pem + device.certificate.key_pem.decode(), encoding="ascii")
        context.load_cert_chain(file)
    with suppress(OSError):  # a refused handshake, or a connection that the endpoint closed
        with socket.create_connection((endpoint.host, endpoint.port), timeout=SECONDS) as plain:
            with context.wrap_socket(plain, server_hostname=endpoint.host) as connection:
                connection.sendall(connect_packet(device.user_name))
                answer = connection.recv(64)
                connection.sendall(DISCONNECT)
                return len(answer) > 3 and answer[0] == 0x20 and answer[3] == 0
    return False


def connect_packet(user_name: str) -> bytes:
    """Return CONNECT of MQTT 5 with a clean start, a keep-alive of 60 s, and the user name as the client identifier too."""
    name = _text(user_name)
    body = _text("MQTT") + b"\x05\x82\x00\x3c\x00" + name + name
    return b"\x10" + bytes([len(body)]) + body


def _text(value: str) -> bytes:
    data = value.encode()
    return len(data).to_bytes(2, "big") + data
