"""Where a demo is reached: on loopback, or at one address of this machine, by other machines too and over TLS only."""

import re
import socket
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from portal.demo.state import HOST, StateError
from portal.demo.tls import TlsFiles, tls_files

_NAME = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)


@dataclass(frozen=True)
class Reach:
    """The host that browsers and devices use, the address to listen on, and the certificate. Without `tls`: loopback."""

    host: str = HOST
    address: str = HOST
    tls: TlsFiles | None = None

    @classmethod
    def of(cls, host: str, folder: Path, *, now: datetime) -> "Reach":
        """Return how a demo with `--host` is reached; "" is loopback. Raise StateError if this machine has no such address."""
        if not host:
            return cls()
        address = _address_of(host)
        return cls(host.lower(), address, tls_files(folder, host.lower(), now=now))

    def url(self, port: int) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}:{port}/"

    @property
    def ca(self) -> str:
        """The file of the CA to trust for the portal, or ""."""
        return str(self.tls.ca) if self.tls else ""

    def settings(self) -> dict[str, str]:
        """Return what the portal needs to know. It is no production, but what crosses the network is encrypted."""
        if self.tls is None:
            return {}
        return {
            "PORTAL_HTTPS": "true",
            "PORTAL_PRODUCTION": "false",
            "PORTAL_HSTS_SECONDS": "0",  # trainees' browsers must not remember it for a name that serves something else later
            "PORTAL_ALLOWED_HOSTS": self.host,
            "PORTAL_CA_FILE": str(self.tls.ca),
        }

    def portal_options(self) -> list[str]:
        """Return the options of gunicorn for TLS."""
        return [] if self.tls is None else [f"--certfile={self.tls.certificate}", f"--keyfile={self.tls.key}"]

    def emulator_options(self) -> dict[str, str]:
        """Return the emulator's options: devices reach its MQTT endpoints, and only this machine its ARM."""
        return {} if self.tls is None else {"mqtt-host": self.host}

    def announcement(self) -> list[str]:
        if self.tls is None:
            return []
        return [
            f"  TLS       CA {self.tls.ca}, to download on the page to join at",
            f"            SHA-256 {self.tls.fingerprint}",
            "            Other machines can reach portal and MQTT endpoints. ARM stays on this one.",
            "",
        ]


def _address_of(host: str) -> str:
    """Return the IPv4 address of this machine that a host name stands for. Raise StateError."""
    if not _NAME.fullmatch(host):
        raise StateError("no-address", f"--host {host[:80]} is not a host name or an IPv4 address.")
    try:
        address = str(socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)[0][4][0])
        with socket.socket() as candidate:
            candidate.bind((address, 0))
    except OSError as error:
        raise StateError(
            "no-address",
            f"--host {host} is no address of this machine ({error.strerror}). Name the one that trainees type.",
        ) from None
    if address == "0.0.0.0":  # noqa: S104  compared, not bound
        raise StateError(
            "no-address",
            "--host 0.0.0.0 is every address. Name the one that trainees type: the certificate is made for it.",
        )
    return address
