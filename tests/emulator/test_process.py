"""The emulator as a process: it starts, writes its ready file, keeps acknowledged writes, and stops."""

import contextlib
import http.client
import json
import random
import shutil
import socket
import ssl
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from emulator.faults_client import EmulatorControl
from emulator.options import PROGRAM, parse_arguments
from tests.support.azure.emulator_process import ROOT, EmulatorProcess
from tests.support.waiting import until


def client_body(state: str = "Enabled") -> dict[str, object]:
    return {"properties": {"state": state}}


def test_the_ready_file_is_private_and_complete(emulator: EmulatorProcess) -> None:
    path = emulator.state_dir / "ready.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert set(json.loads(path.read_text())) == {
        "arm",
        "arm_ca",
        "tenant",
        "client_id",
        "client_secret",
        "subscription",
        "object_id",
        "identity_endpoint",
        "identity_header",
        "federated_token_file",
        "azure_profile",
        "pid",
    }
    assert emulator.ready["pid"] == emulator.process.pid


def test_secrets_in_the_state_folder_are_private(emulator: EmulatorProcess) -> None:
    keys = {path.name for path in emulator.state_dir.glob("*-key.pem")}
    kinds = ("ca", "ca-rsa", "server", "mqtt-ec", "mqtt-rsa")
    # The key for tokens is there as soon as another test has asked for one.
    assert keys - {"emulator-token-key.pem"} == {f"emulator-{kind}-key.pem" for kind in kinds}
    for name in (*keys, "emulator-credentials.json"):
        assert stat.S_IMODE((emulator.state_dir / name).stat().st_mode) == 0o600


def test_sigterm_and_sigint_stop_it_cleanly(own_emulator: EmulatorProcess) -> None:
    assert own_emulator.stop() == 0
    assert not (own_emulator.state_dir / "ready.json").exists()
    own_emulator.start()
    assert own_emulator.interrupt() == 0


def test_sigterm_stops_it_after_thousands_of_changes(tmp_path: Path) -> None:
    namespace = "/subscriptions/{subscription}/resourceGroups/rg/providers/Microsoft.EventGrid/namespaces/large"
    settings = {"topicSpacesConfiguration": {"state": "Enabled"}}
    (tmp_path / "seed.json").write_text(
        json.dumps(
            [
                {"id": namespace.partition("/providers/")[0], "location": "westeurope"},
                {"id": namespace, "location": "westeurope", "properties": settings},
                *({"id": f"{namespace}/clients/c{n}", "properties": {}} for n in range(1_500)),
            ]
        )
    )
    emulator = EmulatorProcess(tmp_path / "state", "--seed", str(tmp_path / "seed.json"), "--in-memory")
    try:
        emulator.call("POST", "/emulator/reset")  # 1,500 clients deleted, and 1,500 created
        assert emulator.stop() == 0
    finally:
        emulator.process.kill()


def test_it_stops_with_its_parent(own_emulator: EmulatorProcess) -> None:
    own_emulator.close_parent_pipe()
    until(lambda: own_emulator.ended, "the emulator stops with its parent")
    assert own_emulator.process.returncode == 0


def test_acknowledged_writes_survive_kill_9(own_emulator: EmulatorProcess) -> None:
    namespace = own_emulator.make_namespace("kept-over-kill")
    token = own_emulator.token()
    written = [own_emulator.call("PUT", f"{namespace}/clients/c{number}", client_body()) for number in range(20)]
    own_emulator.kill()
    url, ca, secret = own_emulator.url, Path(own_emulator.ca).read_bytes(), own_emulator.client_secret
    own_emulator.restart()
    assert (own_emulator.url, Path(own_emulator.ca).read_bytes(), own_emulator.client_secret) == (url, ca, secret)
    kept = own_emulator.call("GET", f"{namespace}/clients?$top=100")["value"]
    assert sorted(kept, key=lambda client: client["name"]) == sorted(written, key=lambda client: client["name"])
    bearer = {"Authorization": f"Bearer {token}"}
    status, _, _ = own_emulator.send("GET", "/subscriptions?api-version=2022-12-01", headers=bearer)
    assert status == 200, "a token stays valid over a restart"


