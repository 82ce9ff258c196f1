"""What a trainee has done, as the trainer sees it over the shoulder."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from certificates.models import CACertificate
from lab.models import Progress, Seat
from lab.pages.class_exercises import Exercise, exercises, wrong_turn_words
from lab.pages.seat_screen import Screen, screen_on
from namespaces.models import Client, ConnectionAttempt
from portal.models import Activity
from sync.models import Sight, visible_activities

MOST_ATTEMPTS, MOST_ENTRIES, MOST_ROWS = 8, 10, 50


@dataclass(frozen=True)
class LookedAtExercise:
    row: Progress
    exercise: Exercise | None
    wrong_turn: str


@dataclass(frozen=True)
class Look:
    """The seat's exercises, what is in its namespace, and what happened last."""

    exercises: Sequence[LookedAtExercise]
    cas: Sequence[CACertificate]
    clients: Sequence[Client]
    attempts: Sequence[ConnectionAttempt]
    entries: Sequence[Activity]
    screen: Screen

    @property
    def version(self) -> str:
        """Return a mark of what is shown: a page that shows it already is left as it is."""
        parts = (
            [(each.row.exercise, each.row.done_at, each.row.hints_opened, each.wrong_turn) for each in self.exercises],
            [(row.pk, row.sync_state) for row in (*self.cas, *self.clients)],
            [row.cursor for row in self.attempts],
            [(row.pk, row.outcome) for row in self.entries],
            self.screen,
        )
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def look_at(seat: Seat) -> Look:
    """Read what a seat shows, for an administrator, who sees all of its namespace."""
    place, known = seat.namespace_id or 0, exercises()
    sight = Sight(whole=[place])
    progress = Progress.objects.filter(user=seat.user_id, namespace=place).order_by("-started_at", "-pk")
    return Look(
        [LookedAtExercise(row, known.get(row.exercise), wrong_turn_words(row.wrong_turn)) for row in progress],
        list(CACertificate.visible_to(sight).select_related("namespace").order_by("name")[:MOST_ROWS]),
        list(Client.visible_to(sight).select_related("namespace").order_by("name")[:MOST_ROWS]),
        list(ConnectionAttempt.objects.visible_to(sight).order_by("-cursor")[:MOST_ATTEMPTS]),
        list(visible_activities(sight).order_by("-at", "-pk")[:MOST_ENTRIES]),
        screen_on(seat),
    )
