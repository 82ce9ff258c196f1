"""Changes of a trainee's place in the lab: choose a namespace, begin, watch, open hints, skip, start over."""

from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from certificates.samples.chain import SampleChain
from lab.actions.exercises.files import facts_of, make_chain, old_facts
from lab.actions.exercises.start_states import apply_start, ask_for_approval, take_approvals_back
from lab.actions.exercises.wrong_turns import find_turn
from lab.catalogue.exercise import Exercise
from lab.catalogue.reading import exercise as exercise_of
from lab.checks import approvals, connections, operations, replacements, rows, rules  # noqa: F401  they register their checks
from lab.checks.situation import CHECKS, Situation, passes
from lab.models import Enrolment, Progress
from namespaces.models import Namespace
from portal.models import User

SHOW_A_REFUSAL = frozenset({"met", "refused"})  # checks that pass by a wrong turn, which stays named


@dataclass(frozen=True)
class Begun:
    """An exercise that has begun. `chain` has the keys of its files, and is kept nowhere; None where none was made."""

    progress: Progress
    chain: SampleChain | None


def begin(actor: User, *, namespace: Namespace, exercise: Exercise) -> Begun:
    """Begin an exercise, or start it over: put the namespace into its start state.

    Raise RuleError, AzureRefused or AzureUnreachable; the exercise is then begun all the same, so that it can be started over.
    """
    own = bool(exercise.start.get("own_chain"))
    known = _own_facts(actor, namespace, exercise) if own else {}
    files: dict[str, dict[str, str]] = known.get("files", {})
    begins_with_none = bool(exercise.start.get("no_files"))
    chain = None if files or begins_with_none else make_chain(exercise, at=timezone.now(), ahead=namespace.judged_ahead)
    if begins_with_none:
        files = {}
    former, starting_at = dict(files), timezone.now()
    if chain is not None:
        files = facts_of(chain) | old_facts(exercise, at=starting_at, ahead=namespace.judged_ahead)
    progress = _reset(actor, namespace, exercise, {"files": former, "own": own and chain is None})
    asked: dict[str, Any] | None = None
    try:
        apply_start(actor, namespace, exercise, files)
        asked = ask_for_approval(namespace, exercise)
    finally:
        was_made = chain is not None or bool(known.get("made"))
        progress.facts = {"files": files, "own": own, "made": was_made, "starting_at": starting_at.isoformat()}
        progress.facts |= {"approval": asked} if asked is not None else {}
        progress.started_at = timezone.now()
        progress.save()
    return Begun(progress, chain)


def _reset(actor: User, namespace: Namespace, exercise: Exercise, facts: dict[str, object]) -> Progress:
    """Set progress and enrolment to the beginning. Files of a former start are kept until they are deleted."""
    with transaction.atomic():
        progress = Progress.objects.filter(user=actor, namespace=namespace, exercise=exercise.slug).first()
        if progress is None:
            progress = Progress(user=actor, namespace=namespace, exercise=exercise.slug, facts=facts)
        progress.started_at = timezone.now()
        progress.done_at = progress.skipped_at = progress.shown_at = progress.wrong_turn_at = None
        progress.hints_opened, progress.wrong_turn = 0, ""
        progress.passed, progress.met, progress.wrong_turn_facts = {}, {}, {}
        progress.save()
        place = {"namespace": namespace, "exercise": exercise.slug, "is_running": True, "is_folded": False}
        Enrolment.objects.update_or_create(user=actor, defaults=place)
    return progress


def _own_facts(actor: User, namespace: Namespace, exercise: Exercise) -> dict[str, Any]:
    """Return the facts of the newest chain of the trainee's own in this namespace.

    The lab makes new files when an exercise is started over, since their keys are with the trainee, or lost.
    """
    begun = Progress.objects.filter(user=actor, namespace=namespace).order_by("-started_at", "-pk")
    found = (each for each in begun.values_list("facts", flat=True) if each.get("own") and each.get("files"))
    facts: dict[str, Any] = next(found, {})
    return {} if facts.get("made") and begun.filter(exercise=exercise.slug).exists() else facts


def watch(progress: Progress, namespace: Namespace) -> Progress:
    """Read what really happened, and note which checks are true by now, and the wrong turn if one was taken."""
    exercise = exercise_of(progress.exercise)
    if exercise is None or progress.done_at is not None:
        return progress
    with transaction.atomic():
        row = Progress.objects.select_for_update().get(pk=progress.pk)
        situation = Situation(row, namespace)
        before = (row.passed, row.facts, row.wrong_turn)
        _run_checks(situation, exercise)
        find_turn(situation, exercise)
        if exercise.checks and len(row.passed) == len(exercise.checks) and row.done_at is None:
            row.done_at = timezone.now()
            row.wrong_turn, row.wrong_turn_at, row.wrong_turn_facts = "", None, {}
        if (row.passed, row.facts, row.wrong_turn) != before or row.done_at is not None:
            row.save()
    if row.done_at is not None and "approval" in row.facts:
        take_approvals_back(namespace)
    return row


def _run_checks(situation: Situation, exercise: Exercise) -> None:
    row, has_gap = situation.progress, False
    for line in exercise.checks:
        if line.key in row.passed:
            continue
        is_costly = CHECKS[line.check].is_costly
        if not (is_costly and has_gap) and passes(situation, line.check, line.arguments):
            row.passed = row.passed | {line.key: timezone.now().isoformat()}
            is_right = line.check not in SHOW_A_REFUSAL
            if is_right and row.wrong_turn and not row.wrong_turn.startswith("row:"):
                row.wrong_turn, row.wrong_turn_at, row.wrong_turn_facts = "", None, {}
        else:
            has_gap = True


def open_hint(progress: Progress) -> None:
    """Open the next hint."""
    exercise = exercise_of(progress.exercise)
    most = len(exercise.hints) if exercise else 0
    Progress.objects.filter(pk=progress.pk, hints_opened__lt=most).update(hints_opened=progress.hints_opened + 1)


def skip(progress: Progress) -> None:
    """Skip an exercise that is not done. It can be begun again at any time."""
    Progress.objects.filter(pk=progress.pk, done_at=None).update(skipped_at=timezone.now())


def fold(actor: User, *, is_folded: bool) -> None:
    Enrolment.objects.filter(user=actor).update(is_folded=is_folded)


def close(actor: User) -> None:
    """Close the panel. Progress is kept."""
    Enrolment.objects.filter(user=actor).update(is_running=False)
