"""Last runs of the periodic jobs: they show whether clock and workers do their work."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sync.models import PeriodicRun

# The longest time between two runs. The clock starts a sweep every 5 s, and a sweep may push changes for 20 s.
EXPECTED = {"sweep": timedelta(seconds=45), "refresh": timedelta(minutes=6), "scan": timedelta(minutes=15)}

LABELS = {"sweep": "Retries and clean-up", "refresh": "Refresh of namespaces", "scan": "Drift scans"}


@dataclass(frozen=True)
class Pulse:
    """Seconds since a periodic job last ended; None when it has never run."""

    name: str
    seconds: float | None
    is_overdue: bool

    @property
    def label(self) -> str:
        return LABELS[self.name]


def record_run(name: str, at: datetime) -> None:
    """Record that the periodic job `name` ended at `at`."""
    PeriodicRun.objects.update_or_create(name=name, defaults={"ended_at": at})


def pulses(at: datetime) -> list[Pulse]:
    """Return the last run of each expected job, as of `at`."""
    ended = dict(PeriodicRun.objects.filter(name__in=EXPECTED).values_list("name", "ended_at"))
    return [_pulse(name, ended.get(name), at) for name in EXPECTED]


def clock_fault(at: datetime) -> str:
    """Return what is wrong with the clock, as part of a sentence, or "" while the sweep runs in time."""
    sweep = next(pulse for pulse in pulses(at) if pulse.name == "sweep")
    if not sweep.is_overdue:
        return ""
    if sweep.seconds is None:
        return "the clock has never run"
    return f"the clock last ran {sweep.seconds:.0f} s ago"


def _pulse(name: str, ended_at: datetime | None, at: datetime) -> Pulse:
    if ended_at is None:
        return Pulse(name, None, is_overdue=True)
    age = at - ended_at
    return Pulse(name, max(age.total_seconds(), 0.0), is_overdue=age > EXPECTED[name])
