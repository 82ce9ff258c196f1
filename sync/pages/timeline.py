"""One change on its way to Azure, step by step, with durations."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Min, QuerySet
from django.utils.dateparse import parse_datetime

from portal.models import Activity
from sync.models import PushRecord

FIRST_SHOWN, LAST_SHOWN = 5, 10  # pushes of one change; those in between become one step
REASONS_SHOWN = 3


@dataclass(frozen=True)
class Step:
    """One point of a timeline. `seconds` is how long it took; None where it has no length."""

    title: str  # "Queued", "Read from Azure", "Sent to Azure", "Azure's operation", "Read back", "Succeeded", …
    at: datetime
    seconds: float | None = None
    detail: str = ""
    request_id: str = ""  # ours, as Azure's logs show it
    azure_request_id: str = ""
    is_bad: bool = False
    code: str = ""  # an outcome of a push, a kind of request, "queued", "saved" or "more_tries"


_TITLES = {
    "read": "Read from Azure",
    "sent": "Sent to Azure",
    "read back": "Read back",
    "Azure's operation": "Azure's operation",
}
_ENDS = {
    "succeeded": "Succeeded",
    "still due": "Sent, more to do",
    "parked": "Rejected",
    "delayed": "Will be retried",
    "not claimed": "Taken over by another worker",
}


def timeline_of(entry: Activity) -> list[Step]:
    """Return the steps from saving a change until Azure had it, oldest first."""
    steps = [Step("Queued", entry.at, code="queued")]
    if entry.generation is None or entry.object_pk is None:
        return [Step("Saved", entry.at, code="saved")]
    first, between, last = _pushes_of(entry, entry.object_pk, entry.generation)
    if first:
        waited = max(first[0].claimed_at - entry.at, timedelta())
        steps = [Step("Queued", entry.at, waited.total_seconds(), code="queued")]
    for record in first:
        steps += _steps_of_push(record)
    if between is not None:
        steps.append(between)
    for record in last:
        steps += _steps_of_push(record)
    return steps


def _steps_of_push(record: PushRecord) -> list[Step]:
    is_bad = record.outcome in {"parked", "delayed"}
    end = Step(_ENDS[record.outcome], record.settled_at, detail=record.message, is_bad=is_bad, code=record.outcome)
    return [*(_step(kept) for kept in record.steps), end]


def _pushes_of(entry: Activity, pk: int, generation: int) -> tuple[list[PushRecord], Step | None, list[PushRecord]]:
    """Return the first pushes of this change, a summary of those in between, and the last ones."""
    records = PushRecord.objects.filter(
        kind=entry.kind, object_pk=pk, generation__gte=generation, settled_at__gte=entry.at
    ).order_by("id")
    ends = ["succeeded", "parked", *(["still due"] if entry.settled_at else [])]
    end = records.filter(outcome__in=ends).first()
    if end is not None:
        records = records.filter(id__lte=end.pk)
    shown = list(records[: FIRST_SHOWN + LAST_SHOWN + 1])
    if len(shown) <= FIRST_SHOWN + LAST_SHOWN:
        return shown, None, []
    first, last = shown[:FIRST_SHOWN], list(records.reverse()[:LAST_SHOWN])[::-1]
    between = records.filter(id__gt=first[-1].pk, id__lt=last[0].pk)
    return first, _summary(between) if between.exists() else None, last


def _summary(records: QuerySet[PushRecord]) -> Step:
    span = records.aggregate(count=Count("pk"), begin=Min("claimed_at"), end=Max("settled_at"))
    reasons = records.order_by().values_list("message").annotate(count=Count("pk")).order_by("-count", "message")
    said = "; ".join(f"{count} × {message}" for message, count in reasons[:REASONS_SHOWN] if message)
    tries = "1 more try" if span["count"] == 1 else f"{span['count']:,} more tries"
    seconds = (span["end"] - span["begin"]).total_seconds()
    return Step(tries, span["begin"], seconds, detail=said, is_bad=True, code="more_tries")


def _step(kept: dict[str, Any]) -> Step:
    status = kept["status"]
    answer = f"{kept['method']} → {status}" if status else f"{kept['method']}, no answer"
    at = parse_datetime(kept["at"])
    assert at is not None
    return Step(
        _TITLES[kept["step"]],
        at,
        seconds=kept["seconds"],
        detail=answer,
        request_id=kept["request_id"],
        azure_request_id=kept["azure_request_id"],
        is_bad=not 200 <= status < 300 and status != 404,
        code=kept["step"],
    )