class Writer(threading.Thread):
    """Creates, replaces and deletes its own clients until the emulator is killed."""

    def __init__(self, emulator: EmulatorProcess, namespace: str, number: int, known: dict[str, object]) -> None:
        super().__init__()
        self._emulator, self._namespace, self._number = emulator, namespace, number
        self._chance = random.Random(number)
        self.known = known  # the last acknowledged state by name; None: deleted
        self.pending: str = ""  # the client of the request without a response
        self.acknowledged = 0

    def run(self) -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):  # killed
            while True:
                name = f"writer-{self._number % 4}-{self._chance.randrange(40)}"
                path = f"{self._namespace}/clients/{name}"
                self.pending = name
                if self.known.get(name) is not None and self._chance.random() < 0.3:
                    self._emulator.call("DELETE", path)
                    self.known[name] = None
                else:
                    body = {"properties": {"attributes": {"round": self._number, "step": self.acknowledged}}}
                    self.known[name] = self._emulator.call("PUT", path, body)
                self.pending = ""
                self.acknowledged += 1


def test_acknowledged_writes_survive_kill_9_at_any_moment(own_emulator: EmulatorProcess) -> None:
    """More than 1,000 writes by four threads, and ten kills at random moments."""
    namespace = own_emulator.make_namespace("killed-often", mqtt=False)
    chance = random.Random(20_261_124)
    known: list[dict[str, object]] = [{} for _ in range(4)]
    acknowledged = 0
    for turn in range(10):
        own_emulator.token()
        writers = [Writer(own_emulator, namespace, turn * 4 + each, known[each]) for each in range(4)]
        for writer in writers:
            writer.start()
        enough = 100 + chance.randint(5, 25)
        until(lambda some=writers, at=enough: sum(w.acknowledged for w in some) >= at, "writes are acknowledged")  # type: ignore[misc]
        own_emulator.kill()
        for writer in writers:
            writer.join(60)
        own_emulator.restart()
        kept = {each["name"]: each for each in everything_in(own_emulator, f"{namespace}/clients?$top=100")}
        for writer in writers:
            for name, expected in writer.known.items():
                if name != writer.pending:  # either state is correct for a pending write
                    assert kept.get(name) == expected, name
            writer.known[writer.pending] = kept.get(writer.pending)
            acknowledged += writer.acknowledged
    assert acknowledged >= 1_000


def everything_in(emulator: EmulatorProcess, path: str) -> Iterator[dict[str, object]]:
    version: str | None = "2025-02-15"
    while path:
        page = emulator.call("GET", path, api_version=version)
        yield from page["value"]
        path, version = page.get("nextLink", "").removeprefix(emulator.url), None


def test_health_is_reported_only_when_all_endpoints_listen(tmp_path: Path) -> None:
    """The emulator opens sixty MQTT listeners before it responds to a health check."""
    emulator = EmulatorProcess(tmp_path / "state")
    for number in range(60):
        emulator.make_namespace(f"plant-{number}")
    listening: list[int] = []

    def ask() -> None:
        def is_healthy() -> bool:
            with contextlib.suppress(OSError, http.client.HTTPException):
                return emulator.send("GET", "/healthz")[0] == 200
            return False

        until(is_healthy, "the emulator is healthy")
        listening.append(len(emulator.mqtt_endpoints))

    emulator.stop()
    asking = threading.Thread(target=ask)
    asking.start()
    emulator.restart()
    asking.join(60)
    emulator.stop()
    assert listening == [60]


@pytest.mark.parametrize(("host", "is_warned"), [("0.0.0.0", True), ("localhost", False)])
def test_it_warns_if_others_can_connect_at_any_log_level(tmp_path: Path, host: str, is_warned: bool) -> None:
    options = ("--host", host, "--log-level", "error", "--in-memory", "--port", "0", "--mqtt-port-base", "0")
    command = [sys.executable, "-m", "emulator", *options, "--ready-file", str(tmp_path / "ready.json")]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        until((tmp_path / "ready.json").exists, "the emulator is ready")
        assert EmulatorControl.from_ready_file(tmp_path / "ready.json").faults() == []
    finally:
        process.terminate()
    _, logged = process.communicate(timeout=60)
    assert (host in logged) is is_warned
    assert bool(logged) is is_warned


