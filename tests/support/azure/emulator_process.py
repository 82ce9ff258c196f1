"""A running emulator for tests: `python -m emulator` as a separate process, over real TLS."""

import contextlib
import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

import pytest

from emulator.faults_client import EmulatorControl
from emulator.running import ConnectionDetails
from tests.support.azure.emulator_keys import put_keys
from tests.support.waiting import until

ROOT = Path(__file__).resolve().parents[3]
LOCATION = "westeurope"
GROUP = "rg-tests"
# A session may connect again at once: tests and benchmarks need not wait a second.
WITHOUT_CONNECT_RATE = {"EMULATOR_CONNECTS_PER_SECOND": "0"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
# A connection is used again within this time, before any emulator of the tests closes it as idle.
REUSED_WITHIN_SECONDS = 0.5


class EmulatorProcess(ConnectionDetails):
    """An emulator on free ports. It is ready when constructed, and `restart` keeps the ARM address."""

    module = "emulator"

    def __init__(self, state_dir: Path, *arguments: str) -> None:
        self.state_dir = state_dir
        self._arguments = arguments
        self._ready_file = state_dir / "ready.json"
        self._process: subprocess.Popen[bytes] | None = None
        self._parent_pipe = -1
        self._port = 0
        self._token = ""
        self._kept: deque[tuple[http.client.HTTPSConnection, float]] = deque()  # and when each was last used
        self.start()

    def start(self) -> Self:
        self._close_kept()
        self.state_dir.mkdir(parents=True, exist_ok=True)
        put_keys(self.state_dir)
        reading, self._parent_pipe = os.pipe()  # the emulator stops with this process, however that ends
        command: Sequence[str] = (
            *(sys.executable, "-m", self.module, "--state", str(self.state_dir), "--port", str(self._port)),
            *("--mqtt-port-base", "0", "--ready-file", str(self._ready_file), "--parent-fd", str(reading)),
            *self._arguments,
        )
        with (self.state_dir / "emulator.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=ROOT, stdout=log, stderr=log, pass_fds=(reading,), env=WITHOUT_CONNECT_RATE | os.environ
            )
        os.close(reading)
        until(lambda: self._ready_file.exists() or self.ended, "the emulator is ready")
        if self.ended:
            raise AssertionError(f"The emulator did not start:\n{self.log()}")
        self.ready = json.loads(self._ready_file.read_text())
        self._port = int(self.url.rpartition(":")[2])
        self._tls = ssl.create_default_context(cafile=self.ca)
        self.control = EmulatorControl.from_ready_file(self._ready_file)
        return self

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    def as_azure(self) -> dict[str, str]:
        """Return the environment variables with which a portal and its workers use this emulator as Azure."""
        return {
            "AZURE_ARM_URL": self.url,
            "AZURE_ARM_CA": self.ca,
            "AZURE_ARM_SCOPE": f"{self.url}/.default",
            "AZURE_AUTHORITY_URL": self.url,
            "AZURE_TENANT_ID": self.tenant,
            "AZURE_CLIENT_ID": self.client_id,
            "AZURE_CLIENT_SECRET": self.client_secret,
            "AZURE_SUBSCRIPTION_ID": self.subscription,
        }

    @property
    def mqtt_endpoints(self) -> dict[str, dict[str, Any]]:
        """Host, port and CA file of each listener, by namespace id."""
        found: dict[str, dict[str, Any]] = self.call("GET", "/emulator/endpoints")["mqtt"]
        return found

    def log(self) -> str:
        return (self.state_dir / "emulator.log").read_text()

    def stop(self) -> int:
        """Send SIGTERM and return the exit status."""
        self.process.terminate()
        return self._collect()

    def kill(self) -> None:
        """Send SIGKILL, like a power cut."""
        self.process.kill()
        self._collect()

    def restart(self) -> None:
        if not self.ended:
            self.stop()
        self._ready_file.unlink(missing_ok=True)
        self.start()

    def close_parent_pipe(self) -> None:
        """Simulate the end of the parent process."""
        self._close_kept()
        with contextlib.suppress(OSError):
            os.close(self._parent_pipe)
        self._parent_pipe = -1

    def interrupt(self) -> int:
        """Send SIGINT and return the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self._collect()

    def _collect(self) -> int:
        status = self.process.wait(timeout=60)
        if self._parent_pipe >= 0:
            self.close_parent_pipe()
        return status

    # Requests

    def token(self) -> str:
        """Return a bearer token. It is cached, since it stays valid over restarts."""
        if not self._token:
            form = {
                "grant_type": "client_credentials",
                "client_id": self.client_id,
                "client_secret": self.client_secret,
            }
            status, _, answer = self.send("POST", f"/{self.tenant}/oauth2/v2.0/token", urlencode(form).encode(), FORM)
            assert status == 200, answer
            self._token = answer["access_token"]
        return self._token

    def send(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, str], dict[str, Any]]:
        """Send one request unchanged, without a token. Return status, headers by lower-case name, and JSON."""
        connection = self._connection()
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            content = response.read()
        except BaseException:
            connection.close()
            raise
        received = {name.lower(): value for name, value in response.getheaders()}
        if connection.sock is not None:  # the emulator keeps it open
            self._kept.append((connection, time.monotonic()))
        return response.status, received, json.loads(content) if content else {}

    def _connection(self) -> http.client.HTTPSConnection:
        """Return a connection that was used just now, or a new one. No other thread uses it."""
        with contextlib.suppress(IndexError):
            connection, used = self._kept.pop()
            if time.monotonic() - used < REUSED_WITHIN_SECONDS:
                return connection
            connection.close()
        return http.client.HTTPSConnection(self.url.removeprefix("https://"), timeout=60, context=self._tls)

    def _close_kept(self) -> None:
        while self._kept:
            self._kept.pop()[0].close()

    def request(
        self, method: str, path: str, body: Any = None, *, api_version: str | None = "2025-02-15"
    ) -> tuple[int, dict[str, str], dict[str, Any]]:
        """Send an ARM request with a bearer token. `body` is sent as JSON, or unchanged if it is bytes."""
        if api_version:
            path += ("&" if "?" in path else "?") + f"api-version={api_version}"
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token()}", "Content-Type": "application/json"}
        return self.send(method, path, content, headers)

    def call(
        self, method: str, path: str, body: Any = None, *, api_version: str | None = "2025-02-15"
    ) -> dict[str, Any]:
        """Send a `request` that must succeed, and return the JSON."""
        status, _, answer = self.request(method, path, body, api_version=api_version)
        assert status < 300, (method, path, status, answer)
        return answer

    @property
    def group_id(self) -> str:
        return f"/subscriptions/{self.subscription}/resourceGroups/{GROUP}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def make_namespace(self, name: str, *, mqtt: bool = True, group_id: str = "") -> str:
        """Create a namespace in a resource group, which is that of the tests without `group_id`. Return its id."""
        group_id = group_id or self.group_id
        self.call("PUT", group_id, {"location": LOCATION})
        properties = {"topicSpacesConfiguration": {"state": "Enabled" if mqtt else "Disabled"}}
        path = f"{group_id}/providers/Microsoft.EventGrid/namespaces/{name}"
        return str(self.call("PUT", path, {"location": LOCATION, "properties": properties})["id"])


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorProcess]:
    """One emulator for each test process. Tests create their own namespaces in it, and never stop or reset it."""
    process = EmulatorProcess(tmp_path_factory.mktemp("emulator"))
    yield process
    if not process.ended:
        process.stop()


@pytest.fixture
def own_emulator(tmp_path: Path) -> Iterator[EmulatorProcess]:
    """An emulator that a test may stop, kill, reset and restart."""
    process = EmulatorProcess(tmp_path / "emulator")
    yield process
    if not process.ended:
        process.stop()
