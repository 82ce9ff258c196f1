"""An emulator as a process of its own, started from Python. Standard library only.

with RunningEmulator() as emulator:
    namespace = emulator.make_namespace("plant-1")
    host, port = emulator.mqtt_endpoint(namespace)
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Self

from emulator.faults_client import ControlError, EmulatorControl

START_TIMEOUT = 30.0  # seconds
STOP_TIMEOUT = 10.0
LOCATION = "westeurope"


class EmulatorStartError(Exception):
    """It has not started; the text has what it said."""


class Whereabouts:
    """Where an emulator answers and what it takes for a sign-in, as its ready file says."""

    ready: dict[str, Any]

    @property
    def url(self) -> str:
        """The ARM endpoint, for `base_url` or `endpoint` of an SDK."""
        return str(self.ready["arm"])

    @property
    def ca(self) -> str:
        """Path of the PEM file to trust, for `connection_verify` of an SDK and for MQTT clients."""
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


class RunningEmulator(Whereabouts):
    """Starts on free ports and forgets everything at the end. `arguments` are more options of `python -m emulator`.

    It ends with this process, however that ends. Raises `EmulatorStartError`.
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
                self.process = subprocess.Popen(  # noqa: S603  our own module and the caller's options
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
                said = self.log()
                self.stop()
                raise EmulatorStartError(f"The emulator has not started. It said:\n{said}")
            time.sleep(0.01)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End it, and forget its data."""
        self.process.terminate()
        try:
            self.process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self._parent_pipe >= 0:  # not before: it would end itself, and be hit by the signal on its way out
            os.close(self._parent_pipe)
            self._parent_pipe = -1
        with contextlib.suppress(OSError):
            self._folder.cleanup()

    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def token(self) -> str:
        """A bearer token."""
        return self.control.token()

    # What tests start from

    def arm(
        self, method: str, path: str, body: Any = None, *, api_version: str = "2025-02-15", spared: bool = False
    ) -> Any:
        """One ARM call; the answer's JSON. Raises `ControlError` with ARM's sentence when it is refused.

        No fault strikes a call that is `spared`: what a test starts from is made and taken away so.
        """
        separator = "&" if "?" in path else "?"
        return self.control.send(method, f"{path}{separator}api-version={api_version}", body, spared=spared)

    def make_namespace(self, name: str, *, group: str = "rg-tests", **properties: Any) -> str:
        """A namespace with the MQTT broker enabled, in a group that is made if needed; the answer is its id."""
        group_id = f"/subscriptions/{self.subscription}/resourceGroups/{group}"
        self.arm("PUT", group_id, {"location": LOCATION}, spared=True)
        namespace_id = f"{group_id}/providers/Microsoft.EventGrid/namespaces/{name}"
        wanted = {"topicSpacesConfiguration": {"state": "Enabled"}, **properties}
        body = {"location": LOCATION, "properties": wanted}
        return str(self.arm("PUT", namespace_id, body, spared=True)["id"])

    def remove_namespace(self, namespace_id: str) -> None:
        """Delete it. One that is gone, or that an operation under way still holds, is no error."""
        try:
            self.arm("DELETE", namespace_id, spared=True)
        except ControlError as error:
            if error.status not in (404, 409):  # 404: a reset took its group, too
                raise

    def mqtt_endpoint(self, namespace_id: str) -> tuple[str, int]:
        """Host and port for MQTT clients of a namespace; waits until it listens."""
        deadline = time.monotonic() + STOP_TIMEOUT
        while namespace_id not in (found := self.control.mqtt_endpoints()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{namespace_id} does not listen. Is its MQTT broker enabled?")
            time.sleep(0.02)
        return found[namespace_id]


def _environment_of(path: Path) -> dict[str, str]:
    import shlex

    pairs = (line.partition("=") for line in path.read_text(encoding="utf-8").splitlines())
    return {name: "".join(shlex.split(value)) for name, _, value in pairs}
