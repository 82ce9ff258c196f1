"""Addresses of other servers that people type: well formed, and on which hosts. Nothing is asked of the network."""

from collections.abc import Collection
from typing import NamedTuple
from urllib.parse import urlsplit

LONGEST_URL = 500
PORTS = {"http": 80, "https": 443}


class Address(NamedTuple):
    """The parts of an address that decide whether it is allowed. `port` is the usual one of its scheme where none is given."""

    scheme: str
    host: str
    port: int
    has_credentials: bool

    @property
    def has_usual_port(self) -> bool:
        return self.port == PORTS.get(self.scheme)


def parse_address(url: str) -> Address | None:
    """Return the parts of an address with a host, of any scheme; None if it is not well formed."""
    if len(url) > LONGEST_URL or not url.isprintable() or any(sign.isspace() for sign in url) or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host:
        return None
    has_credentials = parts.username is not None or parts.password is not None
    return Address(parts.scheme, host, PORTS.get(parts.scheme, 0) if port is None else port, has_credentials)


def is_among(host: str, known: Collection[str]) -> bool:
    """Return whether a host, perhaps with its port, is listed: by name, or below a name such as `.example.internal`."""
    name = host.lower()
    return any(name == each or (each.startswith(".") and name.endswith(each)) for each in known)
