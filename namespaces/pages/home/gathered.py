"""The state of several namespaces, read together."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from namespaces.connections.attempt_filter import ACCEPTED, REFUSED, VERDICTS, verdict_on
from namespaces.connections.counts import hour_of
from namespaces.connections.periods import HOUR
from namespaces.connections.refusal_reasons import short_reason
from namespaces.models import Client, Namespace
from namespaces.pages.overview.connection_chart import Reason, counted_in
from namespaces.pages.overview.health import Summary, summarize_all
from namespaces.pages.overview.trust import Trust, trust_in_all
from portal.pages.charts import Column, Part
from sync.models import Finding, Sight
from sync.pages.overview import loud_findings

HOURS = 24


@dataclass(frozen=True)
class Hours:
    """The connections of one namespace, or of several, by hour. The last hour is still running."""

    columns: tuple[Column, ...]
    last_hour: int  # refused, in the running hour
    reasons: tuple[Reason, ...]

    @property
    def accepted(self) -> int:
        return sum(column.value(ACCEPTED) for column in self.columns)

    @property
    def refused(self) -> int:
        return sum(column.value(REFUSED) for column in self.columns)


@dataclass(frozen=True)
class Gathered:
    """Namespaces with what the person sees in them; the mappings are by primary key."""

    summaries: Sequence[Summary]
    trust: Mapping[int, Trust]
    hours: Mapping[int, Hours]
    loud: Mapping[int, Sequence[Finding]]
    accepting: frozenset[int]  # where a client has ever connected

    @property
    def sight(self) -> Sight:
        return Sight.over(summary.namespace.sight for summary in self.summaries)


def gather(namespaces: Sequence[Namespace], *, at: datetime) -> Gathered:
    """Read what the home page needs. The namespaces come from `namespaces.access.with_rights`."""
    sight = Sight.over(each.sight for each in namespaces)
    loud: dict[int, list[Finding]] = {}
    for finding in loud_findings(sight):
        loud.setdefault(finding.scope, []).append(finding)
    connected = Client.visible_to(sight).present().filter(last_seen_at__isnull=False)
    return Gathered(
        summarize_all(namespaces, at=at),
        trust_in_all(namespaces),
        _hours_in(namespaces, at),
        loud,
        frozenset(connected.order_by().values_list("namespace", flat=True).distinct()),
    )


def _hours_in(namespaces: Sequence[Namespace], at: datetime) -> dict[int, Hours]:
    running = hour_of(at.astimezone(UTC))
    first = running - (HOURS - 1) * HOUR
    sums: Counter[tuple[int, int, str]] = Counter()
    codes: dict[int, Counter[str]] = {each.pk: Counter() for each in namespaces}
    for pk, hour, code, count in counted_in(namespaces, first):
        verdict = verdict_on(code)
        sums[pk, (hour - first) // HOUR, verdict] += count
        if verdict == REFUSED:
            codes[pk][code] += count
    found = {}
    for pk in codes:
        columns = tuple(
            Column(
                first + number * HOUR,
                tuple(Part(verdict, sums[pk, number, verdict]) for verdict in VERDICTS),
                is_running=number == HOURS - 1,
            )
            for number in range(HOURS)
        )
        found[pk] = Hours(columns, sums[pk, HOURS - 1, REFUSED], _reasons(codes[pk]))
    return found


def _reasons(codes: Counter[str]) -> tuple[Reason, ...]:
    return tuple(Reason(code, short_reason(code), count, 0, 0, share=0) for code, count in codes.most_common())


def added_up(hours: Sequence[Hours]) -> Hours:
    """Return the connections of several namespaces together."""
    columns = tuple(
        Column(
            together[0].at,
            tuple(Part(kind, sum(column.value(kind) for column in together)) for kind in VERDICTS),
            is_running=together[0].is_running,
        )
        for together in zip(*(each.columns for each in hours), strict=True)
    )
    return Hours(columns, sum(each.last_hour for each in hours), ())
