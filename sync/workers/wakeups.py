"""Wake a worker by a message. The message is only a hint: the database holds what is to be done."""

import time
from functools import partial

from django.db import transaction

from portal.celery import send
from sync.models import SyncedModel

WAKE_INTERVAL = 0.2  # seconds
_woken_at = 0.0


def send_on_commit(task: str, *args: object) -> None:
    """Send a task by name when the current transaction is committed.

    An unreachable broker never fails a request: a periodic task finds the same work.
    """
    transaction.on_commit(partial(send, task, *args), robust=True)


def wake_on_commit(row: SyncedModel) -> None:
    """Wake a worker when the current transaction is committed, once for all rows of the transaction."""
    connection = transaction.get_connection()
    if not any(function is _wake for _, function, _ in connection.run_on_commit):
        transaction.on_commit(_wake, robust=True)


def _wake() -> None:
    """Send at most one message per WAKE_INTERVAL, since a worker that wakes pushes everything that is due.

    A worker keeps checking for `pump.LINGER` seconds after the last row. That is longer than WAKE_INTERVAL, so rows that
    are saved right after a message need no message of their own.
    """
    global _woken_at
    now = time.monotonic()
    if now - _woken_at < WAKE_INTERVAL:
        return
    _woken_at = now
    send("sync.tasks.pump")
