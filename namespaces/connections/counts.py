"""Count connection attempts by hour and reason, and remember who was refused."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db.models import F

from namespaces.models import ConnectionAttempt, ConnectionCount, RefusedName

KEPT = timedelta(days=31)
AHEAD = timedelta(hours=1)  # how far the endpoint's clock may be ahead of ours
MOST_REASONS = 40  # counted apart in one hour; codes come from the endpoint
MOST_NAMES = 2_000  # kept for each namespace: whoever is refused may invent them
OTHER = "other"


def hour_of(moment: datetime) -> datetime:
    """Return the beginning of the hour."""
    return moment.replace(minute=0, second=0, microsecond=0)


def count_attempts(namespace_pk: int, attempts: Sequence[ConnectionAttempt], *, at: datetime) -> None:
    """Add attempts to the counts of their hours. The caller holds the lock on the namespace's row, and passes each once.

    Args:
        attempts: attempts that were not counted before.
        at: the current time. Attempts that are older than what is kept, or later than now, are not counted.
    """
    counted = [attempt for attempt in attempts if at - KEPT < attempt.at <= at + AHEAD]
    if not counted:
        return
    by_hour = Counter((hour_of(each.at), "" if each.accepted else each.code or OTHER) for each in counted)
    rows = ConnectionCount.objects.filter(namespace=namespace_pk)
    present = set(rows.filter(hour__in={hour for hour, _ in by_hour}).values_list("hour", "code"))
    is_new_hour = False
    for (hour, code), count in sorted(by_hour.items()):
        key = (hour, code if _has_room(present, hour, code) else OTHER)
        if key in present:
            rows.filter(hour=hour, code=key[1]).update(count=F("count") + count)
        else:
            is_new_hour = is_new_hour or hour not in {known for known, _ in present}
            ConnectionCount.objects.create(namespace_id=namespace_pk, hour=hour, code=key[1], count=count)
            present.add(key)
    _remember_refused(namespace_pk, [attempt for attempt in counted if not attempt.accepted])
    if is_new_hour:
        _forget_old(namespace_pk, at)


def recount(namespace_pk: int, moved: Iterable[tuple[datetime, str, str]]) -> None:
    """Count attempts under another code than before. Each is its moment, and the codes before and after: "" for accepted."""
    rows = ConnectionCount.objects.filter(namespace=namespace_pk)
    for (hour, former, code), count in Counter((hour_of(at), before, after) for at, before, after in moved).items():
        if rows.filter(hour=hour, code=former, count__gte=count).update(count=F("count") - count):
            row, is_new = rows.get_or_create(
                hour=hour, code=code, defaults={"namespace_id": namespace_pk, "count": count}
            )
            if not is_new:
                rows.filter(pk=row.pk).update(count=F("count") + count)


def _has_room(present: Iterable[tuple[datetime, str]], hour: datetime, code: str) -> bool:
    """Return whether a reason is counted by its own code in this hour."""
    codes = {known for of_hour, known in present if of_hour == hour}
    return not code or code in codes or len(codes) < MOST_REASONS


def _remember_refused(namespace_pk: int, refused: Sequence[ConnectionAttempt]) -> None:
    newest: dict[tuple[str, str], RefusedName] = {}
    for each in sorted(refused, key=lambda attempt: attempt.at):
        code, name = each.code or OTHER, each.client_name or each.user_name
        newest[code, name] = RefusedName(
            namespace_id=namespace_pk, code=code, name=name, is_client=bool(each.client_name), last_at=each.at
        )
    rows = RefusedName.objects.filter(namespace=namespace_pk, name__in={name for _, name in newest})
    for code, name, last_at in rows.values_list("code", "name", "last_at"):
        row = newest.get((code, name))
        if row is not None and row.last_at < last_at:
            del newest[code, name]
    RefusedName.objects.bulk_create(
        newest.values(),
        update_conflicts=True,
        unique_fields=["namespace", "code", "name"],
        update_fields=["last_at", "is_client"],
    )


def _forget_old(namespace_pk: int, at: datetime) -> None:
    """Drop what no page shows any more, once in an hour."""
    ConnectionCount.objects.filter(namespace=namespace_pk, hour__lt=hour_of(at - KEPT)).delete()
    names = RefusedName.objects.filter(namespace=namespace_pk)
    names.filter(last_at__lt=at - KEPT).delete()
    oldest_kept = names.order_by("-last_at").values_list("last_at", flat=True)[MOST_NAMES - 1 : MOST_NAMES].first()
    if oldest_kept is not None:
        names.filter(last_at__lt=oldest_kept).delete()
