"""Hand decisions over to the process that records them. No request waits for it.

To record a decision costs as much as to make it, and Python computes in one thread at a time: so each process that decides has one
beside it that records. What that has not confirmed is kept, and handed to its successor if it ends. A process that decides and is
killed loses what it had not handed over: less than a second.
"""

import logging
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from itertools import count

from django.conf import settings

from certificates.decision_service.messages import message_of, read_messages, write_message
from certificates.decision_service.records import Recorded

EVERY = 0.1  # seconds
AT_ONCE = 100  # decisions in one message
MOST_WAITING = 20_000
AGAIN_SECONDS = 2.0  # until a recording process that ended is replaced

logger = logging.getLogger(__name__)


class Recording(threading.Thread):
    """The thread that hands over. `put` is called in the event loop and costs nothing."""

    def __init__(self) -> None:
        super().__init__(name="record", daemon=True)
        self._waiting: deque[Recorded] = deque(maxlen=MOST_WAITING)
        self._stopped = threading.Event()
        self._numbers = count(1)
        self._lock = threading.Lock()
        self._handed: dict[int, Recorded] = {}  # over, and not confirmed
        self._child: subprocess.Popen[bytes] | None = None
        self._not_before = 0.0

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
        if self._child is not None and self._child.poll() is not None:
            self._replace("it ended")
        while self._waiting and time.monotonic() >= self._not_before:
            batch = {next(self._numbers): self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))}
            message = _message(list(batch.items()))
            if not message:
                continue
            with self._lock:
                self._handed |= batch
                for number in list(self._handed)[: max(0, len(self._handed) - MOST_WAITING)]:
                    del self._handed[number]
            try:
                child = self._child = self._child or self._start()
                assert child.stdin is not None
                write_message(child.stdin, message)
            except OSError as fault:
                self._replace(str(fault))

    def _replace(self, why: str) -> None:
        """Forget a process that ended, and take back what it has not confirmed."""
        logger.warning("The process that records is replaced: %s", why)
        self._child, self._not_before = None, time.monotonic() + AGAIN_SECONDS
        with self._lock:
            back, self._handed = list(self._handed.values()), {}
        room = max(0, MOST_WAITING - len(self._waiting))
        self._waiting.extendleft(reversed(back[max(0, len(back) - room) :]))

    def _start(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "certificates.decision_service.recorder"]
        child = subprocess.Popen(  # noqa: S603 - our own module
            command, cwd=settings.BASE_DIR, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        threading.Thread(target=self._take_confirmations, args=[child], name="confirmed", daemon=True).start()
        return child

    def _take_confirmations(self, child: "subprocess.Popen[bytes]") -> None:
        assert child.stdout is not None
        for numbers in read_messages(child.stdout):
            with self._lock:
                for number in numbers:
                    self._handed.pop(number, None)


def _message(batch: Sequence[tuple[int, Recorded]]) -> bytes:
    """Return a batch as bytes; b"" for one that cannot be written, which must not stop all that follow."""
    try:
        return message_of(batch)
    except Exception:
        logger.exception("%d decisions could not be recorded", len(batch))
        return b""
