"""`manage.py demo` in its own process, used as users and scripts use it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from portal.demo.state import StateFolder
from tests.support.database.migrated_database import kept_database
from tests.support.servers import own_broker
from tests.support.waiting import running_with, until

ROOT = Path(__file__).resolve().parent.parent.parent


class DemoProcess:
    """One run of the demo in the folder `state`, with bare namespaces unless `filled`. Its output goes to a file beside the folder."""

    def __init__(self, state: Path, *options: str, filled: bool = False) -> None:
        self.state = state
        self._output = state.with_name(f"{state.name}-output.txt")
        broker = [f"--broker={own_broker.URL}"] if own_broker.URL else []
        command = [sys.executable, "manage.py", "demo", f"--state={state}", *broker, *options]
        command += [] if filled else ["--empty"]
        environment = {k: v for k, v in os.environ.items() if k not in {"DJANGO_SETTINGS_MODULE", "PORTAL_STATE_DIR"}}
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )

    @property
    def output(self) -> str:
        return self._output.read_text(encoding="utf-8", errors="replace")

    @property
    def is_ready(self) -> bool:
        return (self.state / "endpoints.json").exists()

    def wait_ready(self, seconds: float = 240.0) -> dict[str, Any]:
        """Wait for endpoints.json and return its content."""
        until(lambda: self.is_ready or self.process.poll() is not None, "the demo is ready", seconds)
        assert self.process.poll() is None, f"The demo has ended:\n{self.output}\n{self._logs()}"
        endpoints: dict[str, Any] = json.loads((self.state / "endpoints.json").read_text())
        return endpoints

    def _logs(self) -> str:
        files = sorted((self.state / "logs").glob("*.log"))
        return "\n".join(f"--- {file.name}\n{file.read_text(errors='replace')[-2000:]}" for file in files)

    def pid_of(self, part: str) -> int:
        """Return the process id of "emulator", "worker" or "portal"."""
        return int(json.loads((self.state / "parts.json").read_text())[part])

    def left_over(self) -> list[int]:
        """Return the processes of this run, found by its state folder in their command line or environment."""
        return running_with(str(self.state))

    def wait_end(self, seconds: float = 120.0) -> int:
        return self.process.wait(seconds)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.wait_end()
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        own_broker.delete_queue(StateFolder(self.state).queue)


@contextmanager
def running_demo(state: Path, *options: str, filled: bool = False, migrated: bool = False) -> Iterator[DemoProcess]:
    """Run a demo on free ports for the block, and stop it at the end in any case.

    `migrated`: its database has been migrated before, which saves five seconds where the first start is not the subject.
    """
    if migrated:
        state.mkdir(mode=0o700)
        (state / "portal.sqlite3").write_bytes(kept_database().read_bytes())
    demo = DemoProcess(state, "--port=0", *options, filled=filled)
    try:
        yield demo
    finally:
        demo.stop()
