"""Time windows: by the clock on the wall, over midnight, and on the days on which it is put forward and back."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from certificates.authentication.rules.types import TimeWindow
from certificates.authentication.rules.windows import closes_at, described, is_open, opens_at

BERLIN, NEW_YORK, KOLKATA = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York"), ZoneInfo("Asia/Kolkata")
LORD_HOWE, AUCKLAND = ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Pacific/Auckland")
ALL_DAYS = frozenset(range(7))
WEEKDAYS = frozenset(range(5))
SATURDAY, SUNDAY = frozenset({5}), frozenset({6})


def window(start: str, end: str, days: frozenset[int] = ALL_DAYS, zone: ZoneInfo = BERLIN) -> TimeWindow:
    return TimeWindow(days, time.fromisoformat(start), time.fromisoformat(end), zone)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


DAY_SHIFT = window("06:00", "18:00", WEEKDAYS)
NIGHT_SHIFT = window("22:00", "06:00", WEEKDAYS)


@pytest.mark.parametrize(
    ("windows", "at", "expected"),
    [
        ([DAY_SHIFT], "2026-03-02 05:00", True),  # Monday, 06:00 in Berlin
        ([DAY_SHIFT], "2026-03-02 04:59:59", False),
        ([DAY_SHIFT], "2026-03-02 16:59:59.999999", True),
        ([DAY_SHIFT], "2026-03-02 17:00", False),
        ([DAY_SHIFT], "2026-03-07 08:00", False),  # Saturday
        ([DAY_SHIFT], "2026-07-06 04:00", True),  # summer: 06:00 in Berlin
        ([NIGHT_SHIFT], "2026-03-07 04:59", True),  # Saturday, begun on Friday
        ([NIGHT_SHIFT], "2026-03-07 05:00", False),
        ([NIGHT_SHIFT], "2026-03-07 21:30", False),  # Saturday evening
        ([NIGHT_SHIFT], "2026-03-02 04:00", False),  # Monday morning, begun on Sunday
        ([window("00:00", "00:00", SUNDAY)], "2026-02-28 23:00", True),  # Sunday begins in Berlin
        ([window("00:00", "00:00", SUNDAY)], "2026-03-01 23:00", False),
        ([window("12:00", "12:00", SUNDAY)], "2026-03-02 10:59", True),
        ([window("12:00", "12:00", SUNDAY)], "2026-03-02 11:00", False),
        ([window("09:00", "09:30", ALL_DAYS, KOLKATA)], "2026-03-02 03:59", True),  # an offset of half an hour
        ([window("09:00", "09:30", ALL_DAYS, KOLKATA)], "2026-03-02 04:00", False),
        # Put forward on 29 March 2026 in Berlin: 02:00 to 03:00 does not exist.
        ([window("02:00", "03:00")], "2026-03-29 00:59:59", False),
        ([window("02:00", "03:00")], "2026-03-29 01:00", False),
        ([window("01:00", "02:30")], "2026-03-29 00:59:59", True),
        ([window("01:00", "02:30")], "2026-03-29 01:00", False),
        # Put back on 25 October 2026: 02:00 to 03:00 comes twice.
        ([window("02:00", "03:00")], "2026-10-25 00:30", True),
        ([window("02:00", "03:00")], "2026-10-25 01:30", True),
        ([window("02:00", "03:00")], "2026-10-25 02:00", False),
        ([], "2026-03-02 05:00", False),
        ([window("06:00", "18:00", frozenset())], "2026-03-02 05:00", False),
    ],
)
def test_a_moment_is_in_a_window(windows: list[TimeWindow], at: str, expected: bool) -> None:
    assert is_open(windows, utc(at)) is expected


@pytest.mark.parametrize(
    ("windows", "at", "expected"),
    [
        ([DAY_SHIFT], "2026-03-02 08:00", "2026-03-02 17:00"),
        ([NIGHT_SHIFT], "2026-03-06 22:00", "2026-03-07 05:00"),
        ([DAY_SHIFT], "2026-03-07 08:00", "2026-03-07 08:00"),  # closed already
        ([DAY_SHIFT, window("17:00", "20:00")], "2026-03-02 08:00", "2026-03-02 19:00"),  # one after the other
        ([DAY_SHIFT, window("18:00", "20:00")], "2026-03-02 08:00", "2026-03-02 19:00"),
        ([window("00:00", "00:00", WEEKDAYS)], "2026-03-02 08:00", "2026-03-06 23:00"),  # Friday midnight
        ([window("00:00", "00:00")], "2026-03-02 08:00", None),  # always
        ([window("01:00", "02:30")], "2026-03-29 00:30", "2026-03-29 01:00"),  # where the clock is put forward
        ([window("01:00", "02:30")], "2026-10-25 00:10", "2026-10-25 00:30"),
        ([window("02:15", "02:45")], "2026-10-25 01:20", "2026-10-25 01:45"),  # the second time
        ([window("02:00", "03:00")], "2026-10-25 00:10", "2026-10-25 02:00"),  # two hours long
        ([window("01:00", "02:15", ALL_DAYS, LORD_HOWE)], "2026-10-03 15:00", "2026-10-03 15:30"),  # by half an hour
    ],
)
def test_a_window_closes(windows: list[TimeWindow], at: str, expected: str | None) -> None:
    assert closes_at(windows, utc(at)) == (utc(expected) if expected is not None else None)


@pytest.mark.parametrize(
    ("windows", "at", "expected"),
    [
        ([DAY_SHIFT], "2026-03-07 08:00", "2026-03-09 05:00"),
        ([DAY_SHIFT], "2026-03-09 05:00", "2026-03-09 05:00"),  # open already
        ([DAY_SHIFT], "2026-03-27 18:00", "2026-03-30 04:00"),  # over the Sunday of the change
        (
            [window("02:00", "02:30")],
            "2026-03-28 12:00",
            "2026-03-30 00:00",
        ),  # not on the day on which it does not exist
        ([window("02:30", "03:30")], "2026-03-29 00:00", "2026-03-29 01:00"),
        ([window("06:00", "07:00", SATURDAY)], "2026-02-28 06:00", "2026-03-07 05:00"),  # a week later
        ([window("00:00", "00:00", frozenset())], "2026-03-02 08:00", None),
        ([], "2026-03-02 08:00", None),
    ],
)
def test_a_window_opens(windows: list[TimeWindow], at: str, expected: str | None) -> None:
    assert opens_at(windows, utc(at)) == (utc(expected) if expected is not None else None)


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK, KOLKATA, LORD_HOWE, AUCKLAND])
@pytest.mark.parametrize("start", ["2026-03-28", "2026-10-24", "2026-12-31"])
def test_the_found_moments_are_those_of_a_walk_by_minutes(zone: ZoneInfo, start: str) -> None:
    windows = [window("01:30", "02:30", WEEKDAYS | SUNDAY, zone), window("23:00", "01:00", SATURDAY, zone)]
    at = utc(f"{start} 00:00")
    minutes = [at + timedelta(minutes=number) for number in range(3 * 24 * 60)]
    states = [is_open(windows, minute) for minute in minutes]
    for place in range(0, len(minutes) - 1, 97):
        for wanted, find in ((True, opens_at), (False, closes_at)):
            walked = next(
                (minute for minute, state in zip(minutes[place:], states[place:], strict=True) if state is wanted), None
            )
            if walked is not None:
                assert find(windows, minutes[place]) == walked


@pytest.mark.parametrize("at", [datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)])
def test_the_ends_of_the_calendar_are_no_error(at: datetime) -> None:
    for zone in (AUCKLAND, NEW_YORK):
        windows = [window("00:00", "12:00", ALL_DAYS, zone)]
        is_open(windows, at)
        assert (closes_at(windows, at) or at) >= at
        assert (opens_at(windows, at) or at) >= at


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (WEEKDAYS, "Mon–Fri 06:00–18:00 Europe/Berlin"),
        (frozenset({0, 2, 5, 6}), "Mon, Wed, Sat–Sun 06:00–18:00 Europe/Berlin"),
    ],
)
def test_a_window_in_words(days: frozenset[int], expected: str) -> None:
    assert described(window("06:00", "18:00", days)) == expected
