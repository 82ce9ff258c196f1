"""Connect the demo's devices over MQTT, as real ones would: mutual TLS, CONNECT, CONNACK, DISCONNECT."""

import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from certificates.management.demo_data.plant import Device
from namespaces.connections.mqtt_endpoints import MqttEndpoint
from portal.demo.devices import DISCONNECT, Address, open_connection

AT_ONCE = 8
OFFLINE = 6  # one of so many devices is switched off again


def connect_all(devices: Sequence[Device], endpoint: MqttEndpoint, *, keep: Path) -> None:
    """Let each device try to connect once. The certificates of most that were let in are kept in a folder, to stay connected."""
    keep.mkdir(mode=0o700, exist_ok=True)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        let_in = list(pool.map(partial(_connect, endpoint=endpoint), devices))
    for number, (device, is_in) in enumerate(zip(devices, let_in, strict=True)):
        if is_in and number % OFFLINE:
            _write(device, keep / f"{device.user_name}.pem")


def _connect(device: Device, endpoint: MqttEndpoint) -> bool:
    with tempfile.TemporaryDirectory(prefix="demo-device-") as folder:  # ssl reads certificates from files only
        pem = _write(device, Path(folder) / "device.pem")
        connection = open_connection(pem, device.user_name, Address(endpoint.host, endpoint.port, endpoint.ca))
    if connection is None:
        return False
    with connection:
        connection.sendall(DISCONNECT)
    return True


def _write(device: Device, path: Path) -> Path:
    """Write certificate and key into a file that only its owner can read."""
    path.touch(mode=0o600)
    path.write_text(device.certificate.certificate_pem + device.certificate.key_pem.decode(), encoding="ascii")
    return path
