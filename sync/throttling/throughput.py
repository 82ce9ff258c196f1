"""Measured throughput of bulk pushes, from their records: the basis of estimates."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Q

from sync.models import PushRecord

MEASURED_OVER = timedelta(seconds=60)
ENOUGH = 20  # rows; fewer give no reliable measurement


@dataclass(frozen=True)
class Batch:
    """Pushes that were claimed together and settled together."""

    claimed_at: datetime
    settled_at: datetime
    count: int
    succeeded: int


def measured(scopes: Iterable[int], at: datetime) -> float | None:
    """Return rows per second sent to these namespaces in the last minute, or None when there were too few.

    Args:
        scopes: primary keys of namespaces.
        at: the current time.
    """
    recent = PushRecord.objects.filter(scope__in=list(scopes), settled_at__gt=at - MEASURED_OVER)
    batches = recent.values_list("claimed_at", "settled_at").annotate(
        count=Count("pk"), succeeded=Count("pk", filter=Q(outcome="succeeded"))
    )
    return rows_per_second([Batch(*each) for each in batches], crowd=max(settings.SYNC_IN_FLIGHT // 2, 1))


def rows_per_second(batches: Iterable[Batch], *, crowd: int) -> float | None:
    """Return rows per second while at least `crowd` pushes were in flight, or None when there were too few rows.

    Pauses and single changes do not count: one edit does not show how long a thousand take, which are sent in parallel.
    Times in which a budget allows only a few do not count either: the estimate takes budgets into account separately.
    """
    moments = sorted(
        moment
        for batch in batches
        for moment in (
            (batch.claimed_at, 1, batch.count, 0),  # after what is settled at the same moment
            (batch.settled_at, 0, -batch.count, batch.succeeded),
        )
    )
    rows, seconds, in_flight = 0, 0.0, 0
    before: datetime | None = None
    for at, _, change, succeeded in moments:
        if in_flight >= crowd and before is not None:
            seconds += (at - before).total_seconds()
            rows += succeeded
        in_flight += change
        before = at
    return rows / max(seconds, 0.1) if rows >= ENOUGH else None
