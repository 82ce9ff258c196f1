"""The emulator as a program: it starts, says where it is, keeps what it acknowledged, and ends."""

import contextlib
import http.client
import json
import random
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from tests.emulator_process import ROOT, EmulatorProcess
from tests.waiting import until

STARTS_WITHIN = 5.0  # seconds; alone on a machine it is under one, but tests share theirs


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


def test_it_is_ready_soon(tmp_path: Path) -> None:
    EmulatorProcess(tmp_path / "state").stop()
    before = time.monotonic()
    emulator = EmulatorProcess(tmp_path / "state")
    assert time.monotonic() - before < STARTS_WITHIN
    emulator.stop()


def test_sigterm_and_sigint_end_it_cleanly(own_emulator: EmulatorProcess) -> None:
    assert own_emulator.stop() == 0
    assert not (own_emulator.state_dir / "ready.json").exists()
    own_emulator.start()
    assert own_emulator.interrupt() == 0


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


def test_every_acknowledged_write_survives_kill_9_at_any_moment(own_emulator: EmulatorProcess) -> None:
    """Up to 1,000 writes by four threads, and ten times killed at a moment that nobody chooses."""
    namespace = own_emulator.make_namespace("killed-often", mqtt=False)
    acknowledged: dict[str, object] = {}
    chance = random.Random(20_261_124)
    lock = threading.Lock()

    def write(first: int, stop_at: int) -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):  # killed
            for number in range(first, first + 250):
                with lock:
                    if len(acknowledged) >= stop_at:
                        return
                name = f"c{number}"
                body = {"properties": {"attributes": {"round": stop_at, "number": number}}}
                answer = own_emulator.call("PUT", f"{namespace}/clients/{name}", body)
                with lock:
                    acknowledged[name] = answer

    for turn in range(10):
        until_now = len(acknowledged)
        threads = [
            threading.Thread(target=write, args=(turn * 1000 + each * 250, 100 * (turn + 1))) for each in range(4)
        ]
        for thread in threads:
            thread.start()
        kill_at = until_now + chance.randint(5, 95)
        until(lambda at=kill_at: len(acknowledged) >= at, "some writes are acknowledged")  # type: ignore[misc]
        own_emulator.kill()
        for thread in threads:
            thread.join(30)
        own_emulator.restart()
        kept = {each["name"]: each for each in everything_in(own_emulator, f"{namespace}/clients?$top=100")}
        assert {name: kept.get(name) for name in acknowledged} == acknowledged
    assert len(acknowledged) >= 500


def everything_in(emulator: EmulatorProcess, path: str) -> Iterator[dict[str, object]]:
    version: str | None = "2025-02-15"
    while path:
        page = emulator.call("GET", path, api_version=version)
        yield from page["value"]
        path, version = page.get("nextLink", "").removeprefix(emulator.url), None


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
