"""Telling a worker that there is something to do. Always a hint: what is to do stands in the database."""

import time
from functools import partial

from django.db import transaction

from portal.celery import send
from sync.models import SyncedModel

HINT_EVERY = 0.2  # seconds
_hinted_at = 0.0


def send_on_commit(task: str, *args: object) -> None:
    """Send a task, by name, once the running transaction is committed.

    A broker that is away never fails a request: a periodic task finds what its message would have told.
    """

    transaction.on_commit(partial(send, task, *args), robust=True)


def hint_on_commit(row: SyncedModel) -> None:
    """Tell a worker, once the transaction is committed, that something is due: once for all rows of a transaction."""
    connection = transaction.get_connection()
    if not any(function is _wake for _, function, _ in connection.run_on_commit):
        transaction.on_commit(_wake, robust=True)


def _wake() -> None:
    """One message wakes a worker, and that looks for everything that is due. Many at once need no message each.

    A worker goes on looking for a moment after it has found nothing (pump.LINGER, which is longer than HINT_EVERY), so
    what is saved right after a hint is found without one.
    """
    global _hinted_at
    now = time.monotonic()
    if now - _hinted_at < HINT_EVERY:
        return
    _hinted_at = now
    send("sync.tasks.pump")
