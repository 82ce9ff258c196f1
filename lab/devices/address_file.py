"""The file in which the process leaves its port and a secret for the portal: readable by its owner only, new at each start."""

import json
from dataclasses import dataclass
from pathlib import Path

from portal.demo.supervisor import write_private


@dataclass(frozen=True)
class Address:
    """A port on loopback, and the secret that a request has to bring. `since`: start of the process, seconds since 1970."""

    port: int
    secret: str
    since: float


def write_address(path: Path, address: Address) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(path, json.dumps({"port": address.port, "secret": address.secret, "since": address.since}))


def read_address(path: Path) -> Address | None:
    """Return what the running process wrote, or None while there is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Address(int(found["port"]), str(found["secret"]), float(found["since"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def forget_address(path: Path) -> None:
    path.unlink(missing_ok=True)
