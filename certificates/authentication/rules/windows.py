"""Find out whether a moment is within the time windows of a namespace, and when they end. Pure.

Windows are by the clock on the wall: on a day on which the clock is put forward, what lies in the hour that does not exist is left out;
on a day on which it is put back, the hour that comes twice counts twice.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from certificates.authentication.rules.types import TimeWindow

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAY = timedelta(days=1)
_AHEAD = 8  # days after which the windows of a week repeat


def is_open(windows: Sequence[TimeWindow], at: datetime) -> bool:
    """Return whether `at`, an aware datetime, is in one of the windows."""
    return any(_is_in(window, at) for window in windows)


def _is_in(window: TimeWindow, at: datetime) -> bool:
    local = _on_clock(at, window.zone)
    if local is None:
        return False
    today, now = local.weekday(), local.time()
    if window.start < window.end:
        return today in window.days and window.start <= now < window.end
    return (today in window.days and now >= window.start) or ((today - 1) % 7 in window.days and now < window.end)


def _on_clock(at: datetime, zone: tzinfo) -> datetime | None:
    try:
        return at.astimezone(zone)
    except OverflowError:  # at an end of the calendar
        return None


def closes_at(windows: Sequence[TimeWindow], at: datetime) -> datetime | None:
    """Return the first moment from `at` on that is in none of the windows, in UTC; None where there is none within a week."""
    if not is_open(windows, at):
        return at
    return _first(tuple(windows), at.replace(second=0, microsecond=0), is_wanted=False)


def opens_at(windows: Sequence[TimeWindow], at: datetime) -> datetime | None:
    """Return the first moment from `at` on that is in one of the windows, in UTC; None where there is none within a week."""
    if is_open(windows, at):
        return at
    return _first(tuple(windows), at.replace(second=0, microsecond=0), is_wanted=True)


@lru_cache(maxsize=256)
def _first(windows: tuple[TimeWindow, ...], at: datetime, *, is_wanted: bool) -> datetime | None:
    """Return the first moment after the minute `at`. Cached: windows open and close on whole minutes, and each connection asks."""
    moments = {moment for window in windows for moment in _boundaries(window, at) if moment > at}
    return next((moment for moment in sorted(moments) if is_open(windows, moment) is is_wanted), None)


def _boundaries(window: TimeWindow, at: datetime) -> Iterator[datetime]:
    """Yield the moments at which the window may open or close: its hours of each day, and where the clock is put on or back."""
    local = _on_clock(at, window.zone)
    if local is None:
        return
    for number in range(-1, _AHEAD + 1):
        day = _day_after(local.date(), number)
        if day is None:
            continue
        for hour in (window.start, window.end):
            for fold in (0, 1):
                moment = _on_clock(datetime.combine(day, hour, window.zone).replace(fold=fold), UTC)
                if moment is not None:
                    yield moment
        following = _day_after(day, 1)
        if following is not None:
            yield from _clock_changes(window.zone, day, following)


def _day_after(day: date, number: int) -> date | None:
    try:
        return day + number * _DAY
    except OverflowError:
        return None


def _clock_changes(zone: ZoneInfo, day: date, following: date) -> Iterator[datetime]:
    """Yield the moment of the day at which the offset of the zone changes, to the second."""
    low, high = (_on_clock(datetime(each.year, each.month, each.day, tzinfo=zone), UTC) for each in (day, following))
    if low is None or high is None or _offset(zone, low) == _offset(zone, high):
        return
    before = _offset(zone, low)
    while high - low > timedelta(seconds=1):
        middle = (low + (high - low) / 2).replace(microsecond=0)
        low, high = (middle, high) if _offset(zone, middle) == before else (low, middle)
    yield high


def _offset(zone: ZoneInfo, at: datetime) -> timedelta | None:
    local = _on_clock(at, zone)
    return local.utcoffset() if local is not None else None


def described(window: TimeWindow) -> str:
    """Return a window in words, such as "Mon–Fri 06:00–18:00 Europe/Berlin"."""
    days = _days(sorted(window.days))
    return f"{days} {window.start:%H:%M}–{window.end:%H:%M} {window.zone.key}"


def _days(days: Sequence[int]) -> str:
    runs: list[list[int]] = []
    for day in days:
        if runs and day == runs[-1][-1] + 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ", ".join(f"{DAYS[run[0]]}–{DAYS[run[-1]]}" if len(run) > 1 else DAYS[run[0]] for run in runs)
