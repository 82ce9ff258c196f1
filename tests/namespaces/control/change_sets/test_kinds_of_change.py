"""Change sets that wait: when they no longer apply, and which kinds of change need approval."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from certificates.models import CACertificate
from namespaces.actions.change_sets import requests
from namespaces.actions.change_sets.applying import run_change_set
from namespaces.actions.change_sets.policy import set_policy
from namespaces.actions.clients import update_client
from namespaces.actions.configuration import set_possession, update_configuration
from namespaces.actions.ownership import assign_team
from namespaces.actions.roles import grant_role
from namespaces.control.cases import approval_state
from namespaces.control.rules.policy import Need, Policy
from namespaces.models import ChangeSet, Client, ControlPolicy, Namespace, Possession, Role
from namespaces.rules.errors import RuleError
from tests.namespaces.control.conftest import Plant, approve_now, held, leave_thumbprint, refused, state_of
from tests.support.database.factories import make_ca_certificate, make_configuration, make_user

pytestmark = pytest.mark.django_db
State = ChangeSet.State


def test_a_taken_name_makes_a_request_stale_until_it_fits_again(plant: Plant) -> None:
    change_set = plant.request()
    blocking = make_ca_certificate(plant.namespace, "Line-A-CA")
    approve_now(plant.olga, change_set)
    run_change_set(change_set.pk)
    assert state_of(change_set) == State.STALE
    assert change_set.problem_code == "taken"
    assert refused(requests.rebase, plant.dana, change_set=change_set).code == "taken"
    blocking.delete()
    requests.rebase(plant.dana, change_set=change_set)
    assert (state_of(change_set), change_set.revision) == (State.OPEN, 2)
    assert approval_state(change_set).counted == 0


def test_open_requests_are_marked_when_they_no_longer_apply(plant: Plant) -> None:
    change_set = plant.request()
    assert requests.note_those_that_no_longer_apply(timezone.now()) == 0
    make_ca_certificate(plant.namespace, "line-a-ca")
    assert requests.note_those_that_no_longer_apply(timezone.now()) == 1
    assert state_of(change_set) == State.STALE


def test_a_certificate_that_expires_while_its_request_waits_is_said_and_never_sent(plant: Plant) -> None:
    made = plant.request()
    approve_now(plant.lee, made)
    Namespace.objects.update(judged_ahead=timedelta(days=40000))  # the clock of certificates
    run_change_set(made.pk)
    made.refresh_from_db()
    assert (made.state, made.problem_code) == ("stale", "expired")
    assert made.problem.startswith("CA certificate line-a-ca: ")
    assert not CACertificate.objects.exists()
    with pytest.raises(RuleError) as refusal:
        requests.rebase(plant.dana, change_set=made)
    assert refusal.value.code == "expired"


def test_leaving_thumbprint_match_needs_approval(plant: Plant) -> None:
    found = held(leave_thumbprint, plant, plant.olga)
    assert found.needs == (Need.LEAVE_THUMBPRINT,)
    change_set = plant.request(plant.olga, found)
    approve_now(plant.lee, change_set)
    run_change_set(change_set.pk)
    assert Client.objects.get(name="press-2").validation_scheme == "SubjectMatchesAuthenticationName"


def test_an_object_that_was_edited_meanwhile_is_rebased(plant: Plant) -> None:
    change_set = plant.request(plant.olga, held(leave_thumbprint, plant, plant.olga))
    client = Client.objects.get(name="press-2")
    update_client(
        plant.olga,
        client=client,
        validation_scheme="ThumbprintMatch",
        thumbprints=client.thumbprints,
        state="Enabled",
        description="edited since",
        attributes={},
    )
    assert requests.note_those_that_no_longer_apply(timezone.now()) == 1
    assert state_of(change_set) == State.STALE
    assert change_set.problem_code == "changed-meanwhile"
    requests.rebase(plant.olga, change_set=change_set)
    approve_now(plant.lee, change_set)
    run_change_set(change_set.pk)
    client.refresh_from_db()
    assert (client.description, client.validation_scheme) == ("edited since", "SubjectMatchesAuthenticationName")


def test_changing_a_team_needs_approval(plant: Plant) -> None:
    client = Client.objects.get(name="press-1")
    change_set = plant.request(plant.olga, held(assign_team, plant.olga, row=client, team=plant.line_a))
    approve_now(plant.lee, change_set)
    run_change_set(change_set.pk)
    client.refresh_from_db()
    assert client.team == plant.line_a
    assert state_of(change_set) == State.DONE  # nothing is sent


def test_giving_owner_needs_approval_and_other_roles_do_not(plant: Plant) -> None:
    new = make_user("new")
    assert grant_role(plant.olga, namespace=plant.namespace, role=Role.READER, user=new)
    change_set = plant.request(
        plant.olga, held(grant_role, plant.olga, namespace=plant.namespace, role=Role.OWNER, user=new)
    )
    assert refused(approve_now, plant.lee, change_set).code == "no-right"  # no team is affected
    approve_now(plant.rita, change_set)
    run_change_set(change_set.pk)
    assert plant.namespace.roles.get(user=new).role == Role.OWNER


def test_alternative_name_sources_need_approval(plant: Plant) -> None:
    row = make_configuration(plant.namespace)
    values: dict[str, Any] = {"state": "Enabled", "max_sessions": 1, "max_expiry_hours": 1}
    found = held(update_configuration, plant.olga, configuration=row, sources=["ClientCertificateSubject"], **values)
    assert found.needs == (Need.NAME_SOURCES,)
    assert update_configuration(plant.olga, configuration=row, sources=[], **values).max_sessions == 1


def test_loosening_the_policy_needs_approval_and_tightening_does_not(plant: Plant) -> None:
    set_policy(plant.olga, namespace=plant.namespace, policy=Policy(enabled=True, approvals=2))
    found = held(set_policy, plant.olga, namespace=plant.namespace, policy=Policy(enabled=False))
    assert found.needs == (Need.POLICY,)
    change_set = plant.request(plant.olga, found)
    approve_now(plant.rita, change_set)
    assert state_of(change_set) == State.OPEN  # it takes two now
    ControlPolicy.objects.update(approvals=1)
    approve_now(plant.rita, change_set)
    assert approval_state(change_set).is_enough


def test_asking_for_less_proof_of_possession_needs_approval(plant: Plant) -> None:
    set_possession(plant.olga, namespace=plant.namespace, possession=Possession.REQUIRED)
    found = held(set_possession, plant.olga, namespace=plant.namespace, possession=Possession.OFF)
    assert found.needs == (Need.POLICY,)
    change_set = plant.request(plant.olga, found)
    approve_now(plant.rita, change_set)
    run_change_set(change_set.pk)
    plant.namespace.refresh_from_db()
    assert plant.namespace.possession == Possession.OFF
