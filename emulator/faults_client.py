"""A client for the emulator's control API: faults, moments of judging, orders, reset, signing keys, endpoints. Standard library only.

control = EmulatorControl.from_ready_file(Path("ready.json"))
with control.fault(Fault(kind="throttle", count=20, retry_after=1)):
    ...
"""

import http.client
import json
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from emulator.fault_rules import NO_FAULTS_HEADER
from emulator.fault_rules import Fault as Fault
from emulator.fault_rules import FaultError as FaultError


class ControlError(Exception):
    """A request failed. `status` is the HTTP status, or 0 if the emulator could not be reached."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class EmulatorControl:
    """The control API of one emulator. It is thread-safe: each request has its own connection.

    `url` is the ARM endpoint, `ca` the path of the PEM file to trust, `token()` returns a bearer token for ARM, and
    `timeout` is in seconds. Methods raise `ControlError`.
    """

    def __init__(self, url: str, *, ca: str | Path, token: Callable[[], str], timeout: float = 10) -> None:
        split = urlsplit(url)
        self._host, self._port = split.hostname or "localhost", split.port or 443
        self._prefix = split.path.rstrip("/")
        self._tls = ssl.create_default_context(cafile=str(ca))
        self.token = token
        self.token_for: Callable[[str], str] = lambda _: token()  # for another resource than ARM
        self._timeout = timeout

    @classmethod
    def from_ready_file(cls, path: Path) -> "EmulatorControl":
        """Return the control API of the emulator that wrote this ready file.

        Raise `OSError`, `ValueError` or `KeyError` if it is not a ready file.
        """
        ready = json.loads(path.read_text(encoding="utf-8"))
        form = {
            "grant_type": "client_credentials",
            "client_id": ready["client_id"],
            "client_secret": ready["client_secret"],
        }

        held: dict[str, tuple[str, float]] = {}

        def token(resource: str = "") -> str:
            """Reuse the token, since the token endpoint can have a fault."""
            text, until = held.get(resource, ("", 0.0))
            if until < time.monotonic():
                target = f"/{quote(ready['tenant'])}/oauth2/v2.0/token"
                headers = {"Content-Type": "application/x-www-form-urlencoded"}
                wish = {**form, "scope": f"{resource}/.default"} if resource else form
                answer = control._send("POST", target, urlencode(wish), headers)
                text = str(answer["access_token"])
                held[resource] = text, time.monotonic() + float(answer["expires_in"]) / 2
            return text

        control = cls(ready["arm"], ca=ready["arm_ca"], token=token)
        control.token_for = token
        return control

    def faults(self) -> list[Fault]:
        """Return the faults in force, each with its `id`, its `hits` and what is left of its `count`."""
        return [Fault.from_dict(each) for each in self._call("GET", "/faults")["value"]]

    def add(self, fault: Fault) -> Fault:
        """Add a fault and return it with its `id`."""
        return Fault.from_dict(self._call("POST", "/faults", fault.as_dict()))

    def remove(self, fault: Fault | str) -> None:
        """Remove a fault. Do nothing if it has already ended."""
        try:
            self._call("DELETE", f"/faults/{quote(fault if isinstance(fault, str) else fault.id, safe='')}")
        except ControlError as error:
            if error.status != 404:
                raise

    def clear(self) -> None:
        """Remove all faults. Delayed requests continue at once."""
        self._call("DELETE", "/faults")

    @contextmanager
    def fault(self, *faults: Fault) -> Iterator[tuple[Fault, ...]]:
        """Inject faults for the duration of a `with` block."""
        added = tuple(self.add(fault) for fault in faults)
        try:
            yield added
        finally:
            for fault in added:
                self.remove(fault)

    def reset(self) -> None:
        """Restore the state at the start: faults of the command line, resources of the seed, no connection log."""
        self._call("POST", "/reset")

    def judge_ahead(self, namespace_ids: Sequence[str], ahead: timedelta) -> None:
        """Judge the certificates of these namespaces as if it were later. Zero: by the clock again."""
        self._call("POST", "/judging", {"namespaces": list(namespace_ids), "aheadSeconds": int(ahead.total_seconds())})

    def switch_webhook_order(self, namespace_ids: Sequence[str], order: str) -> None:
        """Choose who is asked first where a webhook decides: "webhook-only" or "certificate-first"."""
        self._call("POST", "/webhook-order", {"namespaces": list(namespace_ids), "order": order})

    def end_sessions(
        self, namespace_id: str, *, thumbprints: Sequence[str] = (), names: Sequence[str] = (), reason: str = ""
    ) -> int:
        """End the sessions of clients that presented one of these certificates, by SHA-256 thumbprint, or that have one of these
        authentication names. Return their number.
        """
        wanted = {"namespace": namespace_id, "thumbprints": list(thumbprints), "authenticationNames": list(names)}
        return int(self._call("POST", "/sessions/end", wanted | ({"reason": reason} if reason else {}))["ended"])

    def signing_keys(self) -> list[str]:
        """Return the ids (`kid`) of the published keys that sign tokens, the current one first."""
        return [str(each) for each in self._call("GET", "/signing-keys")["keys"]]

    def rotate_signing_keys(self, *, keep_old: bool = True) -> list[str]:
        """Sign tokens with a new key from now on, and return the ids of the published ones. Without `keep_old`, tokens signed
        before are worth nothing.
        """
        return [str(each) for each in self._call("POST", "/signing-keys", {"keepOld": keep_old})["keys"]]

    def mqtt_endpoints(self) -> dict[str, tuple[str, int]]:
        """Return host and port of each MQTT endpoint by namespace id."""
        found = self._call("GET", "/endpoints")["mqtt"]
        return {namespace_id: (str(each["host"]), int(each["port"])) for namespace_id, each in found.items()}

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        return self.send(method, f"/emulator{path}", body)

    def send(self, method: str, target: str, body: Any = None, *, spared: bool = False) -> Any:
        """Send one request with a bearer token and return the JSON of the response. A `spared` request gets no fault."""
        headers = {"Authorization": f"Bearer {self.token()}", "Content-Type": "application/json"}
        if spared:
            headers[NO_FAULTS_HEADER] = "1"
        return self._send(method, target, None if body is None else json.dumps(body), headers)

    def _send(self, method: str, target: str, body: str | None, headers: dict[str, str]) -> Any:
        connection = http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout, context=self._tls)
        with closing(connection):
            try:
                connection.request(method, self._prefix + target, body, headers)
                response = connection.getresponse()
                status, content = response.status, response.read()
            except (OSError, http.client.HTTPException) as error:
                raise ControlError(0, f"Cannot reach the emulator: {error}") from error
        try:
            answer = json.loads(content) if content else {}
        except ValueError:
            answer = {}
        if status >= 300:
            raise ControlError(status, _message_of(answer) or f"The emulator returned status {status}.")
        return answer


def _message_of(answer: Any) -> str:
    error = answer.get("error") if isinstance(answer, dict) else None
    if isinstance(error, dict):
        return str(error.get("message", ""))
    return str(answer.get("error_description", "")) if isinstance(answer, dict) else ""
