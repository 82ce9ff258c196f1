"""The bell: what others changed and what failed, in the namespaces one may see."""

from datetime import datetime

from django.db.models import Q, QuerySet
from django.utils import timezone

from portal.models import Activity, User
from portal.registry import visible_scopes

MOST_UNREAD = 100  # the badge says 99+
SHOWN = 30


def visible_activity(user: User) -> QuerySet[Activity]:
    """Changes in the namespaces the user may see, and the user's own."""
    if user.is_superuser:
        return Activity.objects.all()
    return Activity.objects.filter(Q(scope__in=visible_scopes(user)) | Q(actor=user))


def seen_until(user: User) -> datetime:
    """What happened before the account existed is no news."""
    return user.activity_seen_at or user.date_joined


def _unread(user: User) -> QuerySet[Activity]:
    """Since the bell was last opened: changes by other people, and whatever failed."""
    since = seen_until(user)
    failed = Q(outcome=Activity.Outcome.FAILED, settled_at__gt=since)
    by_others = Q(at__gt=since, actor__isnull=False) & ~Q(actor=user)
    return visible_activity(user).filter(failed | by_others)


def unread_count(user: User) -> int:
    """How many are unread; never counts further than the badge shows."""
    return len(_unread(user).order_by().values_list("pk", flat=True)[:MOST_UNREAD])


def recent(user: User) -> list[tuple[Activity, bool]]:
    """The newest changes, each with whether it is unread."""
    rows = list(visible_activity(user).select_related("actor")[:SHOWN])
    unread = set(_unread(user).filter(pk__in=[row.pk for row in rows]).values_list("pk", flat=True))
    return [(row, row.pk in unread) for row in rows]


def mark_seen(user: User, until: datetime | None = None) -> None:
    """Everything up to `until` has been seen: what came in while the list was open stays unread."""
    moment = min(until or timezone.now(), timezone.now())
    if moment > seen_until(user):
        user.activity_seen_at = moment
        user.save(update_fields=["activity_seen_at"])
