"""The state folder of a demo: its lock, its files, and the ports the demo listens on."""

import fcntl
import hashlib
import os
import secrets
import shutil
import socket
from collections.abc import Callable
from itertools import chain
from pathlib import Path

from portal.demo.supervisor import write_private

HOST = "127.0.0.1"  # reachable from this machine only
MARKER = ".mqtt-namespace-portal"
PORTS_TRIED = 200


class StateError(Exception):
    """The folder or a port cannot be used. The message contains the reason and what to do.

    `code`: `in-use`, `not-of-a-demo`, `no-port` or `no-address`.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class StateFolder:
    """One demo at a time owns it, from `open` to the end of the process."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().resolve()
        self.endpoints = self.path / "endpoints.json"
        self.mqtt_endpoints = self.path / "mqtt-endpoints.json"
        self.passwords = self.path / "passwords.json"
        self.seed = self.path / "seed.json"
        self.devices = self.path / "devices"  # certificates and keys of those that stay connected
        self.browser_devices = self.path / "browser-devices.json"  # DEVICES_FILE of the settings
        self.decisions = self.path / "decisions"  # certificate of the decision service, and its authority's
        self.to_fill = self.path / "to-fill"  # there until the demo's data is complete
        self.parts = self.path / "parts.json"
        self.emulator = self.path / "emulator"
        self.heartbeat = self.path / "worker-heartbeat"
        self.emulator_ready = self.path / "emulator-ready.json"
        self._lock = -1

    def open(self) -> None:
        """Create the folder, readable by its owner only, and lock it. Raise StateError if another demo runs in it."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(self.path / MARKER, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StateError(
                "in-use",
                f"A demo already runs in {self.path}. Stop it, or give this one a folder of its own with --state.",
            ) from None
        for left_over in (self.endpoints, self.mqtt_endpoints, self.emulator_ready, self.parts, self.browser_devices):
            left_over.unlink(missing_ok=True)

    def reset(self) -> None:
        """Empty a folder that a demo created. Raise StateError for any other folder: it may be a home directory."""
        if not self.path.exists():
            return
        if any(self.path.iterdir()) and not (self.path / MARKER).exists():
            raise StateError(
                "not-of-a-demo",
                f"{self.path} was not made by this demo, so --reset does not empty it. Choose another --state.",
            )
        self.open()
        for entry in self.path.iterdir():
            if entry.name == MARKER:
                continue  # the lock lives in it
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        self.close()

    def close(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    @property
    def queue(self) -> str:
        """Return the name of this demo's queue on a shared broker, the same after a restart."""
        return f"demo-{hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]}"

    def secret_key(self) -> str:
        """Return Django's secret key, created once per folder, so that users stay signed in after a restart."""
        path = self.path / "secret-key"
        if not path.exists():
            write_private(path, secrets.token_urlsafe(50))
        return path.read_text(encoding="utf-8")


def listen(wanted: int, report: Callable[[str], None], what: str, *, address: str = HOST) -> socket.socket:
    """Return a listening socket on `wanted`, else on the next free port, which is reported. 0 = any free port."""
    for port in range(wanted, min(wanted + PORTS_TRIED, 65536)) if wanted else [0]:
        candidate = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((address, port))
            candidate.listen(128)
        except OSError:
            candidate.close()
            continue
        if port != wanted:
            report(f"Port {wanted} is busy: {what} uses {port}.")
        return candidate
    raise StateError(
        "no-port", f"No port from {wanted} to {wanted + PORTS_TRIED - 1} is free for {what}. Choose another --port."
    )


def free_ports(wanted: int, count: int, report: Callable[[str], None], what: str, *, address: str = HOST) -> int:
    """Return the first of `count` consecutive free ports from `wanted` on (0 = anywhere). Report it if `wanted` is busy."""
    first = wanted or _any_port()
    anywhere = () if wanted else (_any_port() for _ in range(PORTS_TRIED))  # any neighbourhood will do
    for port in chain(range(first, min(first + PORTS_TRIED, 65536 - count)), anywhere):
        if all(_is_free(neighbour, address) for neighbour in range(port, port + count)):
            if wanted and port != wanted:
                busy = f"Port {wanted} is" if not _is_free(wanted, address) else f"A port next to {wanted} is"
                report(f"{busy} busy: {what} uses {port}.")
            return port
    raise StateError(
        "no-port", f"No {count} neighbouring ports from {first} on are free for {what}. Stop what uses them."
    )


def _any_port() -> int:
    with socket.socket() as candidate:
        candidate.bind((HOST, 0))
        port: int = candidate.getsockname()[1]
        return port


def _is_free(port: int, address: str) -> bool:
    with socket.socket() as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((address, port))
            candidate.listen(1)
        except OSError:
            return False
        return True
