"""Name the wrong turn: find the one that an exercise describes, and note it on the progress."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.utils import timezone

from lab.catalogue.exercise import Exercise
from lab.checks.connections import attempts_of
from lab.checks.situation import Situation, passes
from lab.models import Progress
from namespaces.models import ConnectionAttempt


def take_turn(
    progress: Progress, exercise: Exercise, on: str, code: str, facts: Mapping[str, str], *, at: datetime
) -> bool:
    """Note a wrong turn if the exercise describes one for this code. The caller saves the progress."""
    turn = next((each for each in exercise.wrong_turns if (each.on, each.code) == (on, code)), None)
    if turn is None or progress.done_at is not None:
        return False
    progress.wrong_turn, progress.wrong_turn_at, progress.wrong_turn_facts = turn.key, at, dict(facts)
    return True


def find_turn(situation: Situation, exercise: Exercise) -> None:
    """Note a wrong turn that rows or the connection log show. The caller saves the progress."""
    if not _of_rows(situation, exercise):
        _of_attempts(situation, exercise)


def _of_rows(situation: Situation, exercise: Exercise) -> bool:
    """Note the first wrong turn that is true of the rows now, or forget one that was undone."""
    progress, of_rows = situation.progress, [turn for turn in exercise.wrong_turns if turn.on == "row"]
    turn = next((each for each in of_rows if passes(situation, each.code, each.arguments)), None)
    if turn is None:
        if progress.wrong_turn.startswith("row:"):
            progress.wrong_turn, progress.wrong_turn_at, progress.wrong_turn_facts = "", None, {}
        return False
    if progress.wrong_turn == turn.key:
        return False
    file = str(turn.arguments.get("file", ""))
    known = situation.files.get(file, {})
    progress.wrong_turn, progress.wrong_turn_at = turn.key, timezone.now()
    progress.wrong_turn_facts = {
        "file": f"{file}.crt" if file else "",
        "client": str(turn.arguments.get("client", "")),
        **{name: known.get(name, "") for name in ("subject", "issuer", "thumbprint")},
    }
    return True


def _of_attempts(situation: Situation, exercise: Exercise) -> None:
    """Note the wrong turn of the newest attempt that has not been looked at."""
    if not any(turn.on == "connection" for turn in exercise.wrong_turns):
        return
    progress = situation.progress
    newest: ConnectionAttempt | None = attempts_of(situation).filter(cursor__gt=progress.facts.get("cursor", 0)).first()
    if newest is None:
        return
    progress.facts = progress.facts | {"cursor": newest.cursor}
    if not newest.accepted:
        at = min(newest.at, timezone.now() + timedelta(seconds=1))
        take_turn(progress, exercise, "connection", newest.code, _facts_of(newest), at=at)


def _facts_of(attempt: ConnectionAttempt) -> dict[str, str]:
    facts = {
        "client": attempt.client_name,
        "user_name": attempt.user_name,
        "subject": attempt.subject,
        "issuer": attempt.issuer,
        "thumbprint": attempt.thumbprint,
    }
    return {name: value[:200] for name, value in facts.items()}
