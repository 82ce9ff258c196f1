"""The trainer's board: where each trainee is, who needs help, and where the class is stuck.

It is read again every two seconds, so it takes the same number of queries for any number of seats.
"""

import hashlib
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import OuterRef, Subquery
from django.utils import timezone

from lab.actions.classes.codes import opened, shown
from lab.actions.classes.faults import FAULTS, ClassFault, since
from lab.models import Progress, Seat, TrainingClass
from lab.pages.class_exercises import Exercise, exercises, wrong_turn_words
from namespaces.models import ConnectionAttempt, Namespace
from sync.models import Sight

AMBER_MINUTES = 8  # on one exercise
STICKING_SEATS = 3  # on an exercise, before it can be what holds the class up
MOST_WRONG_TURNS = 5
TODAY = timedelta(hours=12)  # of wrong turns: no class lasts longer, wherever it is
CONNECTED, REFUSED, NONE = "connected", "refused", "none"


@dataclass(frozen=True)
class Tile:
    """One seat. `exercise` is None before the first one; `minutes` is how long the trainee has been on it."""

    seat: Seat
    exercise: Exercise | None = None
    since: datetime | None = None
    minutes: int = 0
    is_done: bool = False
    wrong_turn: str = ""
    device: str = NONE

    @property
    def is_free(self) -> bool:
        return self.seat.joined_at is None

    @property
    def is_slow(self) -> bool:
        return self.minutes >= AMBER_MINUTES and not self.is_done

    @property
    def asks(self) -> bool:
        return self.seat.help_at is not None


@dataclass(frozen=True)
class Column:
    """One exercise in the histogram: how many trainees are at it. `percent` is of the highest column."""

    exercise: Exercise
    seats: int
    percent: int
    is_sticking: bool = False

    @property
    def top(self) -> int:
        return 100 - self.percent


@dataclass(frozen=True)
class Sticking:
    """The exercise that holds the class up, with the median of minutes on it and on the others."""

    number: int
    minutes: int
    elsewhere: int


@dataclass(frozen=True)
class Stuck:
    """Trainees who stay on one exercise for long and have not asked; most needed `usual` minutes for it, if known."""

    exercise: Exercise
    tiles: tuple[Tile, ...]
    usual: int | None


@dataclass(frozen=True)
class BoardFault:
    """A fault for the whole class. `on_for` says for how long it has been on, "" while it is off."""

    fault: ClassFault
    on_for: str


@dataclass(frozen=True)
class Board:
    training: TrainingClass
    tiles: Sequence[Tile]
    columns: Sequence[Column]
    sticking: Sticking | None
    asking: Sequence[Tile]  # longest wait first
    stuck: Sequence[Stuck]
    wrong_turns: Sequence[tuple[str, int]]
    faults: Sequence[BoardFault] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    join_code: str = ""

    @property
    def version(self) -> str:
        """Return a mark of what the board shows: a page that shows it already is left as it is."""
        now = timezone.now()
        shown_now = [
            (
                tile.seat.number,
                tile.seat.first_name,
                tile.exercise,
                tile.minutes,
                tile.is_done,
                tile.wrong_turn,
                tile.device,
                tile.seat.help_text,
                _minutes(tile.seat.help_at, now) if tile.seat.help_at else None,
            )
            for tile in self.tiles
        ]
        return hashlib.sha256(repr((shown_now, self.wrong_turns, self.sticking, self.faults)).encode()).hexdigest()[:16]


def board_of(training: TrainingClass, now: datetime) -> Board:
    """Read the board of a class as of now."""
    seats = list(training.seats.select_related("user", "namespace"))
    known = exercises()
    devices = _devices([seat.namespace_id for seat in seats if seat.namespace_id])
    rows = list(Progress.objects.filter(namespace__seat__training=training).order_by("started_at", "pk"))
    current = _current(rows)
    tiles = [_tile(seat, current.get(seat.user_id), known, devices, now) for seat in seats]
    sticking = _sticking(tiles)
    return Board(
        training,
        tiles,
        _columns(tiles, known, sticking),
        sticking,
        sorted((tile for tile in tiles if tile.asks), key=lambda tile: tile.seat.help_at or now),
        _stuck(tiles, rows),
        _wrong_turns(rows, now),
        _faults(training, now),
        _counts(tiles),
        shown(secret, training.pk) if (secret := opened(training.join_code)) else "",
    )


def _current(rows: Sequence[Progress]) -> dict[int, Progress]:
    """Return what each trainee is at: the exercise begun last that is not over, else the one begun last."""
    found: dict[int, Progress] = {}
    for row in rows:
        before = found.get(row.user_id)
        if before is None or _is_over(before) or not _is_over(row):
            found[row.user_id] = row
    return found


def _is_over(row: Progress) -> bool:
    return row.done_at is not None or row.skipped_at is not None


