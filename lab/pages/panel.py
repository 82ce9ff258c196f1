"""The panel of an exercise: where one is, what to do, what has happened, and which wrong turn was taken."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.dateparse import parse_datetime
from django.utils.safestring import SafeString

from lab.actions.exercises.files import INTERMEDIATE, ROOT
from lab.catalogue.exercise import TRACKS, Exercise, WrongTurn
from lab.catalogue.markdown import as_html
from lab.catalogue.reading import exercise as exercise_of
from lab.catalogue.reading import exercises
from lab.models import Enrolment, Progress
from lab.places import has_lab
from namespaces.models import Namespace
from portal.models import User
from portal.pages.side_panel import SidePanel

PANEL = "lab/panel.html"
POLL_SECONDS = 2
PLACEHOLDER = re.compile(r"\{(\w+)\}")
# What the words of a wrong turn may name.
PLACEHOLDERS = frozenset({"file", "subject", "issuer", "user_name", "client", "thumbprint"})


@dataclass(frozen=True)
class Tick:
    """One exercise in the row of ticks: done, skipped, current or open."""

    exercise: Exercise
    state: str


@dataclass(frozen=True)
class Line:
    """One check: done, watching or waiting, and when it was first true."""

    text: str
    state: str
    at: datetime | None


@dataclass(frozen=True)
class ChainLine:
    """One file of the chain in a wrong turn, with what it is here."""

    file: str
    role: str  # "signed the next one" and so on
    mark: str  # "wanted", "taken" or ""


@dataclass(frozen=True)
class Turn:
    """The wrong turn in words, with the chain where files are concerned."""

    code: str
    words: str
    at: datetime | None
    chain: tuple[ChainLine, ...]


@dataclass(frozen=True)
class Hint:
    number: int
    text: SafeString


@dataclass(frozen=True)
class Panel:
    """What the panel shows."""

    exercise: Exercise
    progress: Progress
    namespace: Namespace | None
    position: int
    total: int
    groups: tuple[tuple[Tick, ...], ...]
    lines: tuple[Line, ...]
    turn: Turn | None
    hints: tuple[Hint, ...]
    next: Exercise | None
    is_folded: bool
    done_count: int

    @property
    def text(self) -> SafeString:
        return as_html(self.exercise.text)

    @property
    def hints_left(self) -> range:
        """Return the numbers of the hints that open after the next one."""
        return range(len(self.hints) + 2, len(self.exercise.hints) + 1)

    @property
    def next_hint(self) -> int:
        """Return the number of the hint that can be opened, 0 where all are open."""
        return len(self.hints) + 1 if len(self.hints) < len(self.exercise.hints) else 0

    @property
    def files(self) -> Sequence[str]:
        return sorted(f"{stem}.crt" for stem in self.progress.facts.get("files", {}))

    @property
    def version(self) -> str:
        """Return a mark of all that changes while one works, so that a poll swaps only what is new."""
        row = self.progress
        seen = [row.exercise, row.passed, row.wrong_turn, str(row.wrong_turn_at), row.hints_opened, str(row.done_at)]
        more = [str(row.skipped_at), self.is_folded, sorted(row.facts.get("files", {}))]
        return hashlib.sha256(json.dumps([*seen, *more]).encode()).hexdigest()[:16]

    poll_seconds = POLL_SECONDS


def enrolment_of(user: User) -> Enrolment | None:
    return Enrolment.objects.filter(user=user).select_related("namespace").first()


def progress_of(enrolment: Enrolment | None) -> Progress | None:
    """Return the progress in the exercise that is being worked on, or None."""
    if enrolment is None or enrolment.namespace_id is None or not enrolment.exercise:
        return None
    rows = Progress.objects.filter(user=enrolment.user_id, namespace=enrolment.namespace_id)
    return rows.filter(exercise=enrolment.exercise).first()


def panel_of(user: User) -> Panel | None:
    """Return the panel of the exercise that the person is working on; None where there is none."""
    enrolment = enrolment_of(user)
    progress = progress_of(enrolment)
    exercise = exercise_of(progress.exercise) if progress is not None else None
    if enrolment is None or progress is None or exercise is None:
        return None
    states = states_of(user, progress.namespace_id)
    every = exercises()
    at = every.index(exercise)
    return Panel(
        exercise=exercise,
        progress=progress,
        namespace=enrolment.namespace,
        position=at + 1,
        total=len(every),
        groups=_groups(every, states, exercise),
        lines=tuple(_lines(exercise, progress)),
        turn=_turn(exercise, progress),
        hints=tuple(Hint(n, as_html(text)) for n, text in enumerate(exercise.hints[: progress.hints_opened], 1)),
        next=every[at + 1] if at + 1 < len(every) else None,
        is_folded=enrolment.is_folded,
        done_count=sum(state == "done" for state in states.values()),
    )


def beside_pages(user: User) -> SidePanel | None:
    """Return the panel beside every page while an exercise runs."""
    if not has_lab() or not Enrolment.objects.filter(user=user, is_running=True).exists():
        return None
    panel = panel_of(user)
    return SidePanel(PANEL, panel) if panel is not None else None


def states_of(user: User, namespace_pk: int | None) -> dict[str, str]:
    """Return done, skipped or begun for each exercise that the person has begun in a namespace."""
    rows = Progress.objects.filter(user=user, namespace=namespace_pk)
    return {
        slug: "done" if done else "skipped" if skipped else "begun"
        for slug, done, skipped in rows.values_list("exercise", "done_at", "skipped_at")
    }


def _groups(every: Sequence[Exercise], states: Mapping[str, str], current: Exercise) -> tuple[tuple[Tick, ...], ...]:
    ticks = [
        Tick(each, "current" if each is current and states.get(each.slug) != "done" else states.get(each.slug, "open"))
        for each in every
    ]
    tracks = (tuple(tick for tick in ticks if tick.exercise.track == track) for track in TRACKS)
    return tuple(filter(None, tracks))


def _lines(exercise: Exercise, progress: Progress) -> Sequence[Line]:
    lines, is_first = [], True
    for each in exercise.checks:
        passed = progress.passed.get(each.key)
        state = "done" if passed else "watching" if is_first else "waiting"
        is_first = is_first and bool(passed)
        lines.append(Line(each.text, state, parse_datetime(passed) if passed else None))
    return lines


def _turn(exercise: Exercise, progress: Progress) -> Turn | None:
    turn = exercise.wrong_turn(progress.wrong_turn)
    if turn is None:
        return None
    facts: Mapping[str, str] = progress.wrong_turn_facts
    return Turn(turn.key, words_of(turn, facts), progress.wrong_turn_at, _chain(turn, progress, facts))


def words_of(turn: WrongTurn, facts: Mapping[str, str]) -> str:
    """Return the words with the names that belong to what happened."""
    return PLACEHOLDER.sub(lambda found: facts.get(found[1]) or found[1].replace("_", " "), turn.words)


def _chain(turn: WrongTurn, progress: Progress, facts: Mapping[str, str]) -> tuple[ChainLine, ...]:
    """Draw the chain, one line for each file, where a file of it was uploaded by mistake."""
    files: Mapping[str, Mapping[str, str]] = progress.facts.get("files", {})
    if turn.on not in {"upload", "row"} or not facts.get("thumbprint") or INTERMEDIATE not in files:
        return ()
    signed = [stem for stem in files if stem not in {ROOT, INTERMEDIATE}][:1]
    lines = []
    for stem in (ROOT, INTERMEDIATE, *signed):
        if stem not in files:
            continue
        is_taken = files[stem]["thumbprint"] == facts["thumbprint"]
        role = "signed the next one" if stem == ROOT else "upload this one" if stem == INTERMEDIATE else "the device's"
        mark = "taken" if is_taken else "wanted" if stem == INTERMEDIATE else ""
        lines.append(ChainLine(f"{stem}.crt", "you uploaded this" if is_taken else role, mark))
    return tuple(lines)
