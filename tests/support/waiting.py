"""Waiting for what other processes do, with a deadline instead of a sleep."""

import os
import time
from collections.abc import Callable
from pathlib import Path


def until(condition: Callable[[], bool], what: str, seconds: float = 20.0, *, every: float = 0.02) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"Waited {seconds:.0f} s in vain: {what}"
        time.sleep(every)


def is_running(pid: int) -> bool:
    """False also for a zombie: it only waits to be collected."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    try:
        return not stat.parent.parent.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def running_with(text: str) -> list[int]:
    """Processes whose command line names `text`, such as a state folder, or that have it in their environment."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            said = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
        except OSError:
            continue
        if text.encode() in said and int(entry.name) != os.getpid() and is_running(int(entry.name)):
            found.append(int(entry.name))
    return found