def _tile(
    seat: Seat, row: Progress | None, known: Mapping[str, Exercise], devices: Mapping[int, str], now: datetime
) -> Tile:
    if seat.joined_at is None:
        return Tile(seat)
    device = devices.get(seat.namespace_id or 0, NONE)
    exercise = known.get(row.exercise) if row else None
    if row is None or exercise is None:
        return Tile(seat, device=device, since=seat.joined_at, minutes=_minutes(seat.joined_at, now))
    since = row.done_at or row.skipped_at or row.started_at
    return Tile(
        seat,
        exercise,
        since,
        _minutes(since, now),
        _is_over(row),
        "" if _is_over(row) else wrong_turn_words(row.wrong_turn),
        device,
    )


def _minutes(since: datetime, now: datetime) -> int:
    return max(0, int((now - since).total_seconds() // 60))


def _devices(namespaces: Sequence[int]) -> dict[int, str]:
    """Return what the devices of each namespace do: one is connected, or the last one that tried was refused."""
    everything = Sight(everywhere=True)  # of the trainer, an administrator
    latest = ConnectionAttempt.objects.visible_to(everything).filter(namespace=OuterRef("pk")).order_by("-cursor")
    rows = Namespace.objects.filter(pk__in=namespaces).order_by()
    answers = rows.annotate(accepted=Subquery(latest.values("accepted")[:1]))
    found = {}
    for pk, connected, accepted in answers.values_list("pk", "clients_connected", "accepted"):
        found[pk] = CONNECTED if connected else REFUSED if accepted is False else NONE
    return found


def _sticking(tiles: Sequence[Tile]) -> Sticking | None:
    """Return the exercise on which trainees stay much longer than on the others."""
    minutes: dict[int, list[int]] = {}
    for tile in tiles:
        if tile.exercise is not None and not tile.is_done:
            minutes.setdefault(tile.exercise.number, []).append(tile.minutes)
    worst: Sticking | None = None
    for number, here in minutes.items():
        elsewhere = [each for other, others in minutes.items() if other != number for each in others]
        found = Sticking(number, round(statistics.median(here)), round(statistics.median(elsewhere or [0])))
        is_long = found.minutes >= AMBER_MINUTES and found.minutes >= 2 * found.elsewhere
        if len(here) >= STICKING_SEATS and is_long and (worst is None or found.minutes > worst.minutes):
            worst = found
    return worst


def _columns(tiles: Sequence[Tile], known: Mapping[str, Exercise], sticking: Sticking | None) -> list[Column]:
    counts = Counter(tile.exercise.number for tile in tiles if tile.exercise is not None)
    highest = max(counts.values(), default=1)
    return [
        Column(
            each,
            counts[each.number],
            round(100 * counts[each.number] / highest),
            sticking is not None and sticking.number == each.number,
        )
        for each in sorted(known.values(), key=lambda each: each.number)
    ]


def _stuck(tiles: Sequence[Tile], rows: Sequence[Progress]) -> list[Stuck]:
    """Return those who stay long and have not asked, by exercise, the longest wait first."""
    by_exercise: dict[str, list[Tile]] = {}
    for tile in sorted(tiles, key=lambda tile: -tile.minutes):
        if tile.is_slow and not tile.asks and not tile.is_free and tile.exercise is not None:
            by_exercise.setdefault(tile.exercise.slug, []).append(tile)
    found = []
    for slug, slow in by_exercise.items():
        needed = [_minutes(row.started_at, row.done_at) for row in rows if row.exercise == slug and row.done_at]
        exercise = slow[0].exercise
        assert exercise is not None
        found.append(Stuck(exercise, tuple(slow), round(statistics.median(needed)) if needed else None))
    return found


def _wrong_turns(rows: Sequence[Progress], now: datetime) -> list[tuple[str, int]]:
    since_then = now - TODAY
    taken = Counter(row.wrong_turn for row in rows if row.wrong_turn_at and row.wrong_turn_at > since_then)
    return [(wrong_turn_words(code), count) for code, count in taken.most_common(MOST_WRONG_TURNS)]


def _faults(training: TrainingClass, now: datetime) -> list[BoardFault]:
    found = []
    for fault in FAULTS:
        started = since(training, fault.code, now)
        seconds = int((now - started).total_seconds()) if started else -1
        found.append(BoardFault(fault, f"{seconds // 60}:{seconds % 60:02}" if started else ""))
    return found


def _counts(tiles: Sequence[Tile]) -> dict[str, int]:
    joined = [tile for tile in tiles if not tile.is_free]
    return {
        "seats": len(tiles),
        "joined": len(joined),
        "asking": sum(tile.asks for tile in joined),
        "connected": sum(tile.device == CONNECTED for tile in joined),
        "refused": sum(tile.device == REFUSED for tile in joined),
    }
