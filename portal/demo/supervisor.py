"""Run several processes as one: start them, restart one that dies, and stop all, leaving none behind."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

MOST_DEATHS = 3
STOP_SECONDS = 6.0
LOG_LINES = 12
TITLES = {  # of the parts whose names, which their logs and scripts use, do not read well in a sentence
    "decisions": "decision service",
    "devices": "device simulator",
    "identity-provider": "identity provider",
}


class PartError(Exception):
    """A part failed. The message names the part, the reason and the end of its log."""


class Stopped(Exception):  # noqa: N818 - not an error: the user stopped the demo
    """The user stopped the demo while it was waiting."""


@dataclass
class Part:
    """One program: `python -m module arguments…`, in a session of its own."""

    name: str
    module: str
    arguments: Sequence[str]
    log: Path
    keep_open: Sequence[int] = ()  # file descriptors it inherits
    lasts: bool = True  # runs until the demo is stopped
    deaths: int = 0
    started_at: float = 0.0
    process: subprocess.Popen[bytes] = field(init=False)

    @property
    def title(self) -> str:
        """Return what the part is called in sentences: “The … was killed”."""
        return TITLES.get(self.name, self.name)

    def last_words(self) -> str:
        """Return the end of its log, which usually contains the reason it died."""
        with contextlib.suppress(OSError):
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
            return "\n".join(f"  {line}" for line in lines)
        return ""


def how_it_ended(code: int) -> str:
    """Describe a return code of subprocess."""
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"was killed by {signal.Signals(-code).name}"
    return f"ended with code {code}"


class Supervisor:
    """Owns the parts of one running product.

    Every part is the leader of a session of its own, so Ctrl-C in the terminal reaches only the supervisor, and what a
    part has started is found by its process group. A pipe that only the supervisor holds open closes when it
    ends, so the parts notice (see portal.demo.supervised_child).
    """

    def __init__(
        self,
        *,
        folder: Path,
        state_file: Path,
        environment: Mapping[str, str],
        report: Callable[[str], None],
        on_death: Callable[[], None],
    ) -> None:
        self._folder = folder
        self._state_file = state_file
        self._logs = state_file.parent / "logs"
        self._report = report
        self._on_death = on_death
        self._parts: list[Part] = []
        self._stopping = False
        self._death_pipe, self._held_open = os.pipe()
        os.set_inheritable(self._death_pipe, True)
        self.environment = dict(environment)
        self._logs.mkdir(mode=0o700, exist_ok=True)

    # Starting

    def start(self, name: str, module: str, arguments: Sequence[str], keep_open: Sequence[int] = ()) -> Part:
        """Start a part that runs until the demo is stopped."""
        return self._start(Part(name, module, arguments, self._logs / f"{name}.log", keep_open))

    def _start(self, part: Part) -> Part:
        part.log.unlink(missing_ok=True)
        self._parts.append(part)
        self._spawn(part)
        return part

    def run(self, name: str, module: str, arguments: Sequence[str]) -> str:
        """Run a part that ends on its own and return what it printed.

        Raises PartError when it fails, Stopped when `stop` was requested meanwhile.
        """
        part = self._start(Part(name, module, arguments, self._logs / f"{name}.log", lasts=False))
        try:
            self.wait(lambda: part.process.poll() is not None, seconds=120, what=lambda: f"the end of “{name}”")
        finally:
            self._end(part)
            self._parts.remove(part)
        if part.process.returncode:
            raise PartError(f"“{name}” {how_it_ended(part.process.returncode)}.\n{part.last_words()}")
        return part.log.read_text(encoding="utf-8")

    def _spawn(self, part: Part) -> None:
        command = [
            sys.executable,
            "-m",
            "portal.demo.supervised_child",
            str(self._death_pipe),
            part.module,
            *part.arguments,
        ]
        with part.log.open("ab") as log:
            part.process = subprocess.Popen(  # noqa: S603 - only our own programs
                command,
                cwd=self._folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(self._death_pipe, *part.keep_open),
                start_new_session=True,
            )
        part.started_at = time.time()
        self._write_state()

    def _write_state(self) -> None:
        """Write the process id of each part, for scripts."""
        running = {"demo": os.getpid()} | {part.name: part.process.pid for part in self._parts}
        write_private(self._state_file, json.dumps(running, indent=2))

    # Watching

    def ask_to_stop(self) -> None:
        """Make every wait end with Stopped. Safe to call in a signal handler."""
        self._stopping = True

    def restart_the_dead(self) -> list[Part]:
        """Restart the parts that died and return them. Raise PartError when a part dies for the third time."""
        dead = [part for part in self._parts if part.lasts and part.process.poll() is not None]
        for part in dead:
            self._on_death()
            part.deaths += 1
            how = how_it_ended(part.process.returncode)
            self._end(part)
            if part.deaths >= MOST_DEATHS:
                raise PartError(f"The {part.title} {how}, for the third time. Its last words:\n{part.last_words()}")
            self._report(f"The {part.title} {how}. Restarting it.")
            self._spawn(part)
        return dead

    def wait(
        self, condition: Callable[[], bool], *, seconds: float, what: Callable[[], str], every: float = 0.03
    ) -> None:
        """Wait until `condition()` holds, asked `every` so many seconds, and keep the parts alive meanwhile.

        Raises PartError when it takes longer, Stopped when `stop` was requested.
        """
        deadline = time.monotonic() + seconds
        while True:
            self.check_stop()
            self.restart_the_dead()
            if condition():
                return
            if time.monotonic() > deadline:
                raise PartError(f"Waited {seconds:.0f} s for {what()}. See the logs in {self._logs}.")
            time.sleep(every)

    def check_stop(self) -> None:
        if self._stopping:
            raise Stopped

    # Ending

    def stop(self) -> None:
        """Stop every part: terminate, kill after STOP_SECONDS, and leave nothing of its process group."""
        for part in reversed(self._parts):
            with contextlib.suppress(ProcessLookupError):
                part.process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for part in self._parts:
            with contextlib.suppress(subprocess.TimeoutExpired):
                part.process.wait(max(0.0, deadline - time.monotonic()))
            self._end(part)
        self._wait_until_gone([part.process.pid for part in self._parts])
        self._parts.clear()
        self._state_file.unlink(missing_ok=True)

    @staticmethod
    def _end(part: Part) -> None:
        """Kill the remaining processes of a part, even if its leader has ended."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(part.process.pid, signal.SIGKILL)
        part.process.wait()

    @staticmethod
    def _wait_until_gone(groups: Sequence[int]) -> None:
        """Wait until killed processes have disappeared, so that none is left when the demo has ended."""
        deadline = time.monotonic() + 0.5
        for group in groups:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                while time.monotonic() < deadline:
                    os.killpg(group, 0)
                    time.sleep(0.01)


def write_private(path: Path, text: str) -> None:
    """Write a file atomically, readable by its owner only."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    beside.replace(path)
