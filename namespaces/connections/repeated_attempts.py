"""Attempts of a client that tries again and again, as one row for each hour."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Min, Q, QuerySet

from namespaces.connections.attempt_filter import ALIKE
from namespaces.models import ConnectionAttempt
from portal.pages.buckets import Bucket

_HOUR = timedelta(hours=1)
_BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)  # of a whole hour, as every hour of UTC
KIND = ("hour", *ALIKE)


@dataclass
class Row:
    """One attempt, or the newest of several that are alike."""

    attempt: ConnectionAttempt
    key: str  # in the ids of its elements: the same as long as the hour lasts
    count: int = 1
    first_at: datetime | None = None
    has_client: bool = False  # the client is still registered
    is_known: bool = False  # the page shows its row already, with a lower number

    @property
    def lasted(self) -> str:
        """Return how long the repetitions took, in words."""
        seconds = (self.attempt.at - self.first_at).total_seconds() if self.first_at is not None else 0
        return f"{max(round(seconds), 1)} s" if seconds < 100 else f"{round(seconds / 60)} min"


def single(attempts: Iterable[ConnectionAttempt]) -> list[Row]:
    return [Row(attempt, str(attempt.cursor)) for attempt in attempts]


def groups_of(rows: QuerySet[ConnectionAttempt], *, after: int = 0) -> QuerySet[ConnectionAttempt, dict[str, Any]]:
    """Return each kind of attempts with `count`, `first`, `newest` and `before`: their number, time and cursors.

    `before` is the newest cursor up to `after`. The log keeps a bounded number of attempts, so this reads a bounded number.
    """
    found: QuerySet[ConnectionAttempt, dict[str, Any]] = (
        rows.order_by()
        .values(*ALIKE, hour=Bucket("at", _BEGINNING, _HOUR))
        .annotate(
            count=Count("pk"),
            first=Min("at"),
            newest=Max("cursor"),
            before=Max("cursor", filter=Q(cursor__lte=after)),
        )
        .order_by("-newest")
    )
    return found


def start_of(group: Mapping[str, Any]) -> datetime:
    """Return the beginning of a group's hour."""
    moment: datetime = _BEGINNING + group["hour"] * _HOUR
    return moment


def rows_of(
    groups: Iterable[Mapping[str, Any]], attempts: Iterable[ConnectionAttempt], *, shown_from: int
) -> list[Row]:
    """Return the rows of groups. `shown_from`: the oldest cursor whose row the page shows already."""
    by_cursor = {attempt.cursor: attempt for attempt in attempts}
    return [
        Row(
            by_cursor[group["newest"]],
            _key(group),
            group["count"],
            group["first"],
            is_known=group["before"] is not None and group["before"] >= shown_from > 0,
        )
        for group in groups
        if group["newest"] in by_cursor
    ]


def _key(group: Mapping[str, Any]) -> str:
    return hashlib.sha256(repr([group[name] for name in KIND]).encode()).hexdigest()[:16]
