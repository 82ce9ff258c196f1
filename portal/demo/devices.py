"""Devices of the demo that stay connected over MQTT while it runs, each with its own certificate."""

import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SECONDS = 5.0  # to connect
EVERY = 15.0  # seconds between two packets of a device, which has promised one every minute
AFTER_REFUSAL = 600.0  # seconds until a refused device tries again
PING, DISCONNECT = b"\xc0\x00", b"\xe0\x00"


@dataclass(frozen=True)
class Address:
    """Where a namespace takes connections. `ca`: the file of the authority of its certificate; "" for a public one."""

    host: str
    port: int
    ca: str


def open_connection(pem: Path, user_name: str, address: Address) -> ssl.SSLSocket | None:
    """Connect with the certificate and the key in a file. Return None when the endpoint refuses or cannot be reached."""
    context = ssl.create_default_context(cafile=address.ca or None)
    context.load_cert_chain(pem)
    with suppress(OSError):  # a refused handshake, or a connection that the endpoint closed
        plain = socket.create_connection((address.host, address.port), timeout=SECONDS)
        try:
            connection = context.wrap_socket(plain, server_hostname=address.host)
            connection.sendall(connect_packet(user_name))
            answer = connection.recv(64)
        except OSError:
            plain.close()
            raise
        if is_accepted(answer):
            return connection
        connection.close()
    return None


def is_accepted(answer: bytes) -> bool:
    """Return whether this is CONNACK with success. A reason in words makes its length two bytes long."""
    at = 1
    while answer[at : at + 1] >= b"\x80":
        at += 1
    return answer[:1] == b"\x20" and answer[at + 2 : at + 3] == b"\x00"


def connect_packet(user_name: str) -> bytes:
    """Return CONNECT of MQTT 5 with a clean start, a keep-alive of 60 s, and the user name as the client identifier too."""
    name = _text(user_name)
    body = _text("MQTT") + b"\x05\x82\x00\x3c\x00" + name + name
    return b"\x10" + bytes([len(body)]) + body


def _text(value: str) -> bytes:
    data = value.encode()
    return len(data).to_bytes(2, "big") + data


class Devices:
    """The devices of one namespace. `folder` has a file for each, named after its user name; there may be none.

    `endpoints`: the file with the address of each namespace by its resource ID, which may change while the demo runs.
    """

    def __init__(self, folder: Path, endpoints: Path, namespace: str) -> None:
        self._folder = folder
        self._endpoints = endpoints
        self._suffix = f"/{namespace}".casefold()
        self._open: dict[str, ssl.SSLSocket] = {}
        self._not_before: dict[str, float] = {}

    def start(self) -> None:
        """Keep them connected in a thread that ends with the process."""
        threading.Thread(target=self._run, name="devices", daemon=True).start()

    def _run(self) -> None:
        while True:
            address = self._address()
            for pem in self._files() if address is not None else ():
                assert address is not None
                self._keep(pem, address)
            time.sleep(EVERY)

    def _keep(self, pem: Path, address: Address) -> None:
        """Show that a device is still there, or connect it."""
        name = pem.stem
        connection = self._open.get(name)
        if connection is not None and not _is_alive(connection):
            connection.close()
            del self._open[name]
        if name not in self._open and time.monotonic() >= self._not_before.get(name, 0.0):
            with suppress(OSError, ValueError):  # such as a file that was deleted meanwhile
                opened = open_connection(pem, name, address)
                if opened is not None:
                    self._open[name] = opened
                else:
                    self._not_before[name] = time.monotonic() + AFTER_REFUSAL

    def _files(self) -> Iterator[Path]:
        yield from sorted(self._folder.glob("*.pem"))

    def _address(self) -> Address | None:
        """Return where the namespace takes connections, or None while it does not."""
        try:
            known: dict[str, dict[str, Any]] = json.loads(self._endpoints.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        found = next((each for key, each in known.items() if key.casefold().endswith(self._suffix)), None)
        return Address(found["host"], found["port"], found.get("ca") or "") if found else None


def _is_alive(connection: ssl.SSLSocket) -> bool:
    """Send a ping and read what has arrived. Return False when the endpoint has closed the connection."""
    try:
        connection.sendall(PING)
        return connection.recv(4096) != b""
    except OSError:
        return False
