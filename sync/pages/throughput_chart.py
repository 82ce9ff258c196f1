"""How many changes reached Azure in each minute of the last hour, as a line."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count

from portal.pages.buckets import Bucket
from portal.pages.charts import Line, line
from sync.models import PushRecord, Sight, of_seen_objects

MINUTE = timedelta(minutes=1)
MINUTES = 60


@dataclass(frozen=True)
class ThroughputChart:
    """`line.peak` is the number of changes in the busiest minute."""

    line: Line
    sent: int
    last_at: datetime | None


def throughput_chart(sight: Sight, *, at: datetime) -> ThroughputChart:
    """Return the changes that are seen and reached Azure in the hour before `at`, with one query."""
    start = at - MINUTES * MINUTE
    settled = PushRecord.objects.filter(settled_at__gt=start, settled_at__lte=at, outcome="succeeded")
    records = settled.filter(of_seen_objects(sight))
    rows = records.order_by().values_list(Bucket("settled_at", start, MINUTE)).annotate(sent=Count("pk"))
    sent = {min(minute, MINUTES - 1): count for minute, count in rows}
    last_at = start + (max(sent) + 1) * MINUTE if sent else None
    return ThroughputChart(line([sent.get(minute, 0) for minute in range(MINUTES)]), sum(sent.values()), last_at)
