"""Telling a worker that there is something to do. Always a hint: what is to do stands in the database."""

import logging

from celery import current_app
from django.db import transaction

from sync.models import SyncedModel

logger = logging.getLogger(__name__)


def send_on_commit(task: str, *args: object) -> None:
    """Send a task, by name, once the running transaction is committed.

    A broker that is away never fails a request: a periodic task finds what its message would have told.
    """

    def send() -> None:
        try:
            current_app.send_task(task, args=args)
        except Exception:  # every broker library raises errors of its own
            logger.warning("No broker for %s%s; the next sweep finds it.", task, args, exc_info=True)

    transaction.on_commit(send, robust=True)


def hint_on_commit(row: SyncedModel) -> None:
    """Tell a worker, once the transaction is committed, that the row is due."""
    send_on_commit("sync.tasks.push", row.kind, row.pk)
