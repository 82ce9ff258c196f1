"""Start the emulator from Python, as a process of its own. Standard library only.

with RunningEmulator() as emulator:
    namespace = emulator.make_namespace("plant-1")
    host, port = emulator.mqtt_endpoint(namespace)
"""

import contextlib
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Self

from emulator.faults_client import ControlError, EmulatorControl

START_TIMEOUT = 30.0  # seconds
STOP_TIMEOUT = 10.0  # seconds
LOCATION = "westeurope"


class EmulatorStartError(Exception):
    """The emulator did not start. The message includes its log."""


class ConnectionDetails:
    """The addresses and credentials of an emulator, from its ready file (`ready`)."""

    ready: dict[str, Any]

    @property
    def url(self) -> str:
        """The ARM endpoint, for `base_url` or `endpoint` of an SDK."""
        return str(self.ready["arm"])

    @property
    def ca(self) -> str:
        """The path of the PEM file to trust, for `connection_verify` of an SDK and for MQTT clients."""
        return str(self.ready["arm_ca"])

    @property
    def tenant(self) -> str:
        return str(self.ready["tenant"])

    @property
    def client_id(self) -> str:
        return str(self.ready["client_id"])

    @property
    def client_secret(self) -> str:
        return str(self.ready["client_secret"])

    @property
    def subscription(self) -> str:
        return str(self.ready["subscription"])


class RunningEmulator(ConnectionDetails):
    """An emulator on free ports that keeps nothing. `arguments` are additional options of `python -m emulator`.

    It stops with this process, however that ends. Raise `EmulatorStartError` if it does not start.
    """

    def __init__(self, *arguments: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="emulator-")
        folder = Path(self._folder.name)
        self._log = folder / "emulator.log"
        ready_file, env_file = folder / "ready.json", folder / "emulator.env"
        reading, self._parent_pipe = os.pipe()
        command = [sys.executable, "-m", "emulator", "--state", str(folder), "--in-memory", "--port", "0"]
        command += ["--mqtt-port-base", "0", "--ready-file", str(ready_file), "--env-file", str(env_file)]
        command += ["--parent-fd", str(reading), *arguments]
        try:
            with self._log.open("wb") as log:
                self.process = subprocess.Popen(  # noqa: S603  the emulator with the options of the caller
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=(reading,)
                )
        finally:
            os.close(reading)
        self._wait_for(ready_file)
        self.ready = json.loads(ready_file.read_text(encoding="utf-8"))
        self.control = EmulatorControl.from_ready_file(ready_file)
        self.environment = _environment_of(env_file)

    def _wait_for(self, ready_file: Path) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while not ready_file.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                log = self.log()
                self.stop()
                raise EmulatorStartError(f"The emulator did not start. Its log:\n{log}")
            time.sleep(0.01)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop the emulator and delete its data."""
        self.process.terminate()
        try:
            self.process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self._parent_pipe >= 0:  # not earlier, or the signal hits an emulator that is already stopping
            os.close(self._parent_pipe)
            self._parent_pipe = -1
        with contextlib.suppress(OSError):
            self._folder.cleanup()

    def log(self) -> str:
        """Return what the emulator has logged."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def token(self) -> str:
        """Return a bearer token."""
        return self.control.token()

    def event_grid_token(self) -> str:
        """Return a bearer token for HTTP publish and for reading retained messages."""
        return self.control.token_for("https://eventgrid.azure.net")

    def http_url(self, namespace_id: str) -> str:
        """Return the URL below which a namespace takes messages (`/messages`) and shows retained ones."""
        host, port = self.mqtt_endpoint(namespace_id)
        return f"https://{f'[{host}]' if ':' in host else host}:{port}/mqtt"

    # Resources for tests

    def arm(
        self, method: str, path: str, body: Any = None, *, api_version: str = "2025-02-15", spared: bool = False
    ) -> Any:
        """Send one request to ARM and return the JSON of the response.

        Raise `ControlError` with ARM's message if it fails. A `spared` request gets no fault: use it to set up and tear
        down a test.
        """
        separator = "&" if "?" in path else "?"
        return self.control.send(method, f"{path}{separator}api-version={api_version}", body, spared=spared)

    def make_namespace(self, name: str, *, group: str = "rg-tests", **properties: Any) -> str:
        """Create a namespace with the MQTT broker enabled, and its resource group if needed. Return the namespace id."""
        group_id = f"/subscriptions/{self.subscription}/resourceGroups/{group}"
        self.arm("PUT", group_id, {"location": LOCATION}, spared=True)
        namespace_id = f"{group_id}/providers/Microsoft.EventGrid/namespaces/{name}"
        settings = {"topicSpacesConfiguration": {"state": "Enabled"}, **properties}
        body = {"location": LOCATION, "properties": settings}
        return str(self.arm("PUT", namespace_id, body, spared=True)["id"])

    def remove_namespace(self, namespace_id: str) -> None:
        """Delete a namespace. Do nothing if it does not exist or an operation on it is in progress."""
        try:
            self.arm("DELETE", namespace_id, spared=True)
        except ControlError as error:
            if error.status not in (404, 409):  # 404: a reset also deletes the resource group
                raise

    def mqtt_endpoint(self, namespace_id: str) -> tuple[str, int]:
        """Return host and port for MQTT clients of a namespace. Wait until it listens; raise `TimeoutError` after 10 s."""
        deadline = time.monotonic() + STOP_TIMEOUT
        while namespace_id not in (found := self.control.mqtt_endpoints()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{namespace_id} does not listen. Is its MQTT broker enabled?")
            time.sleep(0.02)
        return found[namespace_id]


def _environment_of(path: Path) -> dict[str, str]:
    pairs = (line.partition("=") for line in path.read_text(encoding="utf-8").splitlines())
    return {name: "".join(shlex.split(value)) for name, _, value in pairs}
