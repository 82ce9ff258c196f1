"""The hello beside the service, another process with the same certificate and the same authority, and what the service's do."""

import json
import os
import signal
import socket
import sqlite3
import ssl
import statistics
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.support.waiting import until

RECORDED_SECONDS = 120.0
QUIET_SECONDS = 1.5  # longer than a recording process waits for more


class HelloServer:
    """A hello of `kind` on a free port."""

    def __init__(self, portal: Any, kind: str, processes: int, caller: dict[str, Any]) -> None:
        self.ca = portal.ca
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = int(self._listener.getsockname()[1])
        descriptor = self._listener.fileno()
        certificate = [portal.certificate, portal.key]
        command = [sys.executable, "-m", "benchmarks.decision.hello", kind, f"fd://{descriptor}", str(processes)]
        environment = os.environ | {"DJANGO_SETTINGS_MODULE": "portal.settings", "BENCH_CALLER": json.dumps(caller)}
        self._process = subprocess.Popen([*command, *certificate], env=environment, pass_fds=[descriptor])
        until(self._answers, "the hello answers")

    def _answers(self) -> bool:
        context = ssl.create_default_context(cafile=self.ca)
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as plain:
                with context.wrap_socket(plain, server_hostname="127.0.0.1"):
                    return True
        except OSError:
            return False

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(60)
        self._listener.close()


def until_recorded(database: Path) -> None:
    """Wait until what was decided is recorded: it would take processor time from what is measured next."""
    newest: list[int] = []

    def nothing_new() -> bool:
        with closing(sqlite3.connect(database, timeout=30)) as connection:
            (found,) = connection.execute("SELECT max(cursor) FROM namespaces_connectionattempt").fetchone()
        newest.append(found)
        return len(newest) > 1 and newest[-1] == newest[-2]

    until(nothing_new, "what was decided is recorded", RECORDED_SECONDS, every=QUIET_SECONDS)


def memory_of_processes(pid: int) -> float:
    """Return the megabytes of own memory of a process that decides, the median of those that the service `pid` has started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return statistics.median(_own_kilobytes(child) for child in children) / 1024


def _own_kilobytes(pid: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:"))
