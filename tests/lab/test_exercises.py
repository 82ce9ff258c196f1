"""Every exercise headless: by its right path, from its start state, and back to it."""

import pytest
from django.test import Client as Browser
from django.utils import timezone

from lab.actions.exercises.progress import begin
from lab.actions.exercises.showing import show_me
from lab.catalogue.exercise import Exercise
from lab.catalogue.reading import OWN, exercises
from lab.linting import problems_in
from lab.models import Enrolment, Progress
from tests.lab.conftest import Classroom
from tests.lab.wrong_turns import Trainee

ORDER = {"row": 1, "form": 2}  # the others leave no row behind
EVERY = [pytest.param(each, id=each.slug) for each in exercises()]


def test_our_exercises_are_fine() -> None:
    assert list(problems_in(OWN)) == []
    assert len(EVERY) >= 14


@pytest.mark.parametrize("exercise", EVERY)
def test_the_right_path_is_done(classroom: Classroom, exercise: Exercise) -> None:
    show_me(classroom.trainee, namespace=classroom.namespace, exercise=exercise, wait=classroom.wait)
    classroom.push()
    found = classroom.look(exercise.slug)
    assert sorted(found.passed) == sorted(line.key for line in exercise.checks)
    assert found.done_at is not None
    assert found.shown_at is not None


@pytest.mark.parametrize("exercise", EVERY)
def test_the_start_state_is_not_done_and_comes_back(classroom: Classroom, exercise: Exercise) -> None:
    begin(classroom.trainee, namespace=classroom.namespace, exercise=exercise)
    classroom.push()
    assert classroom.look(exercise.slug).done_at is None
    show_me(classroom.trainee, namespace=classroom.namespace, exercise=exercise, wait=classroom.wait)
    classroom.push()
    classroom.look(exercise.slug)
    began = timezone.now()
    begun = begin(classroom.trainee, namespace=classroom.namespace, exercise=exercise)
    classroom.push()
    found = classroom.look(exercise.slug)
    assert found.done_at is None
    assert begun.progress.started_at >= began
    assert Progress.objects.filter(user=classroom.trainee).count() == 1
    assert Enrolment.objects.get(user=classroom.trainee).exercise == exercise.slug


@pytest.mark.parametrize("exercise", EVERY)
def test_each_wrong_turn_is_named(classroom: Classroom, client: Browser, exercise: Exercise) -> None:
    client.force_login(classroom.trainee)
    begun = begin(classroom.trainee, namespace=classroom.namespace, exercise=exercise)
    classroom.push()
    classroom.look(exercise.slug)
    trainee = Trainee(classroom, begun, exercise, client)
    named = []
    turns = sorted(exercise.wrong_turns, key=lambda each: ORDER.get(each.on, 0))
    for turn in turns:
        undo = trainee.take(turn)
        named.append(classroom.look(exercise.slug).wrong_turn)
        undo()
        classroom.push()
        classroom.look(exercise.slug)
    assert named == [turn.key for turn in turns]
