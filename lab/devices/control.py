"""The portal's side: ask the process. Each question is one short connection on loopback."""

import json
import socket
from pathlib import Path
from typing import Any

from django.conf import settings

from lab.devices.address_file import Address, read_address
from lab.devices.limits import MOST_ANSWER, REQUEST_SECONDS
from lab.devices.problems import DevicesAway, problem_of


def has_devices() -> bool:
    """Return whether this portal offers devices: only where its target is an emulator."""
    return bool(settings.DEVICES_IN_BROWSER and settings.FAULT_CONTROL_GATEWAY)


def running_since() -> float | None:
    """Return when the process started, in seconds since 1970; None while it does not run."""
    address = _address()
    return address.since if address is not None else None


def ask(command: str, *, owner: int, namespace: str, **values: Any) -> dict[str, Any]:
    """Have the process perform a command for a person in a namespace (its lower-case resource ID).

    Raise DevicesAway when it does not answer, DeviceProblem when it refuses.
    """
    address = _address()
    if address is None:
        raise DevicesAway
    asked = {"secret": address.secret, "command": command, "owner": owner, "namespace": namespace, **values}
    try:
        answer = json.loads(_exchange(address, json.dumps(asked).encode() + b"\n"))
    except (OSError, ValueError):
        raise DevicesAway from None
    if "problem" in answer:
        raise problem_of(str(answer["problem"]), str(answer["sentence"]))
    found: dict[str, Any] = answer["answer"]
    return found


def _address() -> Address | None:
    return read_address(Path(settings.DEVICES_FILE))


def _exchange(address: Address, line: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", address.port), timeout=REQUEST_SECONDS) as connection:
        connection.sendall(line)
        with connection.makefile("rb") as answers:
            return answers.readline(MOST_ANSWER)
