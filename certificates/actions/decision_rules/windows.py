"""Time windows as people write them: "Mon-Fri 06:00-22:00", in a time zone."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import time
from typing import Any

from namespaces.rules.errors import RuleError

MOST_WINDOWS = 14
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
EVERY_DAY = range(7)
_LINE = re.compile(r"(?P<days>.*?)\s*(?P<start>\d{1,2}:\d{2})\s*(?:-|–|to|until)\s*(?P<end>\d{1,2}:\d{2})")
_DAYS = re.compile(r"([a-z]+)(?:\s*[-–]\s*([a-z]+))?")


@dataclass(frozen=True)
class Window:
    """Days, 0 (Monday) to 6, and hours by the clock of a time zone. An end at or before the start is on the next day."""

    days: tuple[int, ...]
    start: str  # HH:MM
    end: str
    zone: str

    def __str__(self) -> str:
        return f"{self.line} {self.zone}"

    @property
    def line(self) -> str:
        """Return it as a line of the form."""
        return f"{_named(self.days)} {self.start}-{self.end}".strip()

    def as_dict(self) -> dict[str, Any]:
        return {"days": list(self.days), "start": self.start, "end": self.end, "zone": self.zone}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "Window":
        return cls(tuple(stored["days"]), stored["start"], stored["end"], stored["zone"])


def windows_written(text: str, zone: str) -> tuple[Window, ...]:
    """Return the windows that the lines of a text write. Raise RuleError with the line that is none."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > MOST_WINDOWS:
        raise RuleError("windows", "too-many", f"Use at most {MOST_WINDOWS} time windows.")
    return tuple(dict.fromkeys(_window(line, zone) for line in lines))


def _window(line: str, zone: str) -> Window:
    found = _LINE.fullmatch(line)
    if found is None:
        raise _unreadable(line)
    return Window(_days(found["days"], line), _time(found["start"], line), _time(found["end"], line), zone)


def _days(text: str, line: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.lower().replace(" and ", ",").split(",") if part.strip()]
    if not parts or parts in (["daily"], ["every day"]):
        return tuple(EVERY_DAY)
    days: set[int] = set()
    for part in parts:
        found = _DAYS.fullmatch(part)
        first, last = (_day(name or "") for name in found.groups()) if found else (None, None)
        if found is None or first is None or (found[2] and last is None):
            raise _unreadable(line)
        span = (last - first) % 7 if last is not None else 0
        days |= {(first + step) % 7 for step in range(span + 1)}
    return tuple(sorted(days))


def _day(name: str) -> int | None:
    """Return the number of a day by its name, or the start of it from three letters on."""
    full = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    return next((at for at, each in enumerate(full) if len(name) >= 3 and each.startswith(name)), None)


def _time(text: str, line: str) -> str:
    hours, minutes = map(int, text.split(":"))
    if (hours, minutes) == (24, 0):
        hours = 0
    try:
        return time(hours, minutes).strftime("%H:%M")
    except ValueError:
        raise _unreadable(line) from None


def _named(days: Iterable[int]) -> str:
    """Return days in words, runs of three and more as one: "Mon-Fri, Sun". Every day is ""."""
    rest, parts = sorted(days), []
    if rest == list(EVERY_DAY):
        return ""
    while rest:
        run = [rest.pop(0)]
        while rest and rest[0] == run[-1] + 1:
            run.append(rest.pop(0))
        parts += [f"{DAYS[run[0]]}-{DAYS[run[-1]]}"] if len(run) > 2 else [DAYS[day] for day in run]
    return ", ".join(parts)


def _unreadable(line: str) -> RuleError:
    sentence = f"“{line[:80]}” is no time window. Write days and hours, such as Mon-Fri 06:00-22:00."
    return RuleError("windows", "unreadable", sentence)
