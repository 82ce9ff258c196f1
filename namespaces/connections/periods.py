"""Periods of the connection log that a page shows, and moments that a query asks for."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.utils.dateparse import parse_datetime

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Period:
    """A period that ends now. `label` is on its button; each of the `bars` stands for `width`."""

    code: str
    label: str
    words: str
    bars: int
    width: timedelta
    label_every: int  # bars

    def starts(self, at: datetime) -> list[datetime]:
        """Return the beginning of each bar; the last one is running. Bars begin at whole widths of the day, in UTC."""
        moment = at.astimezone(UTC)
        day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        last = day + (moment - day) // self.width * self.width
        return [last - number * self.width for number in range(self.bars - 1, -1, -1)]

    @property
    def step(self) -> timedelta:
        """Return the span that its figures are counted by."""
        return min(self.width, HOUR)


LAST_HOUR = Period("1h", "Last hour", "last hour", 13, timedelta(minutes=5), 3)  # the running bar and twelve whole ones
SPANS = {
    period.code: period
    for period in (
        Period("24h", "24 h", "last 24 hours", 24, HOUR, 3),
        Period("7d", "7 d", "last 7 days", 28, 6 * HOUR, 4),
        Period("30d", "30 d", "last 30 days", 30, 24 * HOUR, 5),
    )
}
PERIODS = {LAST_HOUR.code: LAST_HOUR} | SPANS
DEFAULT_PERIOD = "24h"


def period_of(code: str) -> Period:
    """Return the period with this code, or the default one."""
    return PERIODS.get(code, PERIODS[DEFAULT_PERIOD])


def moment_of(text: str) -> datetime | None:
    """Return the moment that an address names, as `written` writes it; None for anything else."""
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    if found is None or found.tzinfo is None or not 1900 < found.year < 9000:
        return None
    return found.astimezone(UTC)


def written(moment: datetime) -> str:
    """Return a moment as an address names it."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%MZ}"


def steps_of(labels: int, every: int) -> Iterator[str]:
    """Yield for each bar where its label is: "major", "minor" (not on a phone) or "" for none."""
    for number in range(labels):
        steps, rest = divmod(labels - 1 - number, every)
        yield "" if rest else "minor" if steps % 2 else "major"
