"""Connections by hour and refusals by reason, from the kept counts."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import TruncHour

from namespaces.connections.counts import OTHER, hour_of
from namespaces.connections.refusal_reasons import short_reason
from namespaces.models import ConnectionAttempt, ConnectionCount, Namespace, RefusedName
from portal.pages.charts import BarChart, Column, Part, bar_chart

HOUR = timedelta(hours=1)
ACCEPTED, REFUSED = "accepted", "refused"
MOST_REASONS = 5


@dataclass(frozen=True)
class Span:
    """A period to show. `label` is on its button; each of the `bars` stands for `width`."""

    code: str
    label: str
    words: str
    bars: int
    width: timedelta
    label_every: int  # bars


SPANS = {
    span.code: span
    for span in (
        Span("24h", "24 h", "last 24 hours", 24, HOUR, 3),
        Span("7d", "7 d", "last 7 days", 28, 6 * HOUR, 4),
        Span("30d", "30 d", "last 30 days", 30, 24 * HOUR, 5),
    )
}
DEFAULT_SPAN = "24h"


@dataclass(frozen=True)
class Reason:
    """Why clients were refused, and how often. `names` counts the clients, or else the names that were sent."""

    code: str
    label: str
    count: int
    clients: int
    names: int
    share: int  # percent of the most frequent reason

    @property
    def whom(self) -> str:
        if self.clients:
            return f"{self.clients:,} client{'' if self.clients == 1 else 's'}"
        return f"{self.names:,} name{'' if self.names == 1 else 's'}" if self.names else ""


@dataclass(frozen=True)
class ConnectionChart:
    """Accepted and refused connections of a period."""

    span: Span
    columns: tuple[Column, ...]
    reasons: tuple[Reason, ...]
    last_hour: int  # refused, in the running hour and the one before
    hour_before: int

    @cached_property
    def chart(self) -> BarChart:
        return bar_chart(self.columns, noted=REFUSED, word="refused")

    @property
    def accepted(self) -> int:
        return sum(column.value(ACCEPTED) for column in self.columns)

    @property
    def refused(self) -> int:
        return sum(column.value(REFUSED) for column in self.columns)

    @property
    def top_reasons(self) -> tuple[Reason, ...]:
        return self.reasons[:MOST_REASONS]

    @property
    def other_refused(self) -> int:
        return sum(reason.count for reason in self.reasons[MOST_REASONS:])

    @property
    def label_form(self) -> str:
        """Return how the axis writes its times, as `local_time` knows it."""
        return "hour" if self.span.width == HOUR else "day"

    @property
    def sentence(self) -> str:
        """Return the chart in one sentence."""
        return f"{self.accepted:,} connections accepted and {self.refused:,} refused in the {self.span.words}"

    @property
    def labelled(self) -> Iterator[tuple[Column, str]]:
        """Yield each column with the place of its label on the axis: "major", "minor" (not on a phone) or ""."""
        every, last = self.span.label_every, len(self.columns) - 1
        for number, column in enumerate(self.columns):
            steps, rest = divmod(last - number, every)
            yield column, "" if rest else "minor" if steps % 2 else "major"


def connection_chart(namespace: Namespace, span_code: str, *, at: datetime) -> ConnectionChart:
    """Return the connections of a period that ends now, with two queries.

    Args:
        namespace: its endpoint's connections.
        span_code: a key of `SPANS`; any other is the default.
        at: the current time.
    """
    span = SPANS.get(span_code, SPANS[DEFAULT_SPAN])
    hours = int(span.width / HOUR)
    running = hour_of(at.astimezone(UTC))
    last = running - timedelta(hours=running.hour % hours)
    first = last - (span.bars - 1) * span.width
    sums: Counter[tuple[int, str]] = Counter()
    by_code: Counter[str] = Counter()
    refused_in: Counter[datetime] = Counter()
    for hour, code, count in _counted(namespace, first):
        sums[(hour - first) // span.width, REFUSED if code else ACCEPTED] += count
        if code:
            by_code[code] += count
            refused_in[hour] += count
    columns = tuple(
        Column(
            first + number * span.width,
            (Part(ACCEPTED, sums[number, ACCEPTED]), Part(REFUSED, sums[number, REFUSED])),
            is_running=number == span.bars - 1,
        )
        for number in range(span.bars)
    )
    return ConnectionChart(
        span, columns, _reasons(namespace, by_code, first), refused_in[running], refused_in[running - HOUR]
    )


def _counted(namespace: Namespace, first: datetime) -> Iterator[tuple[datetime, str, int]]:
    """Yield hour, code ("" for accepted) and number; where clients are hidden, from the log of those that are seen."""
    if namespace.sight.is_partial:
        seen = _seen_since(namespace, first).values_list(TruncHour("at", tzinfo=UTC), "accepted", "code")
        for hour, is_accepted, code, count in seen.annotate(count=Count("pk")):
            yield hour, "" if is_accepted else code or OTHER, count
        return
    counts = ConnectionCount.objects.filter(namespace=namespace, hour__gte=first)
    yield from counts.values_list("hour", "code", "count")


def _seen_since(namespace: Namespace, first: datetime) -> QuerySet[ConnectionAttempt]:
    return ConnectionAttempt.objects.visible_to(namespace.sight).filter(at__gte=first).order_by()


def _refused_names(namespace: Namespace, first: datetime) -> Iterator[tuple[str, int, int]]:
    """Yield each code with the number of names that were refused, and how many of those are clients."""
    if namespace.sight.is_partial:
        found: dict[str, set[tuple[str, bool]]] = {}
        refused = _seen_since(namespace, first).filter(accepted=False)
        for code, client, user in refused.values_list("code", "client_name", "user_name").distinct():
            if client or user:
                found.setdefault(code or OTHER, set()).add((client or user, bool(client)))
        yield from ((code, len(names), sum(is_client for _, is_client in names)) for code, names in found.items())
        return
    names = RefusedName.objects.filter(namespace=namespace, last_at__gte=first).exclude(name="")
    yield from names.values_list("code").annotate(names=Count("pk"), clients=Count("pk", filter=Q(is_client=True)))


def _reasons(namespace: Namespace, by_code: Counter[str], first: datetime) -> tuple[Reason, ...]:
    who = {code: (clients, names - clients) for code, names, clients in _refused_names(namespace, first)}
    most = max(by_code.values(), default=1)
    return tuple(
        Reason(code, short_reason(code), count, *who.get(code, (0, 0)), share=max(round(100 * count / most), 1))
        for code, count in sorted(by_code.items(), key=lambda item: (-item[1], item[0]))
    )
