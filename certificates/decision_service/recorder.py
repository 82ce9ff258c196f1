"""The process beside one that decides: it stores what that hands over, in batches, and ends with it.

    python -m certificates.decision_service.recorder

While the database is away, the newest decisions wait for it.
"""

import logging
import os
import pickle
import signal
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from certificates.decision_service.records import Recorded

EVERY = 0.4  # seconds
AT_ONCE = 500  # decisions of one transaction: others can write in between
MOST_WAITING = 20_000
LENGTH_BYTES = 4  # before each message
NICENESS = 5  # those that decide go first

logger = logging.getLogger("certificates.decision_service.recorder")


def messages(stream: BinaryIO) -> Iterator[list["Recorded"]]:
    """Yield what is handed over, until the other process ends. Its own process wrote it: nothing else has this pipe."""
    while length := stream.read(LENGTH_BYTES):
        message = stream.read(int.from_bytes(length, "big"))
        try:
            yield pickle.loads(message)  # noqa: S301 - written by our own process
        except (EOFError, pickle.UnpicklingError):
            return  # it was killed while it wrote


class Recorder(threading.Thread):
    """The thread that stores."""

    def __init__(self) -> None:
        super().__init__(name="store")
        self._waiting: deque[Recorded] = deque(maxlen=MOST_WAITING)
        self._stopped = threading.Event()
        self._is_away = False

    def put(self, batch: Sequence["Recorded"]) -> None:
        self._waiting.extend(batch)

    def run(self) -> None:
        while not self._stopped.wait(EVERY):
            self.store_all()
        self.store_all()

    def stop(self) -> None:
        self._stopped.set()

    def store_all(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
            left = self._store(batch)
            if left:
                room = max(0, MOST_WAITING - len(self._waiting))
                self._waiting.extendleft(reversed(left[max(0, len(left) - room) :]))
                return

    def _store(self, batch: Sequence["Recorded"]) -> list["Recorded"]:
        """Store a batch, each namespace in a transaction of its own. Return what the database did not take because it is away."""
        from django.db import InterfaceError, OperationalError, connection

        from certificates.decision_service.records import decision_record
        from namespaces.connections.decided.taking import take_decisions

        by_namespace: dict[int, list[Recorded]] = {}
        for each in batch:
            by_namespace.setdefault(each.namespace_pk, []).append(each)
        left = []
        for pk, some in by_namespace.items():
            try:
                connection.close_if_unusable_or_obsolete()
                take_decisions(pk, [decision_record(each) for each in some])
            except (OperationalError, InterfaceError) as fault:
                connection.close()
                left += some
                if not self._is_away:
                    logger.warning("Decisions cannot be recorded and wait: %s", fault)
            except Exception:
                logger.exception("%d decisions could not be recorded", len(some))
                connection.close()
        self._is_away = bool(left)
        return left


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):  # it ends with the process beside it
        signal.signal(number, signal.SIG_IGN)
    os.nice(NICENESS)
    recorder = Recorder()
    recorder.start()
    for batch in messages(sys.stdin.buffer):
        recorder.put(batch)
    recorder.stop()
    recorder.join()


if __name__ == "__main__":
    import django

    django.setup()
    main()