def test_mqtt_alone_listens_on_another_address(tmp_path: Path) -> None:
    process = EmulatorProcess(tmp_path / "emulator", "--mqtt-host", "127.0.0.2", "--in-memory")
    try:
        namespace = process.make_namespace("ns-elsewhere")
        until(lambda: namespace in process.mqtt_endpoints, "the endpoint listens")
        endpoint = process.mqtt_endpoints[namespace]
        assert (endpoint["host"], process.url.startswith("https://127.0.0.1:")) == ("127.0.0.2", True)
        context = ssl.create_default_context(cafile=endpoint["ca"])
        with socket.create_connection(("127.0.0.2", endpoint["port"]), timeout=60) as connection:
            context.wrap_socket(connection, server_hostname="127.0.0.2").close()
        with socket.socket() as elsewhere:
            assert elsewhere.connect_ex(("127.0.0.1", endpoint["port"])) != 0
    finally:
        process.stop()


def test_the_file_of_endpoints_follows_the_namespaces(tmp_path: Path) -> None:
    file = tmp_path / "shared" / "endpoints.json"
    process = EmulatorProcess(tmp_path / "emulator", "--endpoints-file", str(file), "--in-memory")
    try:
        assert json.loads(file.read_text()) == {}
        made = [process.make_namespace(f"ns-{name}") for name in ("first", "second")]
        until(lambda: json.loads(file.read_text()) == process.mqtt_endpoints, "the file has both")
        assert set(process.mqtt_endpoints) == set(made)
        assert stat.S_IMODE(file.stat().st_mode) == 0o644
        process.call("DELETE", made[0])
        until(lambda: json.loads(file.read_text()).keys() == {made[1]}, "the file has one")
    finally:
        process.stop()
    assert not file.exists()


def test_a_name_for_mqtt_where_it_listens_everywhere(tmp_path: Path) -> None:
    options = ("--host", "0.0.0.0", "--host-name", "localhost", "--mqtt-host", "class.example.com", "--in-memory")
    process = EmulatorProcess(tmp_path / "emulator", *options)
    try:
        namespace = process.make_namespace("ns-named")
        until(lambda: namespace in process.mqtt_endpoints, "the endpoint listens")
        endpoint = process.mqtt_endpoints[namespace]
        assert endpoint["host"] == "class.example.com"
        context = ssl.create_default_context(cafile=endpoint["ca"])
        with socket.create_connection(("127.0.0.1", endpoint["port"]), timeout=60) as connection:
            context.wrap_socket(connection, server_hostname="class.example.com").close()
    finally:
        process.stop()


def test_a_second_emulator_on_the_same_folder_does_not_start(emulator: EmulatorProcess) -> None:
    second = run("--state", str(emulator.state_dir), "--port", "0")
    assert second.returncode == 1
    assert_one_message(second.stderr, f"{emulator.state_dir}", "--state")


def test_a_port_in_use_is_reported(emulator: EmulatorProcess, tmp_path: Path) -> None:
    port = emulator.url.rpartition(":")[2]
    second = run("--state", str(tmp_path / "other"), "--port", port, "--mqtt-port-base", "0")
    assert second.returncode == 1
    assert_one_message(second.stderr, f"127.0.0.1 port {port}", "--port")


def test_a_damaged_file_in_the_state_folder_is_reported(tmp_path: Path) -> None:
    EmulatorProcess(tmp_path / "intact").stop()
    for name in ("emulator-credentials.json", "emulator-ca.pem", "emulator-mqtt-rsa-key.pem", "emulator.sqlite3"):
        state = tmp_path / name
        shutil.copytree(tmp_path / "intact", state)
        for suffix in ("", "-wal", "-shm"):
            if (state / (name + suffix)).exists():
                (state / (name + suffix)).write_bytes(b"damaged" * 1000)
        stopped = run("--state", str(state), "--port", "0", "--mqtt-port-base", "0")
        assert stopped.returncode == 1, name
        assert_one_message(stopped.stderr, str(state / name))


@pytest.mark.parametrize(
    ("option", "value"),
    [("port", "70000"), ("ca-certificate-limit", "0"), ("parent-fd", "x"), ("mqtt-port-base", "-1")],
)
def test_an_invalid_number_is_rejected(capsys: pytest.CaptureFixture[str], option: str, value: str) -> None:
    with pytest.raises(SystemExit) as caught:
        parse_arguments([f"--{option}={value}"])
    assert caught.value.code == 2
    assert f"--{option}" in capsys.readouterr().err.splitlines()[-1]


def assert_one_message(stderr: str, *parts: str) -> None:
    """The last line is a message of the program that contains `parts`, and there is no traceback."""
    assert "Traceback" not in stderr
    last = stderr.splitlines()[-1]
    assert last.startswith(PROGRAM)
    for part in parts:
        assert part in last


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "emulator", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
