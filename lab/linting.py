"""Check exercises before trainees meet them: names of checks and steps, their arguments, files and words."""

import inspect
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from certificates.authentication.types import SCHEMES_BY_VALUE
from certificates.samples.chain import IssuingError, check_client_name
from lab.actions.exercises.files import INTERMEDIATE, OLD, ROOT, make_chain, names_of, old_facts
from lab.actions.exercises.show_steps import STEPS
from lab.catalogue.exercise import Exercise, ExerciseError, read_exercise
from lab.catalogue.reading import exercise_folders
from lab.checks import approvals, connections, operations, replacements, rows, rules  # noqa: F401  they register their checks
from lab.checks.situation import CHECKS
from lab.pages.panel import PLACEHOLDER, PLACEHOLDERS
from namespaces.control.rules.policy import Need
from sync.capabilities.fault_training import LESSONS

START_KEYS = frozenset(
    {
        *("certificates", "lifetime_days", "own_chain", "no_files", "uploaded", "not_uploaded"),
        *("clients", "absent", "old_chain"),
        *("in_azure", "faults", "approval"),
    }
)
LONGEST_GOAL = 240  # characters: two sentences


def problems_in(folder: Path) -> Iterator[str]:
    """Yield what is wrong with the exercises in a folder, each with the name of its own folder."""
    slugs: dict[str, str] = {}
    for each in exercise_folders(folder):
        try:
            exercise = read_exercise(each)
        except ExerciseError as error:
            yield f"{each.name}: {error}"
            continue
        if exercise.slug in slugs:
            yield f"{each.name}: {slugs[exercise.slug]} has the same slug."
        slugs.setdefault(exercise.slug, each.name)
        yield from (f"{each.name}: {problem}" for problem in problems_of(exercise))


def problems_of(exercise: Exercise) -> Iterator[str]:
    """Yield what is wrong with one exercise."""
    if len(exercise.goal) > LONGEST_GOAL or exercise.goal.count(". ") > 1:
        yield "goal has more than two sentences or 240 characters."
    if not exercise.checks:
        yield "There is no check: an exercise without one is never done."
    if not exercise.hints:
        yield "hint-1.md is missing."
    if not exercise.show_me:
        yield "There is no step of show_me."
    files = set()
    try:
        for name in names_of(exercise):
            check_client_name(name)
        files = set(_files(exercise))
    except IssuingError as error:
        yield f"start.certificates: {error.sentence}"
    yield from _start_problems(exercise, files)
    yield from _call_problems(exercise, files)


def _files(exercise: Exercise) -> Iterator[str]:
    chain = make_chain(exercise, at=datetime(2026, 1, 1, tzinfo=UTC))
    yield from (ROOT, INTERMEDIATE)
    yield from old_facts(exercise, at=datetime(2026, 1, 1, tzinfo=UTC))
    yield from (each.file_name for each in (chain.clients if chain is not None else ()))


def _start_problems(exercise: Exercise, files: set[str]) -> Iterator[str]:
    start = exercise.start
    if unknown := set(start) - START_KEYS:
        yield f"start has unknown keys: {', '.join(sorted(unknown))}."
    for file in (*start.get("uploaded", ()), *start.get("not_uploaded", ())):
        if file.removeprefix(OLD) not in {ROOT, INTERMEDIATE}:
            yield f"start.uploaded: {file} is neither {ROOT} nor {INTERMEDIATE}."
    for table in start.get("clients", ()):
        if table.get("scheme", "SubjectMatchesAuthenticationName") not in SCHEMES_BY_VALUE:
            yield f"start.clients: {table.get('scheme')} is no validation scheme."
    for code in start.get("approval", ()):
        if code not in set(Need):
            yield f"start.approval: {code} is none of {', '.join(Need)}."
    known = {lesson.code for lesson in LESSONS}
    for code in start.get("faults", ()):
        if code not in known:
            yield f"start.faults: {code} is none of {', '.join(sorted(known))}."


def _call_problems(exercise: Exercise, files: set[str]) -> Iterator[str]:
    for line in exercise.checks:
        known = CHECKS.get(line.check)
        yield from _arguments(f"check {line.check}", known.function if known else None, line.arguments, files)
    for shown in exercise.show_me:
        step = STEPS.get(shown.step)
        yield from _arguments(f"step {shown.step}", step[0] if step else None, shown.arguments, files)
    keys = [turn.key for turn in exercise.wrong_turns]
    for turn in exercise.wrong_turns:
        if keys.count(turn.key) > 1:
            yield f"wrong turn {turn.key} is described twice."
        if turn.on == "row":
            known = CHECKS.get(turn.code)
            yield from _arguments(f"wrong turn {turn.code}", known.function if known else None, turn.arguments, files)
        elif turn.arguments:
            yield f"wrong turn {turn.code}: {', '.join(turn.arguments)} belongs to wrong turns of rows only."
        if unknown := set(PLACEHOLDER.findall(turn.words)) - PLACEHOLDERS:
            yield f"wrong turn {turn.code}: {{{'}, {'.join(sorted(unknown))}}} is none of {', '.join(sorted(PLACEHOLDERS))}."


def _arguments(what: str, function: Any, arguments: Mapping[str, Any], files: set[str]) -> Iterator[str]:
    if function is None:
        yield f"{what} does not exist."
        return
    try:
        inspect.signature(function).bind(None, **arguments)
    except TypeError as error:
        yield f"{what}: {error}."
    for name in ("file", "through"):
        if files and arguments.get(name) and arguments[name] not in files:
            yield f"{what}: {arguments[name]} is none of the files: {', '.join(sorted(files))}."
