"""The Connections page: its chart and the links that narrow its list."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from namespaces.connections.attempt_filter import VERDICTS, AttemptFilter
from namespaces.connections.attempts import log_begins
from namespaces.connections.periods import PERIODS
from namespaces.connections.refusal_reasons import short_reason
from namespaces.models import ConnectionAttempt, Namespace
from namespaces.pages.overview.connection_chart import ConnectionChart

MOST_CHIPS = 10


@dataclass(frozen=True)
class Chip:
    """A link that narrows the list, or that no longer does. `count` is that of the chosen time."""

    key: str  # of its element
    label: str
    url: str
    is_chosen: bool
    count: int | None = None
    kind: str = ""


@dataclass(frozen=True)
class ConnectionList:
    """What is asked for, and the ways to ask for something else."""

    namespace: Namespace
    asked: AttemptFilter
    chart: ConnectionChart

    @cached_property
    def log_begins(self) -> datetime | None:
        return log_begins(self.namespace, self.asked)

    @property
    def has_any(self) -> bool:
        """Return whether there is any attempt to see, of whatever time."""
        return ConnectionAttempt.objects.visible_to(self.namespace.sight).exists()

    @property
    def periods(self) -> Iterator[Chip]:
        for period in PERIODS.values():
            is_chosen = period == self.asked.period
            yield Chip(f"period-{period.code}", period.label, self.asked.but(period=period), is_chosen)

    @property
    def verdicts(self) -> Iterator[Chip]:
        asked = self.asked
        yield Chip("verdict-all", "All", asked.but(verdict="", reason=""), not asked.verdict, self.chart.total)
        for code, label in VERDICTS.items():
            url = asked.but(verdict=code, reason="")
            yield Chip(f"verdict-{code}", label, url, asked.verdict == code, self.chart.figures[code], code)

    @property
    def reasons(self) -> Iterator[Chip]:
        """Yield the reasons with their counts. The chosen one is among them, and choosing it again shows all."""
        asked = self.asked
        counts = {reason.code: reason.count for reason in self.chart.reasons[:MOST_CHIPS]}
        if asked.reason:
            counts.setdefault(asked.reason, sum(each.count for each in self.chart.reasons if each.code == asked.reason))
        for code, count in counts.items():
            is_chosen = code == asked.reason
            url = asked.but(verdict=asked.verdict, reason="" if is_chosen else code)
            yield Chip(f"reason-{code}", short_reason(code), url, is_chosen, count)

    @property
    def url_of_any_time(self) -> str:
        return self.asked.but(since=None, until=None)

    @property
    def url_of_month(self) -> str:
        return self.asked.but(period=PERIODS["30d"])

    @property
    def url_of_each(self) -> str:
        """Return the query string with repeated attempts one by one, or together again."""
        return self.asked.but(is_single=not self.asked.is_single)
