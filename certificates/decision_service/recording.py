"""Record decisions in batches, in a thread of their own: no request waits for the database.

A process that is killed loses what it has decided since its last batch, for less than a second. While the database is away, the newest
decisions wait for it.
"""

import logging
import threading
from collections import deque
from collections.abc import Sequence

from django.db import InterfaceError, OperationalError, connection

from certificates.decision_service.records import record_of
from certificates.decision_service.service import Decided
from namespaces.connections.decided.taking import take_decisions

EVERY = 0.5  # seconds
AT_ONCE = 500  # decisions of one transaction: others can write in between
MOST_WAITING = 20_000

Waiting = tuple[Decided, str]
logger = logging.getLogger(__name__)


class Recorder(threading.Thread):
    """The thread that records. `put` is called in the event loop and costs nothing."""

    def __init__(self) -> None:
        super().__init__(name="record", daemon=True)
        self._waiting: deque[Waiting] = deque(maxlen=MOST_WAITING)
        self._stopped = threading.Event()
        self._is_away = False

    def put(self, decided: Decided, request_id: str) -> None:
        """Record a decision with the next batch. Beyond what may wait, the oldest are dropped."""
        self._waiting.append((decided, request_id))

    def run(self) -> None:
        while not self._stopped.wait(EVERY):
            self._record_all()
        self._record_all()
        connection.close()

    def stop(self) -> None:
        """End after what is waiting is recorded."""
        self._stopped.set()

    def _record_all(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
            left = self._record(batch)
            if left:
                room = max(0, MOST_WAITING - len(self._waiting))
                self._waiting.extendleft(reversed(left[max(0, len(left) - room) :]))
                return

    def _record(self, batch: Sequence[Waiting]) -> list[Waiting]:
        """Store a batch, each namespace in a transaction of its own. Return what the database did not take because it is away."""
        by_namespace: dict[int, list[Waiting]] = {}
        for each in batch:
            by_namespace.setdefault(each[0].namespace.parts.pk, []).append(each)
        left = []
        for pk, some in by_namespace.items():
            try:
                connection.close_if_unusable_or_obsolete()
                take_decisions(pk, [record_of(decided, request_id) for decided, request_id in some])
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
