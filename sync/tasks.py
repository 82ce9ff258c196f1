"""Tasks: thin, quiet when the row is gone or settled. The row is the queue; a message is only a hint."""

import logging

from celery import shared_task
from django.db.models import F
from django.utils import timezone

from sync import connections, leases, rechecks, reconcile, registry
from sync.reconcile import Pushed

logger = logging.getLogger(__name__)

SWEPT_AT_ONCE = 200
DELAYS_BEFORE_GIVING_UP = 3  # Azure is away: the other rows would only meet the same timeouts
PUSHES_IN_A_ROW = 5


@shared_task
def push(label: str, pk: int) -> None:
    """Bring one row to Azure, again when it was edited meanwhile."""
    try:
        row = registry.model_for(label)._default_manager.filter(pk=pk).first()
    except LookupError:
        logger.warning("A message names %s, which is not synced.", label)
        return
    for _ in range(PUSHES_IN_A_ROW):
        if row is None or reconcile.push(row) is not Pushed.STILL_DUE:
            return


@shared_task
def sweep() -> None:
    """Push due rows whose hint was lost, or whose time to try again has come."""
    with leases.held("sweep", seconds=600) as alone:
        if alone:
            rechecks.make_due(timezone.now())
            for model in registry.models():
                _sweep_model(label=model._meta.label_lower)


def _sweep_model(label: str) -> None:
    rows = registry.model_for(label)._default_manager
    due = rows.due(timezone.now()).order_by(F("next_attempt_at").asc(nulls_first=True), "pk")  # type: ignore[attr-defined]
    delayed = 0
    for row in due[:SWEPT_AT_ONCE]:
        try:
            delayed += reconcile.push(row) is Pushed.DELAYED
        except Exception:  # one bad row must not stop the sweep
            logger.exception("%s %s could not be pushed.", label, row.pk)
        if delayed >= DELAYS_BEFORE_GIVING_UP:
            return


@shared_task
def take_in_connections() -> None:
    """Read the connection log on from where it was read."""
    with leases.held("connections", seconds=120) as alone:
        if alone:
            connections.take_in()
