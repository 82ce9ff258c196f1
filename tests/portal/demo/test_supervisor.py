"""The supervisor, with real processes: small programs written for each test."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.demo.supervisor import TITLES, PartError, Stopped, Supervisor, write_private
from tests.support.waiting import is_running, running_with, until

ROOT = Path(__file__).resolve().parent.parent.parent.parent
LASTING = "import time\nprint('here I am', flush=True)\ntime.sleep(600)\n"
STUBBORN = (
    "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('no', flush=True)\ntime.sleep(600)\n"
)
WITH_A_CHILD = (
    "import subprocess, sys, time\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    "print(child.pid, flush=True)\ntime.sleep(600)\n"
)


class Stage:
    """A folder of small programs and a supervisor that runs them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.reports: list[str] = []
        self.deaths = 0
        self.parts = folder / "parts.json"
        self.supervisor = Supervisor(
            folder=folder,
            state_file=self.parts,
            environment={"PYTHONPATH": f"{ROOT}{os.pathsep}{folder}", "PATH": os.environ["PATH"], "STAGE": str(folder)},
            report=self.reports.append,
            on_death=self._count,
        )

    def _count(self) -> None:
        self.deaths += 1

    def program(self, name: str, text: str) -> str:
        (self.folder / f"{name}.py").write_text(text)
        return name

    def log(self, name: str) -> str:
        path = self.folder / "logs" / f"{name}.log"
        return path.read_text() if path.exists() else ""


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    stage.supervisor.stop()
    until(lambda: running_with(str(tmp_path)) == [], "nothing is left")


def test_a_part_that_dies_is_restarted_and_reported(stage: Stage) -> None:
    part = stage.supervisor.start("worker", stage.program("lasting", LASTING), [])
    first = part.process.pid
    os.kill(first, signal.SIGKILL)
    until(lambda: bool(stage.supervisor.restart_the_dead()), "the death is noticed")
    assert part.process.pid != first
    assert is_running(part.process.pid)
    (report,) = stage.reports
    assert "worker" in report
    assert "SIGKILL" in report
    assert stage.deaths == 1
    assert json.loads(stage.parts.read_text())["worker"] == part.process.pid


def test_a_part_is_reported_under_its_title_and_kept_under_its_name(stage: Stage) -> None:
    part = stage.supervisor.start("decisions", stage.program("lasting", LASTING), [])
    os.kill(part.process.pid, signal.SIGKILL)
    until(lambda: bool(stage.supervisor.restart_the_dead()), "the death is noticed")
    (report,) = stage.reports
    assert TITLES["decisions"] in report
    assert "SIGKILL" in report
    assert json.loads(stage.parts.read_text())["decisions"] == part.process.pid


def test_the_third_death_ends_with_the_reason_and_the_last_words(stage: Stage) -> None:
    stage.supervisor.start("worker", stage.program("failing", "raise SystemExit('the broker is on fire')\n"), [])
    with pytest.raises(PartError, match=r"(?s)The worker ended with code 1, for the third time.*the broker is on fire"):
        stage.supervisor.wait(lambda: False, seconds=30, what=lambda: "nothing")
    assert stage.deaths == 3


def test_what_a_dead_part_left_behind_is_ended_before_it_starts_again(stage: Stage) -> None:
    part = stage.supervisor.start("portal", stage.program("with_a_child", WITH_A_CHILD), [])
    until(lambda: stage.log("portal").strip().isdigit(), "the part has a child")
    child = int(stage.log("portal"))
    os.kill(part.process.pid, signal.SIGKILL)
    until(lambda: bool(stage.supervisor.restart_the_dead()), "the death is noticed")
    until(lambda: not is_running(child), "the child ends")


def test_stop_insists_with_a_part_that_does_not_listen(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.demo.supervisor.STOP_SECONDS", 0.3)
    part = stage.supervisor.start("stubborn", stage.program("stubborn", STUBBORN), [])
    until(lambda: "no" in stage.log("stubborn"), "it has started")
    stage.supervisor.stop()
    assert not is_running(part.process.pid)
    assert not stage.parts.exists()


def test_a_part_that_ends_by_itself_returns_what_it_printed(stage: Stage) -> None:
    assert stage.supervisor.run("seed", stage.program("seed", "import sys\nprint(sys.argv[1])\n"), ["done"]) == "done\n"


def test_a_part_that_fails_raises_with_its_last_words(stage: Stage) -> None:
    with pytest.raises(PartError, match=r"(?s)“seed” ended with code 1.*no such table"):
        stage.supervisor.run("seed", stage.program("broken", "raise SystemExit('no such table')\n"), [])


def test_asking_for_the_end_ends_a_wait_at_once(stage: Stage) -> None:
    stage.supervisor.ask_to_stop()
    with pytest.raises(Stopped):
        stage.supervisor.wait(lambda: False, seconds=30, what=lambda: "nothing")


def test_no_process_is_left_when_the_supervisor_is_killed(stage: Stage, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "with_a_child.py").write_text(WITH_A_CHILD)
    owner = (
        "import os, time\nfrom pathlib import Path\nfrom portal.demo.supervisor import Supervisor\n"
        f"folder = Path({str(folder)!r})\n"
        "supervisor = Supervisor(folder=folder, state_file=folder / 'parts.json', environment=dict(os.environ),\n"
        "                        report=print, on_death=lambda: None)\n"
        "supervisor.start('portal', 'with_a_child', [])\ntime.sleep(600)\n"
    )
    environment = {"PYTHONPATH": f"{ROOT}{os.pathsep}{folder}", "PATH": os.environ["PATH"]}
    process = subprocess.Popen([sys.executable, "-c", owner], env=environment)
    log = folder / "logs" / "portal.log"
    until(lambda: log.exists() and log.read_text().strip().isdigit(), "the part has a child")
    assert len(running_with(str(folder))) >= 2
    process.kill()
    process.wait()
    until(lambda: running_with(str(folder)) == [], "every process ends")


def test_a_private_file_is_whole_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "endpoints.json"
    write_private(path, "old")
    write_private(path, "new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]
