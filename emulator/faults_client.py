"""A client for what only the emulator has: faults, reset, MQTT endpoints. Standard library only.

control = EmulatorControl.from_ready_file(Path("ready.json"))
with control.fault(Fault(kind="throttle", count=20, retry_after=1)):
    ...
"""

import http.client
import json
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from emulator.fault_rules import SPARED
from emulator.fault_rules import Fault as Fault
from emulator.fault_rules import FaultError as FaultError


class ControlError(Exception):
    """The emulator did not do it. `status` is its HTTP status, 0 when it could not be reached."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class EmulatorControl:
    """The control API of one emulator. Safe from several threads: each call has a connection of its own.

    `url` is its ARM endpoint, `ca` the PEM file to trust, and `token()` answers a bearer token as for ARM.
    """

    def __init__(self, url: str, *, ca: str | Path, token: Callable[[], str], timeout: float = 10) -> None:
        split = urlsplit(url)
        self._host, self._port = split.hostname or "localhost", split.port or 443
        self._prefix = split.path.rstrip("/")
        self._tls = ssl.create_default_context(cafile=str(ca))
        self.token = token
        self._timeout = timeout

    @classmethod
    def from_ready_file(cls, path: Path) -> "EmulatorControl":
        """The emulator that wrote this ready file. Raises `OSError`, `ValueError` or `KeyError` when it is none."""
        ready = json.loads(path.read_text(encoding="utf-8"))
        form = {
            "grant_type": "client_credentials",
            "client_id": ready["client_id"],
            "client_secret": ready["client_secret"],
        }

        held: dict[str, Any] = {"token": "", "until": 0.0}

        def token() -> str:
            """One for many calls: a fault may strike the token endpoint."""
            if held["until"] < time.monotonic():
                target = f"/{quote(ready['tenant'])}/oauth2/v2.0/token"
                headers = {"Content-Type": "application/x-www-form-urlencoded"}
                answer = control._send("POST", target, urlencode(form), headers)
                held["token"] = str(answer["access_token"])
                held["until"] = time.monotonic() + float(answer["expires_in"]) / 2
            return str(held["token"])

        control = cls(ready["arm"], ca=ready["arm_ca"], token=token)
        return control

    def faults(self) -> list[Fault]:
        """The rules in force, each with its `id`, `hits` and what is left of its `count`."""
        return [Fault.from_dict(each) for each in self._call("GET", "/faults")["value"]]

    def add(self, fault: Fault) -> Fault:
        """Put a rule in force; the answer has its `id`."""
        return Fault.from_dict(self._call("POST", "/faults", fault.as_dict()))

    def remove(self, fault: Fault | str) -> None:
        """End a rule; one that has ended already is no error."""
        try:
            self._call("DELETE", f"/faults/{quote(fault if isinstance(fault, str) else fault.id, safe='')}")
        except ControlError as error:
            if error.status != 404:
                raise

    def clear(self) -> None:
        """End all rules; requests that are kept waiting go on at once."""
        self._call("DELETE", "/faults")

    @contextmanager
    def fault(self, *faults: Fault) -> Iterator[tuple[Fault, ...]]:
        """Rules for the time of a block."""
        made = tuple(self.add(fault) for fault in faults)
        try:
            yield made
        finally:
            for fault in made:
                self.remove(fault)

    def reset(self) -> None:
        """Back to how it was started: no faults, the seed's resources only, no connection log."""
        self._call("POST", "/reset")

    def mqtt_endpoints(self) -> dict[str, tuple[str, int]]:
        """Host and port of every MQTT listener, by namespace id."""
        found = self._call("GET", "/endpoints")["mqtt"]
        return {namespace_id: (str(each["host"]), int(each["port"])) for namespace_id, each in found.items()}

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        return self.send(method, f"/emulator{path}", body)

    def send(self, method: str, target: str, body: Any = None, *, spared: bool = False) -> Any:
        """One call with a bearer token; the answer's JSON. `spared`: no fault strikes it. Raises `ControlError`."""
        headers = {"Authorization": f"Bearer {self.token()}", "Content-Type": "application/json"}
        if spared:
            headers[SPARED] = "1"
        return self._send(method, target, None if body is None else json.dumps(body), headers)

    def _send(self, method: str, target: str, body: str | None, headers: dict[str, str]) -> Any:
        connection = http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout, context=self._tls)
        with closing(connection):
            try:
                connection.request(method, self._prefix + target, body, headers)
                response = connection.getresponse()
                status, content = response.status, response.read()
            except (OSError, http.client.HTTPException) as error:
                raise ControlError(0, f"The emulator cannot be reached: {error}") from error
        try:
            answer = json.loads(content) if content else {}
        except ValueError:
            answer = {}
        if status >= 300:
            raise ControlError(status, _message_of(answer) or f"The emulator answered {status}.")
        return answer


def _message_of(answer: Any) -> str:
    error = answer.get("error") if isinstance(answer, dict) else None
    if isinstance(error, dict):
        return str(error.get("message", ""))
    return str(answer.get("error_description", "")) if isinstance(answer, dict) else ""
