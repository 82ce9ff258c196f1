"""The bell: notices to the user, changes by others and failures in the namespaces that the user may see.

One's own changes are shown while they are on their way and where they failed.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from portal.activity import NO_NEWS, seen_until
from portal.models import Activity, Notice, User
from portal.registry import VisibleScopes, activity_pages, may_get, visible_scopes

# Outcomes of one's own changes that are no news.
ROUTINE = (Activity.Outcome.SUCCEEDED, Activity.Outcome.LOCAL, Activity.Outcome.SUPERSEDED)
MOST_UNREAD = 100  # the badge says 99+
SHOWN = 30
ALL, NEEDS, TEAM = "all", "needs", "team"
VIEWS = ((ALL, "All"), (NEEDS, "Needs me"), (TEAM, "My teams"))
MOST_LATE = 100  # namespaces filtered by the date the user got access, which bounds the SQL statement


def _visible_activity(user: User, scopes: VisibleScopes) -> QuerySet[Activity]:
    """Return the changes in the namespaces that the user may see, and the user's own. Sign-ins and downloads are no news."""
    rows = Activity.objects.exclude(kind__in=NO_NEWS)
    if user.is_superuser:
        return rows
    return _not_hidden(rows.filter(Q(scope__in=scopes) | Q(actor=user)), scopes)


def _scopes(user: User) -> VisibleScopes:
    """Return the namespaces that the user may see. Administrators see all, which no query here names."""
    return VisibleScopes() if user.is_superuser else visible_scopes(user)


def _not_hidden(rows: QuerySet[Activity], scopes: VisibleScopes) -> QuerySet[Activity]:
    return rows if scopes.hidden is None else rows.exclude(scopes.hidden)


def _failed(user: User, scopes: VisibleScopes) -> QuerySet[Activity]:
    """Return what failed since the user last read the notifications."""
    return _visible_activity(user, scopes).filter(outcome=Activity.Outcome.FAILED, settled_at__gt=seen_until(user))


def _by_others(user: User, scopes: VisibleScopes) -> QuerySet[Activity]:
    """Return what other users changed since then, in each namespace only since the user got access."""
    seen = seen_until(user)
    rows = Activity.objects.filter(at__gt=seen, actor__isnull=False).exclude(kind__in=NO_NEWS).exclude(actor=user)
    if user.is_superuser:
        return rows
    news = _not_hidden(rows.filter(scope__in=scopes), scopes)
    late = sorted((since, pk) for pk, since in scopes.items() if since is not None and since > seen)
    for since, pk in late[-MOST_LATE:]:
        news = news.exclude(scope=pk, at__lt=since)
    return news


def _notices(user: User, scopes: VisibleScopes) -> QuerySet[Notice]:
    """Return the notices for the user, apart from those about namespaces that the user may no longer see."""
    rows = Notice.objects.filter(recipients__user=user, recipients__in_bell=True)
    if user.is_superuser:
        return rows
    return rows.filter(Q(scope=None) | Q(scope__in=scopes))


def _pks(rows: QuerySet[Activity] | QuerySet[Notice]) -> set[int]:
    return set(rows.order_by().values_list("pk", flat=True)[:MOST_UNREAD])


def unread_count(user: User) -> int:
    """Return the number of unread entries, counted only as far as the badge shows.

    Every page calls this, so each part uses its own index: joined by OR they would read the whole log.
    """
    scopes = _scopes(user)
    notices = len(_pks(_notices(user, scopes).filter(at__gt=seen_until(user))))
    unread = _pks(_failed(user, scopes)) if notices < MOST_UNREAD else set()
    if notices + len(unread) < MOST_UNREAD:
        unread |= _pks(_by_others(user, scopes))
    return min(notices + len(unread), MOST_UNREAD)


@dataclass(frozen=True)
class BellEntry:
    """One entry of the bell: a notice, or a change from the activity log."""

    at: datetime
    newest: datetime  # until when it has to be read
    is_unread: bool
    notice: Notice | None = None
    change: Activity | None = None
    url: str = ""  # of the page of what was changed, while there is one


def recent(user: User, view: str = ALL) -> list[BellEntry]:
    """Return the newest notices and changes.

    `view`: NEEDS are notices and what Azure rejected; TEAM is what belongs to the user's teams; anything else is ALL.
    """
    scopes = _scopes(user)
    found = [*_recent_notices(user, scopes, view), *_recent_changes(user, scopes, view)]
    return sorted(found, key=lambda entry: entry.at, reverse=True)[:SHOWN]


def _recent_notices(user: User, scopes: VisibleScopes, view: str) -> list[BellEntry]:
    seen = seen_until(user)
    notices = _notices(user, scopes)
    if view == TEAM:
        notices = notices.filter(team__in=user.teams.all())
    rows = [row for row in notices.select_related("team")[:SHOWN] if may_get(user, row)]
    return [BellEntry(row.at, row.at, row.at > seen, notice=row) for row in rows]


def _recent_changes(user: User, scopes: VisibleScopes, view: str) -> list[BellEntry]:
    # thirty imported clients are one notice
    changes = _visible_activity(user, scopes).exclude(actor=user, outcome__in=ROUTINE)
    if view == NEEDS:
        changes = changes.filter(outcome=Activity.Outcome.FAILED)
    elif view == TEAM:
        changes = changes.filter(team_name__in=user.teams.values("name"))
    rows = list(changes.select_related("actor")[:SHOWN])
    urls = activity_pages(user, rows)
    shown = [row.pk for row in rows]
    unread = _pks(_failed(user, scopes).filter(pk__in=shown)) | _pks(_by_others(user, scopes).filter(pk__in=shown))
    return [
        BellEntry(
            row.at,
            max(row.at, row.settled_at or row.at),
            row.pk in unread,
            change=row,
            url=urls.get((row.kind, row.object_pk), ""),
        )
        for row in rows
    ]
