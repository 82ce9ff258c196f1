"""Which row may hold a value in Azure, or held it a moment ago, so that a refusal of another row need not last."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sync.models.records import PushRecord
from sync.models.synced import SyncedQuerySet

_ENDED = ("succeeded", "still due", "parked")  # outcomes of pushes that Azure has answered


def former_holder(
    rows: SyncedQuerySet, *, scope: int, field: str, value: str, since: datetime, besides: int = 0
) -> str:
    """Return the name of a row that may hold `value` in Azure, or has let go of it since; "" if there is none.

    Args:
        rows: rows of one model in the namespace whose pushes may still go on.
        scope: primary key of the namespace.
        field: key of `describe`.
        value: compared without regard to case.
        since: the time (UTC) from which pushes that have ended count.
        besides: primary key of a row that does not count.
    """
    unknown = rows.unknown().exclude(pk=besides).order_by("pk")
    for name, sent, replaced in unknown.values_list("name", "sent_states", "replaced_state").iterator():
        if _holder_in([replaced, *(each["state"] for each in sent)], field, value) is not None:
            return str(name)
    kind = rows.model._meta.label_lower
    ended = PushRecord.objects.filter(kind=kind, scope=scope, outcome__in=_ENDED, settled_at__gte=since)
    ended = ended.exclude(object_pk=besides).filter(former_states__isnull=False).order_by("-pk")
    for states in ended.values_list("former_states", flat=True).iterator():
        held = _holder_in(states or (), field, value)
        if held is not None:
            return str(held["name"])
    return ""


def _holder_in(states: Iterable[Any], field: str, value: str) -> Any:
    return next((state for state in states if state and str(state.get(field, "")).lower() == value.lower()), None)
