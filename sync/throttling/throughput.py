"""How fast pushes land while many go at once, measured from their records: what an estimate may build on."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Q

from sync.models import PushRecord

MEASURED_OVER = timedelta(seconds=60)
ENOUGH = 20  # rows: fewer tell nothing


@dataclass(frozen=True)
class Flight:
    """Pushes that were claimed together and settled together."""

    claimed_at: datetime
    settled_at: datetime
    count: int
    succeeded: int


def measured(scopes: Iterable[int], at: datetime) -> float | None:
    """Rows per second that have reached these namespaces lately; None when there were too few to tell."""
    recent = PushRecord.objects.filter(scope__in=list(scopes), settled_at__gt=at - MEASURED_OVER)
    flights = recent.values_list("claimed_at", "settled_at").annotate(
        count=Count("pk"), succeeded=Count("pk", filter=Q(outcome="succeeded"))
    )
    return speed_of([Flight(*each) for each in flights], crowd=max(settings.SYNC_IN_FLIGHT // 2, 1))


def speed_of(flights: Iterable[Flight], *, crowd: int) -> float | None:
    """Rows per second while at least `crowd` were on their way.

    Pauses do not count, and neither do single changes: what one edit takes says nothing about a thousand, which go side
    by side. The time while a budget lets only a few go does not count either; an estimate knows the budgets itself.
    """
    moments = sorted(
        moment
        for flight in flights
        for moment in (
            (flight.claimed_at, 1, flight.count, 0),  # after what is settled at the same moment
            (flight.settled_at, 0, -flight.count, flight.succeeded),
        )
    )
    rows, seconds, flying = 0, 0.0, 0
    before: datetime | None = None
    for at, _, change, succeeded in moments:
        if flying >= crowd and before is not None:
            seconds += (at - before).total_seconds()
            rows += succeeded
        flying += change
        before = at
    return rows / max(seconds, 0.1) if rows >= ENOUGH else None
