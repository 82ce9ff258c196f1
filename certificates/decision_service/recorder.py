"""The process beside one that decides: it stores what that hands over, in batches, and ends with it.

    python -m certificates.decision_service.recorder

While the database is away, the newest decisions wait for it.
"""

import logging
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from certificates.decision_service.messages import message_of, read_messages, write_message

if TYPE_CHECKING:
    from certificates.decision_service.records import Recorded

    Numbered = tuple[int, Recorded]

EVERY = 0.4  # seconds
AT_ONCE = 500  # decisions of one transaction: others can write in between
MOST_WAITING = 20_000
NICENESS = 5  # those that decide go first

logger = logging.getLogger("certificates.decision_service.recorder")


class Recorder(threading.Thread):
    """The thread that stores."""

    def __init__(self) -> None:
        super().__init__(name="store")
        self._waiting: deque[Numbered] = deque(maxlen=MOST_WAITING)
        self._stopped = threading.Event()
        self._is_away = False

    def put(self, batch: Sequence["Numbered"]) -> None:
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
            kept = {number for number, _ in left}
            self._confirm([number for number, _ in batch if number not in kept])
            if left:
                room = max(0, MOST_WAITING - len(self._waiting))
                self._waiting.extendleft(reversed(left[max(0, len(left) - room) :]))
                return

    def _confirm(self, numbers: Sequence[int]) -> None:
        with suppress(OSError):  # the other process was killed
            write_message(sys.stdout.buffer, message_of(numbers))

    def _store(self, batch: Sequence["Numbered"]) -> list["Numbered"]:
        """Store a batch, each namespace in a transaction of its own. Return what the database did not take because it is away."""
        from django.db import InterfaceError, OperationalError, ProgrammingError, connection

        from certificates.decision_service.records import decision_record
        from namespaces.connections.decided.taking import take_decisions

        by_namespace: dict[int, list[Numbered]] = {}
        for each in batch:
            by_namespace.setdefault(each[1].namespace_pk, []).append(each)
        left = []
        for pk, some in by_namespace.items():
            try:
                connection.close_if_unusable_or_obsolete()
                take_decisions(pk, [decision_record(recorded) for _, recorded in some])
            except (OperationalError, InterfaceError) as fault:
                connection.close()
                left += some
                if not self._is_away:
                    logger.warning("Decisions cannot be recorded and wait: %s", fault)
            except Exception as fault:
                logger.exception("%d decisions could not be recorded", len(some))
                connection.close()
                # One that cannot be recorded must not hide the others; a table that is missing hides them all.
                if len(some) > 1 and not isinstance(fault, ProgrammingError):
                    for each in some:
                        left += self._store([each])
        self._is_away = bool(left)
        return left


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):  # it ends with the process beside it
        signal.signal(number, signal.SIG_IGN)
    os.nice(NICENESS)
    recorder = Recorder()
    recorder.start()
    try:
        for batch in read_messages(sys.stdin.buffer):
            recorder.put(batch)
    finally:
        recorder.stop()
        recorder.join()


if __name__ == "__main__":
    import django

    django.setup()
    main()
