"""The child's side of a supervised process: `python -m portal.demo.supervised_child FD MODULE [ARGUMENT…]` runs MODULE under guard.

FD is the reading end of a pipe whose writing end only the supervisor holds. However the supervisor ends, also by
`kill -9`, the pipe then reads end-of-file, and a guard ends the whole process group: MODULE and all it has started.
Linux could do this with PR_SET_PDEATHSIG; a pipe works everywhere.
"""

import contextlib
import os
import runpy
import signal
import sys
import time

GRACE_SECONDS = 3.0


def guard(pipe: int) -> None:
    """Fork a guard into this process group. It outlives its leader, so nothing can slip away with it."""
    leader = os.getpid()
    if os.fork() != 0:
        return
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        while os.read(pipe, 1):
            pass
    os.killpg(os.getpgrp(), signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    while os.getppid() == leader and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(os.getpgrp(), signal.SIGKILL)


def main() -> None:
    pipe, module, *arguments = sys.argv[1:]
    guard(int(pipe))
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
