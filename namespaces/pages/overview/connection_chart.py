"""Connections by hour and refusals by reason, from the kept counts."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

from django.db.models import Count, Q, QuerySet
from django.urls import reverse

from namespaces.connections.attempt_filter import ACCEPTED, REFUSED, UNFINISHED, VERDICTS, AttemptFilter, verdict_on
from namespaces.connections.counts import OTHER, hour_of
from namespaces.connections.periods import HOUR, SPANS, Period, period_of, steps_of
from namespaces.connections.refusal_reasons import short_reason
from namespaces.models import ConnectionAttempt, ConnectionCount, Namespace, RefusedName
from portal.pages.buckets import Bucket
from portal.pages.charts import BarChart, Column, Part, bar_chart
from sync.models import Sight

MOST_REASONS = 5
Counted = tuple[datetime, str, int]  # the beginning of an hour or less, the code ("" for accepted), the number


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
    """Accepted, refused and aborted connections of a period; its figures are those of the bars that are chosen."""

    span: Period
    columns: tuple[Column, ...]
    figures: Mapping[str, int]  # by verdict
    reasons: tuple[Reason, ...]
    last_hour: int  # refused, in the running hour
    hour_before: int

    @cached_property
    def chart(self) -> BarChart:
        return bar_chart(self.columns, noted=REFUSED, word="refused")

    @property
    def accepted(self) -> int:
        return self.figures[ACCEPTED]

    @property
    def refused(self) -> int:
        return self.figures[REFUSED]

    @property
    def aborted(self) -> int:
        return self.figures[UNFINISHED]

    @property
    def total(self) -> int:
        return sum(self.figures.values())

    @property
    def top_reasons(self) -> tuple[Reason, ...]:
        return self.reasons[:MOST_REASONS]

    @property
    def other_refused(self) -> int:
        return sum(reason.count for reason in self.reasons[MOST_REASONS:])

    @property
    def label_form(self) -> str:
        """Return how the axis writes its times, as `local_time` knows it."""
        return "hour" if self.span.width <= HOUR else "day"

    @property
    def sentence(self) -> str:
        """Return the chart in one sentence."""
        aborted = f", {self.aborted:,} aborted" if self.aborted else ""
        return f"{self.accepted:,} connections accepted and {self.refused:,} refused{aborted} in the {self.span.words}"

    @property
    def labelled(self) -> Iterator[tuple[Column, str]]:
        """Yield each column with the place of its label on the axis: "major", "minor" (not on a phone) or ""."""
        return zip(self.columns, steps_of(len(self.columns), self.span.label_every), strict=True)


def connection_chart(namespace: Namespace, span_code: str, *, at: datetime) -> ConnectionChart:
    """Return the connections of a period that ends now, with two queries.

    Args:
        namespace: its endpoint's connections.
        span_code: a key of `SPANS`; any other is the default.
        at: the current time.
    """
    period = SPANS.get(span_code, period_of(""))
    asked = AttemptFilter(period, period.starts(at)[0])
    return _chart(namespace, asked, at, who=_refused_names(namespace, asked.first))


def filtered_chart(namespace: Namespace, asked: AttemptFilter, *, at: datetime) -> ConnectionChart:
    """Return the connections of the period that is asked for, with the figures of the chosen bars, with one query."""
    return _chart(namespace, asked, at, who=())


def _chart(
    namespace: Namespace, asked: AttemptFilter, at: datetime, *, who: Iterable[tuple[str, int, int]]
) -> ConnectionChart:
    period = asked.period
    starts = period.starts(at)
    sums: Counter[tuple[int, str]] = Counter()
    figures = Counter(dict.fromkeys(VERDICTS, 0))
    by_code: Counter[str] = Counter()
    refused_in: Counter[datetime] = Counter()
    for moment, code, count in _counted(namespace, starts[0], period.step):
        verdict = verdict_on(code)
        sums[(moment - starts[0]) // period.width, verdict] += count
        if verdict == REFUSED:
            refused_in[hour_of(moment)] += count
        if asked.begins <= moment and (asked.until is None or moment < asked.until):
            figures[verdict] += count
            by_code[code] += count if verdict == REFUSED else 0
    url = reverse("namespaces:connection_list", args=[namespace.pk])
    columns = tuple(
        Column(
            start,
            tuple(Part(verdict, sums[number, verdict]) for verdict in VERDICTS),
            url=url + asked.but(since=start, until=start + period.width),
            ends=start + period.width,
            is_running=number == period.bars - 1,
            is_chosen=asked.is_of_a_time and asked.begins <= start and (asked.until is None or start < asked.until),
        )
        for number, start in enumerate(starts)
    )
    running = hour_of(at.astimezone(UTC))
    return ConnectionChart(
        period, columns, figures, _reasons(+by_code, who), refused_in[running], refused_in[running - HOUR]
    )


def _counted(namespace: Namespace, first: datetime, step: timedelta) -> Iterator[Counted]:
    """Yield what was counted since `first`, in whole steps from there.

    Hours are kept as counts. Less than an hour, and what is seen where clients are hidden, is counted in the log.
    """
    if namespace.sight.is_partial or step < HOUR:
        seen = _seen_since(namespace.sight, first).values_list(Bucket("at", first, step), "accepted", "code")
        for number, is_accepted, code, count in seen.annotate(count=Count("pk")):
            yield first + number * step, "" if is_accepted else code or OTHER, count
        return
    counts = ConnectionCount.objects.filter(namespace=namespace, hour__gte=first)
    yield from counts.values_list("hour", "code", "count")


def counted_in(namespaces: Sequence[Namespace], first: datetime) -> Iterator[tuple[int, datetime, str, int]]:
    """Yield namespace, beginning of an hour, code ("" for accepted) and number since `first`, with at most two queries.

    Where clients are hidden, they are counted in the log of those that are seen.
    """
    whole = [each.pk for each in namespaces if not each.sight.is_partial]
    partial = [each.sight for each in namespaces if each.sight.is_partial]
    if partial:
        seen = _seen_since(Sight.over(partial), first)
        hours = seen.values_list("namespace_id", Bucket("at", first, HOUR), "accepted", "code")
        for pk, number, is_accepted, code, count in hours.annotate(count=Count("pk")):
            yield pk, first + number * HOUR, "" if is_accepted else code or OTHER, count
    if whole:
        counts = ConnectionCount.objects.filter(namespace__in=whole, hour__gte=first)
        yield from counts.values_list("namespace_id", "hour", "code", "count")


def _seen_since(sight: Sight, first: datetime) -> QuerySet[ConnectionAttempt]:
    return ConnectionAttempt.objects.visible_to(sight).filter(at__gte=first).order_by()


def _refused_names(namespace: Namespace, first: datetime) -> Iterator[tuple[str, int, int]]:
    """Yield each code with the number of names that were refused, and how many of those are clients."""
    if namespace.sight.is_partial:
        found: dict[str, set[tuple[str, bool]]] = {}
        refused = _seen_since(namespace.sight, first).filter(accepted=False)
        for code, client, user in refused.values_list("code", "client_name", "user_name").distinct():
            if client or user:
                found.setdefault(code or OTHER, set()).add((client or user, bool(client)))
        yield from ((code, len(names), sum(is_client for _, is_client in names)) for code, names in found.items())
        return
    names = RefusedName.objects.filter(namespace=namespace, last_at__gte=first).exclude(name="")
    yield from names.values_list("code").annotate(names=Count("pk"), clients=Count("pk", filter=Q(is_client=True)))


def _reasons(by_code: Counter[str], who: Iterable[tuple[str, int, int]]) -> tuple[Reason, ...]:
    whom = {code: (clients, names - clients) for code, names, clients in who}
    most = max(by_code.values(), default=1)
    return tuple(
        Reason(code, short_reason(code), count, *whom.get(code, (0, 0)), share=max(round(100 * count / most), 1))
        for code, count in sorted(by_code.items(), key=lambda item: (-item[1], item[0]))
    )
