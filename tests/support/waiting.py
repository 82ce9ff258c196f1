"""Wait for other processes with a deadline instead of a sleep."""

import os
import time
from collections.abc import Callable
from pathlib import Path


def until(condition: Callable[[], bool], what: str, seconds: float = 60.0, *, every: float = 0.02) -> None:
    """Wait until the condition is true; fail after so many seconds. `what` completes "Timed out waiting until …"."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"Timed out after {seconds:.0f} s waiting until {what}"
        time.sleep(every)


def is_running(pid: int) -> bool:
    """Return whether a process runs. A zombie does not: it only waits to be collected."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    try:
        return not stat.parent.parent.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def children_of(pid: int) -> list[int]:
    """Return the processes that a process has started and not collected."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == pid:
            found.append(int(entry.name))
    return found


def running_with(text: str) -> list[int]:
    """Return the processes with `text`, such as a state folder, in their command line or environment."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            found_in = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
        except OSError:
            continue
        if text.encode() in found_in and int(entry.name) != os.getpid() and is_running(int(entry.name)):
            found.append(int(entry.name))
    return found
