"""The report of a class as rows of a CSV file: what each trainee did."""

from collections.abc import Sequence
from datetime import UTC, datetime

from lab.models import Progress, Seat, TrainingClass
from lab.pages.class_exercises import exercises, wrong_turn_words

HEADINGS = (
    *("Seat", "First name", "Joined (UTC)", "Done", "Skipped", "Shown", "Hints opened", "Minutes"),
    *("Exercises done", "Last exercise", "Last wrong turn"),
)


def report_of(training: TrainingClass) -> Sequence[Sequence[object]]:
    """Return one row for each seat that was taken; of a class that has ended, as they were at the end."""
    if training.report is not None:
        kept: Sequence[Sequence[object]] = training.report
        return kept
    rows: dict[int, list[Progress]] = {}
    for row in Progress.objects.filter(namespace__seat__training=training).order_by("started_at", "pk"):
        rows.setdefault(row.user_id, []).append(row)
    return [_row(seat, rows.get(seat.user_id, [])) for seat in training.seats.joined()]


def _row(seat: Seat, progress: Sequence[Progress]) -> list[object]:
    known = exercises()
    done = [row for row in progress if row.done_at is not None]
    seconds = sum((row.done_at - row.started_at).total_seconds() for row in done if row.done_at)
    turns = [row for row in progress if row.wrong_turn]
    titles = [known[row.exercise].title if row.exercise in known else row.exercise for row in progress]
    numbers = sorted(known[row.exercise].number for row in done if row.exercise in known)
    return [
        seat.number,
        seat.first_name,
        _utc(seat.joined_at),
        len(done),
        sum(row.skipped_at is not None for row in progress),
        sum(row.shown_at is not None for row in progress),
        sum(row.hints_opened for row in progress),
        round(seconds / 60),
        ", ".join(map(str, numbers)),
        titles[-1] if titles else "",
        wrong_turn_words(turns[-1].wrong_turn) if turns else "",
    ]


def _utc(value: datetime | None) -> str:
    return value.astimezone(UTC).isoformat(" ")[:19] if value else ""
