"""The services make no system call that their units forbid, for which systemd would kill them."""

import os
import re
import signal
import subprocess
from functools import cache
from pathlib import Path

import pytest

from tests.deployment.page import COMMANDS, ROOT
from tests.support.programs import require_program
from tests.support.waiting import until

READY = {"web": "Booting worker", "worker": "ready."}  # in the log; the clock is ready with its schedule
CALL = re.compile(r"^\d+ +(?:[\d.]+ +)?(\w+)\(", re.MULTILINE)


@cache
def members(group: str) -> frozenset[str]:
    """Return the system calls of a group such as @privileged, as this machine's systemd knows it."""
    command = [require_program("systemd-analyze"), "syscall-filter", group]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[1:]
    names = {line.strip() for line in lines if line.strip() and not line.strip().startswith("#")}
    return frozenset(name for each in names for name in (members(each) if each.startswith("@") else {each}))


def allowed_by(unit: str) -> set[str]:
    """Apply the SystemCallFilter lines of a unit, one after the other."""
    allowed: set[str] = set()
    for line in re.findall(r"^SystemCallFilter=(.*)$", unit, re.MULTILINE):
        words = line.lstrip("~").split()
        named = {call for word in words for call in (members(word) if word.startswith("@") else {word})}
        allowed = allowed - named if line.startswith("~") else allowed | named
    return allowed


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PORTAL_PRODUCTION": "true",
        "PORTAL_SECRET_KEY": "only-for-tests-" + "x" * 40,
        "PORTAL_STATE_DIR": str(tmp_path / "state"),
        "PORTAL_BIND": f"unix:{tmp_path}/web.sock",
    }


def stop(strace: subprocess.Popen[bytes]) -> None:
    """Stop the traced service; strace itself blocks signals and ends with it."""
    for child in Path(f"/proc/{strace.pid}/task/{strace.pid}/children").read_text().split():
        os.kill(int(child), signal.SIGTERM)
    try:
        strace.wait(timeout=40)
    except subprocess.TimeoutExpired:
        strace.kill()
        strace.wait(timeout=60)
        raise


@pytest.mark.long
@pytest.mark.parametrize("name", ["web", "worker", "clock"])
def test_a_service_makes_only_allowed_system_calls(name: str, environment: dict[str, str], tmp_path: Path) -> None:
    strace = require_program("strace")
    (unit,) = (ROOT / "deploy/systemd").glob(f"mqtt-portal-{name}*.service")
    allowed = allowed_by(unit.read_text(encoding="utf-8"))
    forbidden = (members("@privileged") | members("@resources") | members("@mount") | members("@debug")) - allowed
    trace, log = tmp_path / "trace", tmp_path / "log"
    command = COMMANDS[name].strip().replace("/var/lib/mqtt-portal", str(tmp_path / "state"))
    command = f"{strace} --follow-forks --seccomp-bpf -qq -o {trace} -e trace=?{',?'.join(sorted(forbidden))} {command}"
    with log.open("wb") as output:
        process = subprocess.Popen(command.split(), cwd=ROOT, env=environment, stdout=output, stderr=output)

    def is_ready() -> bool:
        if name == "clock":
            return any((tmp_path / "state").glob("clock-schedule*"))
        return READY[name] in log.read_text(errors="replace")

    try:
        until(lambda: is_ready() or process.poll() is not None, f"{name} is ready")
        assert process.poll() is None, log.read_text(errors="replace")
    finally:
        stop(process)
    assert set(CALL.findall(trace.read_text(errors="replace"))) == set()


@pytest.mark.parametrize("name", ["web", "worker", "clock"])
def test_filters_let_libraries_own_their_files_and_no_more(name: str) -> None:
    (unit,) = (ROOT / "deploy/systemd").glob(f"mqtt-portal-{name}*.service")
    allowed = allowed_by(unit.read_text(encoding="utf-8"))
    assert {"chown", "fchown"} <= allowed
    assert not allowed & {"setuid", "chroot", "mount", "ptrace", "setpriority"}
