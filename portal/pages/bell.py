"""The bell: what others changed and what failed, in the namespaces one may see."""

from datetime import datetime

from django.db.models import Q, QuerySet
from django.utils import timezone

from portal.models import Activity, User
from portal.registry import visible_scopes

MOST_UNREAD = 100  # the badge says 99+
SHOWN = 30
MOST_LATE = 100  # namespaces told apart by since when one sees them: a statement may not grow without end


def visible_activity(user: User) -> QuerySet[Activity]:
    """Changes in the namespaces the user may see, and the user's own."""
    if user.is_superuser:
        return Activity.objects.all()
    return Activity.objects.filter(Q(scope__in=visible_scopes(user)) | Q(actor=user))


def seen_until(user: User) -> datetime:
    """What happened before the account existed is no news."""
    return user.activity_seen_at or user.date_joined


def _failed(user: User) -> QuerySet[Activity]:
    """What failed since the bell was last opened."""
    return visible_activity(user).filter(outcome=Activity.Outcome.FAILED, settled_at__gt=seen_until(user))


def _by_others(user: User) -> QuerySet[Activity]:
    """What other people have changed since then, in each namespace since one sees it."""
    seen = seen_until(user)
    rows = Activity.objects.filter(at__gt=seen, actor__isnull=False).exclude(actor=user)
    if user.is_superuser:
        return rows
    scopes = visible_scopes(user)
    rows = rows.filter(scope__in=scopes)
    late = sorted((since, pk) for pk, since in scopes.items() if since is not None and since > seen)
    for since, pk in late[-MOST_LATE:]:
        rows = rows.exclude(scope=pk, at__lt=since)
    return rows


def begin(user: User) -> None:
    """Who signs in for the first time has missed nothing: what others did before is no news to them."""
    if user.last_login is None:
        mark_seen(user)


def _pks(rows: QuerySet[Activity]) -> set[int]:
    return set(rows.order_by().values_list("pk", flat=True)[:MOST_UNREAD])


def unread_count(user: User) -> int:
    """How many are unread; never counts further than the badge shows. Every page asks this, so each half has its index:
    together, by OR, they would read the whole log."""
    unread = _pks(_failed(user))
    if len(unread) < MOST_UNREAD:
        unread |= _pks(_by_others(user))
    return min(len(unread), MOST_UNREAD)


def recent(user: User) -> list[tuple[Activity, bool]]:
    """The newest changes, each with whether it is unread."""
    rows = list(visible_activity(user).select_related("actor")[:SHOWN])
    shown = [row.pk for row in rows]
    unread = _pks(_failed(user).filter(pk__in=shown)) | _pks(_by_others(user).filter(pk__in=shown))
    return [(row, row.pk in unread) for row in rows]


def mark_seen(user: User, until: datetime | None = None) -> None:
    """Everything up to `until` has been seen: what came in while the list was open stays unread."""
    moment = min(until or timezone.now(), timezone.now())
    if moment > seen_until(user):
        user.activity_seen_at = moment
        user.save(update_fields=["activity_seen_at"])
