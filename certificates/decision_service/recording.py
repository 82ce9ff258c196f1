"""Hand decisions over to the process that records them. No request waits for it.

To record a decision costs as much as to make it, and Python computes in one thread at a time: so each process that decides has one
beside it that records. Both together lose what was decided within the last second when they are killed.
"""

import logging
import pickle
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence

from django.conf import settings

from certificates.decision_service.records import Recorded

EVERY = 0.1  # seconds
AT_ONCE = 100  # decisions in one message
MOST_WAITING = 20_000
AGAIN_SECONDS = 2.0  # until a recording process that ended is replaced
LENGTH_BYTES = 4  # before each message

logger = logging.getLogger(__name__)


class Recording(threading.Thread):
    """The thread that hands over. `put` is called in the event loop and costs nothing."""

    def __init__(self) -> None:
        super().__init__(name="record", daemon=True)
        self._waiting: deque[Recorded] = deque(maxlen=MOST_WAITING)
        self._stopped = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None

    def put(self, recorded: Recorded) -> None:
        """Record a decision. Beyond what may wait, the oldest are dropped."""
        self._waiting.append(recorded)

    def run(self) -> None:
        while not self._stopped.wait(EVERY):
            self._hand_over()
        self._hand_over()
        if self._child is not None and self._child.stdin is not None:
            self._child.stdin.close()  # it records what it has, and ends
            self._child.wait()

    def stop(self) -> None:
        """End after what is waiting is recorded."""
        self._stopped.set()

    def _hand_over(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
            message = _message(batch)
            if not message:
                continue
            try:
                if self._child is None:
                    self._child = _start()
                assert self._child.stdin is not None
                self._child.stdin.write(len(message).to_bytes(LENGTH_BYTES, "big") + message)
                self._child.stdin.flush()
            except OSError as fault:
                logger.warning("The process that records has ended and is replaced: %s", fault)
                self._child = None
                self._waiting.extendleft(reversed(batch))
                time.sleep(AGAIN_SECONDS)


def _message(batch: Sequence[Recorded]) -> bytes:
    """Return a batch as bytes; b"" for one that cannot be written, which must not stop all that follow."""
    try:
        return pickle.dumps(batch, pickle.HIGHEST_PROTOCOL)
    except Exception:
        logger.exception("%d decisions could not be recorded", len(batch))
        return b""


def _start() -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "certificates.decision_service.recorder"]
    return subprocess.Popen(command, cwd=settings.BASE_DIR, stdin=subprocess.PIPE)  # noqa: S603 - our own module
