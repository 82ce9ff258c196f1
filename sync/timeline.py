"""The way of one change to Azure, step by step, with how long each took."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.dateparse import parse_datetime

from portal.models import Activity
from sync.calls import Call
from sync.models import PushRecord

RECORDS_SHOWN = 20


def steps_of(calls: Sequence[Call]) -> list[dict[str, Any]]:
    """The requests of one push as plain JSON, to be kept."""
    steps = []
    wrote = False
    for call in calls:
        if call.method == "GET":
            step = "read back" if wrote else "read"
            if "/operation" in call.path.lower():
                step = "Azure's operation"
        else:
            step, wrote = "sent", True
        steps.append(
            {
                "step": step,
                "method": call.method,
                "status": call.status,
                "request_id": call.request_id,
                "azure_request_id": call.azure_request_id,
                "at": call.at.isoformat(),
                "seconds": round(call.seconds, 4),
            }
        )
    return steps


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


_TITLES = {
    "read": "Read from Azure",
    "sent": "Sent to Azure",
    "read back": "Read back",
    "Azure's operation": "Azure's operation",
}
_ENDS = {
    "succeeded": "Succeeded",
    "still due": "Sent, and goes on",
    "parked": "Refused",
    "delayed": "Will be tried again",
    "not claimed": "Taken over by another worker",
}


def timeline_of(entry: Activity) -> list[Step]:
    """From the moment a change was saved until Azure had it, oldest step first. The change's activity entry names it."""
    steps = [Step("Queued", entry.at)]
    if entry.generation is None or entry.object_pk is None:
        return [Step("Saved", entry.at)]
    for record in _records_of(entry, entry.object_pk, entry.generation):
        if steps[-1].title == "Queued":
            waited = max(record.claimed_at - entry.at, timedelta())
            steps[-1] = Step("Queued", entry.at, waited.total_seconds())
        steps += [_step(kept) for kept in record.steps]
        is_bad = record.outcome in {"parked", "delayed"}
        steps.append(Step(_ENDS[record.outcome], record.settled_at, detail=record.message, is_bad=is_bad))
    return steps


def _records_of(entry: Activity, pk: int, generation: int) -> list[PushRecord]:
    """Pushes that carried this change: from its generation to the first that ended it."""
    records = PushRecord.objects.filter(
        kind=entry.kind, object_pk=pk, generation__gte=generation, settled_at__gte=entry.at
    )
    found = []
    for record in records.order_by("id")[:RECORDS_SHOWN]:
        found.append(record)
        if record.outcome in {"succeeded", "parked"} or (record.outcome == "still due" and entry.settled_at):
            break
    return found


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
    )
