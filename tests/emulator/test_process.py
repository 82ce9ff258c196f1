"""The emulator as a program: it starts, says where it is, keeps what it acknowledged, and ends."""

import contextlib
import http.client
import json
import random
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.support.emulator_process import ROOT, EmulatorProcess
from tests.support.waiting import until


def client_body(state: str = "Enabled") -> dict[str, object]:
    return {"properties": {"state": state}}


def test_the_ready_file_is_private_and_says_everything(own_emulator: EmulatorProcess) -> None:
    path = own_emulator.state_dir / "ready.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert set(json.loads(path.read_text())) == {
        "arm",
        "arm_ca",
        "tenant",
        "client_id",
        "client_secret",
        "subscription",
        "identity_endpoint",
        "identity_header",
        "federated_token_file",
        "pid",
    }
    assert own_emulator.ready["pid"] == own_emulator.process.pid


def test_secrets_in_the_state_folder_are_private(own_emulator: EmulatorProcess) -> None:
    for name in ("emulator-ca-key.pem", "emulator-server-key.pem", "emulator-credentials.json"):
        assert stat.S_IMODE((own_emulator.state_dir / name).stat().st_mode) == 0o600


def test_sigterm_and_sigint_end_it_cleanly(own_emulator: EmulatorProcess) -> None:
    assert own_emulator.stop() == 0
    assert not (own_emulator.state_dir / "ready.json").exists()
    own_emulator.start()
    assert own_emulator.interrupt() == 0


def test_sigterm_is_heard_at_once_after_thousands_of_changes(tmp_path: Path) -> None:
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
        emulator.call("POST", "/emulator/reset")  # 1,500 clients deleted, and 1,500 made
        assert emulator.stop() == 0
    finally:
        emulator.process.kill()


def test_it_ends_with_its_parent(own_emulator: EmulatorProcess) -> None:
    own_emulator.close_parent_pipe()
    until(lambda: own_emulator.ended, "the emulator ends when its parent is gone")
    assert own_emulator.process.returncode == 0


def test_what_it_acknowledged_survives_kill_9(own_emulator: EmulatorProcess) -> None:
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
    assert status == 200, "a token from before the restart is still good"


class Writer(threading.Thread):
    """Creates, replaces and deletes clients of its own until the emulator is gone."""

    def __init__(self, emulator: EmulatorProcess, namespace: str, number: int, known: dict[str, object]) -> None:
        super().__init__()
        self._emulator, self._namespace, self._number = emulator, namespace, number
        self._chance = random.Random(number)
        self.known = known  # what was acknowledged last, by name; None: it is gone
        self.under_way: str = ""  # the one that was asked for and not answered
        self.acknowledged = 0

    def run(self) -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):  # killed
            while True:
                name = f"writer-{self._number % 4}-{self._chance.randrange(40)}"
                path = f"{self._namespace}/clients/{name}"
                self.under_way = name
                if self.known.get(name) is not None and self._chance.random() < 0.3:
                    self._emulator.call("DELETE", path)
                    self.known[name] = None
                else:
                    body = {"properties": {"attributes": {"round": self._number, "step": self.acknowledged}}}
                    self.known[name] = self._emulator.call("PUT", path, body)
                self.under_way = ""
                self.acknowledged += 1


def test_every_acknowledged_write_survives_kill_9_at_any_moment(own_emulator: EmulatorProcess) -> None:
    """More than 1,000 writes by four threads that never rest, and ten times killed at a moment that nobody chooses."""
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
            writer.join(30)
        own_emulator.restart()
        kept = {each["name"]: each for each in everything_in(own_emulator, f"{namespace}/clients?$top=100")}
        for writer in writers:
            for name, expected in writer.known.items():
                if name != writer.under_way:  # of that one both the old and the new are right
                    assert kept.get(name) == expected, name
            writer.known[writer.under_way] = kept.get(writer.under_way)
            acknowledged += writer.acknowledged
    assert acknowledged >= 1_000


def everything_in(emulator: EmulatorProcess, path: str) -> Iterator[dict[str, object]]:
    version: str | None = "2025-02-15"
    while path:
        page = emulator.call("GET", path, api_version=version)
        yield from page["value"]
        path, version = page.get("nextLink", "").removeprefix(emulator.url), None


def test_health_is_answered_only_when_everything_listens(tmp_path: Path) -> None:
    """Sixty MQTT listeners are there to be opened; whoever asks for its health meanwhile waits."""
    emulator = EmulatorProcess(tmp_path / "state")
    for number in range(60):
        emulator.make_namespace(f"plant-{number}")
    listening: list[int] = []

    def ask() -> None:
        def is_healthy() -> bool:
            with contextlib.suppress(OSError, http.client.HTTPException):
                return emulator.send("GET", "/healthz")[0] == 200
            return False

        until(is_healthy, "it says that it is well")
        listening.append(len(emulator.mqtt_endpoints))

    emulator.stop()
    asking = threading.Thread(target=ask)
    asking.start()
    emulator.restart()
    asking.join(30)
    emulator.stop()
    assert listening == [60]


def test_strangers_are_warned_of_whatever_the_log_level(tmp_path: Path) -> None:
    options = ("--host", "0.0.0.0", "--log-level", "error", "--in-memory", "--port", "0", "--mqtt-port-base", "0")
    command = [sys.executable, "-m", "emulator", *options, "--ready-file", str(tmp_path / "ready.json")]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        until((tmp_path / "ready.json").exists, "it is ready")
    finally:
        process.terminate()
    _, said = process.communicate(timeout=20)
    assert "EVERY MACHINE THAT REACHES THIS ADDRESS CAN CONNECT" in said


def test_a_second_emulator_on_the_same_folder_is_refused(own_emulator: EmulatorProcess) -> None:
    second = run("--state", str(own_emulator.state_dir), "--port", "0")
    assert second.returncode == 1
    assert "Another emulator runs on the state folder" in second.stderr
    assert "Traceback" not in second.stderr


def test_a_busy_port_is_told_in_a_sentence(own_emulator: EmulatorProcess, tmp_path: Path) -> None:
    port = own_emulator.url.rpartition(":")[2]
    second = run("--state", str(tmp_path / "other"), "--port", port, "--mqtt-port-base", "0")
    assert second.returncode == 1
    assert f"Cannot listen on 127.0.0.1 port {port}" in second.stderr
    assert "Traceback" not in second.stderr


def test_a_damaged_state_folder_is_told_in_a_sentence(tmp_path: Path) -> None:
    for name in ("emulator-credentials.json", "emulator-ca.pem", "emulator.sqlite3"):
        state = tmp_path / name
        EmulatorProcess(state).stop()
        for suffix in ("", "-wal", "-shm"):
            if (state / (name + suffix)).exists():
                (state / (name + suffix)).write_bytes(b"damaged" * 1000)
        ended = run("--state", str(state), "--port", "0", "--mqtt-port-base", "0")
        assert ended.returncode == 1, name
        assert str(state / name) in ended.stderr
        assert "Traceback" not in ended.stderr


def test_bad_options_are_refused() -> None:
    for option, value in (
        ("port", "70000"),
        ("ca-certificate-limit", "0"),
        ("parent-fd", "x"),
        ("mqtt-port-base", "-1"),
    ):
        ended = run(f"--{option}={value}")
        assert ended.returncode == 2
        assert f"--{option}" in ended.stderr


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "emulator", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
