"""An exercise may ask for approval of more changes, never of fewer, and takes back only what it asked itself."""

from dataclasses import replace

import pytest

from lab.actions.exercises.progress import begin
from lab.actions.exercises.showing import show_me
from lab.catalogue.exercise import Exercise
from lab.catalogue.reading import exercise as exercise_of
from namespaces.actions.change_sets.policy import set_policy
from namespaces.control.rules.policy import Need, Policy
from namespaces.control.standing import policy_of
from portal.models import Activity
from tests.lab.conftest import Classroom

APPROVAL, OTHER = "a-second-person", "a-ca-that-reaches-too-far"
STRICT = Policy(enabled=True, needs=frozenset({Need.OTHER_ROLE}), approvals=2)


def known(slug: str) -> Exercise:
    found = exercise_of(slug)
    assert found is not None
    return found


def start(classroom: Classroom, slug: str) -> None:
    begin(classroom.trainee, namespace=classroom.namespace, exercise=known(slug))
    classroom.push()


def now(classroom: Classroom) -> Policy:
    return policy_of(classroom.namespace.pk)


def test_the_policy_is_as_before_after_the_exercise(classroom: Classroom) -> None:
    start(classroom, APPROVAL)
    assert (now(classroom).enabled, now(classroom).needs) == (True, frozenset({Need.LEAVE_THUMBPRINT}))
    start(classroom, APPROVAL)
    start(classroom, OTHER)
    assert not now(classroom).enabled
    verbs = Activity.objects.of_scope(classroom.namespace.pk).filter(verb="Change approval policy")
    assert verbs.count() == 4  # asked and taken back, twice


def test_the_policy_is_as_before_once_the_exercise_is_done(classroom: Classroom) -> None:
    show_me(classroom.trainee, namespace=classroom.namespace, exercise=known(APPROVAL), wait=classroom.wait)
    classroom.push()
    assert classroom.look(APPROVAL).done_at is not None
    assert not now(classroom).enabled


def test_a_policy_that_asks_for_approval_is_never_loosened(classroom: Classroom) -> None:
    set_policy(classroom.trainee, namespace=classroom.namespace, policy=STRICT)
    start(classroom, APPROVAL)
    assert now(classroom) == replace(STRICT, needs=STRICT.needs | {Need.LEAVE_THUMBPRINT})


@pytest.mark.parametrize("needs", [frozenset(Need), frozenset({Need.LEAVE_THUMBPRINT, Need.CA_UPLOAD})])
def test_a_policy_that_a_person_has_changed_meanwhile_stays(classroom: Classroom, needs: frozenset[Need]) -> None:
    start(classroom, APPROVAL)
    changed = replace(now(classroom), needs=needs)
    set_policy(classroom.trainee, namespace=classroom.namespace, policy=changed)
    start(classroom, OTHER) if needs != frozenset(Need) else classroom.look(APPROVAL)
    assert now(classroom) == changed
