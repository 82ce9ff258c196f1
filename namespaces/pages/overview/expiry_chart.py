"""The expiry dates of the next twelve months on a line: CA certificates by name, clients by week."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count

from namespaces.models import Client, Namespace
from namespaces.registry import UploadedCA
from portal.pages.buckets import Bucket

WEEK = timedelta(days=7)
WEEKS = 53
URGENT, SOON = timedelta(days=7), timedelta(days=30)
MOST_DOTS = 6  # in one week
ROW = 20  # height of a row of CA certificates, in pixels
DOT = 10  # from one dot to the next
LABEL = 22  # the width that a name takes, in percent
MOST_ROWS = 4
STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000)


@dataclass(frozen=True)
class Diamond:
    """A CA certificate. `kind`: urgent, soon or later."""

    ca: UploadedCA
    kind: str
    x: str
    y: int
    anchor: str  # of its name: "start" to the right of the mark, "end" to the left


@dataclass(frozen=True)
class Dot:
    kind: str
    x: str
    y: int


@dataclass(frozen=True)
class Week:
    """The client certificates that expire in one week."""

    at: datetime
    count: int
    kind: str


@dataclass(frozen=True)
class Month:
    at: datetime
    x: str


@dataclass(frozen=True)
class ExpiryChart:
    diamonds: tuple[Diamond, ...]
    cas: tuple[UploadedCA, ...]  # those of the diamonds, and those without a place
    later: int  # CA certificates that expire after the chart's end
    dots: tuple[Dot, ...]
    weeks: tuple[Week, ...]
    clients_each: int  # how many clients one dot is, at most
    months: tuple[Month, ...]
    split: int  # where the clients begin, in pixels
    height: int

    @property
    def label_y(self) -> int:
        return self.height + 14

    @property
    def whole_height(self) -> int:
        return self.height + 18


def expiry_chart(namespace: Namespace, cas: Sequence[UploadedCA], *, at: datetime) -> ExpiryChart:
    """Return the expiry dates from `at` on, with one query."""
    weeks = _weeks(namespace, at)
    coming = sorted(
        (ca for ca in cas if ca.not_after is not None and ca.not_after > at), key=lambda ca: (ca.not_after, ca.name)
    )
    shown = [ca for ca in coming if ca.not_after is not None and ca.not_after < at + WEEKS * WEEK]
    diamonds = _diamonds(shown, at)
    split = 8 + ROW * (max((diamond.y for diamond in diamonds), default=ROW // 2) // ROW + 1)
    most = max((week.count for week in weeks), default=0)
    each = next((step for step in STEPS if step * MOST_DOTS >= most), most)
    bottom = split + 8 + MOST_DOTS * DOT
    dots = tuple(
        Dot(week.kind, _x(week.at + WEEK / 2, at), bottom - DOT // 2 - row * DOT)
        for week in weeks
        for row in range(-(-week.count // each))
    )
    return ExpiryChart(
        diamonds, tuple(shown), len(coming) - len(shown), dots, weeks, each, _months(at), split, bottom + 2
    )


def kind_of(expires_at: datetime, at: datetime) -> str:
    """Return how urgent an expiry is: urgent, soon or later."""
    return "urgent" if expires_at <= at + URGENT else "soon" if expires_at <= at + SOON else "later"


def _weeks(namespace: Namespace, at: datetime) -> tuple[Week, ...]:
    rows = (
        Client.visible_to(namespace.sight)
        .present()
        .filter(certificate_expires_at__gt=at, certificate_expires_at__lt=at + WEEKS * WEEK)
        .order_by()
        .values_list(Bucket("certificate_expires_at", at, WEEK))
        .annotate(clients=Count("pk"))
    )
    return tuple(
        Week(at + week * WEEK, count, kind_of(at + week * WEEK + WEEK / 2, at)) for week, count in sorted(rows)
    )


def _diamonds(cas: Sequence[UploadedCA], at: datetime) -> tuple[Diamond, ...]:
    """Place the names so that none covers another: each in the first row with room for it."""
    ends: list[float] = []
    found = []
    for ca in cas:
        assert ca.not_after is not None
        place = _percent(ca.not_after, at)
        is_right = place > 100 - LABEL
        left = place - LABEL if is_right else place
        row = next((row for row, end in enumerate(ends) if left >= end), len(ends))
        if row == MOST_ROWS:
            continue
        ends[row : row + 1] = [left + LABEL]
        kind = kind_of(ca.not_after, at)
        found.append(Diamond(ca, kind, f"{place:.2f}%", ROW // 2 + row * ROW, "end" if is_right else "start"))
    return tuple(found)


def _percent(moment: datetime, at: datetime) -> float:
    return 100 * ((moment - at) / (WEEKS * WEEK))


def _x(moment: datetime, at: datetime) -> str:
    return f"{_percent(moment, at):.2f}%"


def _months(at: datetime) -> tuple[Month, ...]:
    """Return the beginnings of the next twelve months."""
    found = []
    year, month = at.year, at.month
    for _ in range(12):
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        first = at.replace(year=year, month=month, day=1, hour=0, minute=0, second=0, microsecond=0)
        found.append(Month(first, _x(first, at)))
    return tuple(found)
