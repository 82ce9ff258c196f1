"""Requesting and approving change sets through the actions: who may, and what voids an approval."""

from datetime import timedelta

import pytest
from django.utils import timezone

from certificates.models import CACertificate
from namespaces.actions.change_sets import requests
from namespaces.actions.change_sets.applying import run_change_set
from namespaces.actions.change_sets.decisions import approve, comment, decline
from namespaces.control.cases import approval_state
from namespaces.control.rules.policy import Need
from namespaces.models import ChangeSet, Client, ControlPolicy, Role
from portal.models import Activity, Membership
from tests.namespaces.control.conftest import Plant, approve_now, confirm_in_azure, refused, state_of, told
from tests.support.database.factories import make_client, make_team, make_user

pytestmark = pytest.mark.django_db
State = ChangeSet.State


def test_an_upload_that_reaches_others_saves_nothing_and_asks(plant: Plant) -> None:
    found = plant.held()
    assert found.needs == (Need.CA_UPLOAD,)
    assert not CACertificate.objects.exists()
    assert not Activity.objects.exists()
    [draft] = found.drafts
    assert (draft.kind, draft.operation, draft.name, draft.team) == (
        "ca_certificate",
        "create",
        "line-a-ca",
        plant.line_a,
    )
    assert "BEGIN CERTIFICATE" in (draft.values or {})["certificate"]


def test_an_upload_that_reaches_no_other_team_is_saved(plant: Plant) -> None:
    Client.objects.filter(name="press-1").update(team=plant.line_a)
    assert plant.upload().pk


def test_nothing_needs_approval_where_the_policy_is_off(plant: Plant) -> None:
    ControlPolicy.objects.update(enabled=False)
    assert plant.upload().pk


def test_an_approved_upload_is_written_and_sent(plant: Plant) -> None:
    change_set = plant.request()
    assert change_set.state == State.OPEN
    assert not CACertificate.objects.exists()
    assert told(plant.olga) == told(plant.lee) == {"change_set_requested"}
    assert told(plant.rita) == set()
    approve_now(plant.olga, change_set)
    run_change_set(change_set.pk)
    row = CACertificate.objects.get()
    assert (row.name, row.team, row.created_by, row.is_settled) == ("line-a-ca", plant.line_a, plant.dana, False)
    assert state_of(change_set) == State.SENDING
    assert Activity.objects.get(verb="Upload certificate").reason.startswith("change set")
    confirm_in_azure(CACertificate)
    run_change_set(change_set.pk)
    assert state_of(change_set) == State.DONE
    assert {"change_set_approved", "change_set_applied"} <= told(plant.dana)


@pytest.mark.parametrize("name", ["dana", "rita"])
def test_the_own_side_never_approves(plant: Plant, name: str) -> None:
    change_set = plant.request()
    assert refused(approve_now, getattr(plant, name), change_set).code == "own"
    assert refused(decline, getattr(plant, name), change_set=change_set, reason="No").code == "own"


def test_a_colleague_who_left_the_team_after_the_request_never_approves(plant: Plant) -> None:
    change_set = plant.request()
    Membership.objects.filter(user=plant.rita).delete()
    assert refused(approve_now, plant.rita, change_set).code == "own"


def test_an_owner_who_joins_the_team_after_the_request_never_approves(plant: Plant) -> None:
    change_set = plant.request()
    approve_now(plant.olga, change_set)
    plant.line_a.members.add(plant.olga)
    run_change_set(change_set.pk)
    assert state_of(change_set) == State.OPEN
    assert not CACertificate.objects.exists()


def test_a_right_that_is_newer_than_the_request_does_not_count(plant: Plant) -> None:
    late = make_user("late")
    change_set = plant.request()
    plant.namespace.roles.create(user=late, role=Role.OWNER)
    assert refused(approve_now, late, change_set).code == "too-new"


def test_a_right_that_was_taken_and_given_again_is_a_new_one(plant: Plant) -> None:
    change_set = plant.request()
    plant.namespace.roles.filter(user=plant.olga).delete()
    plant.namespace.roles.create(user=plant.olga, role=Role.OWNER)
    assert refused(approve_now, plant.olga, change_set).code == "too-new"


def test_a_right_that_is_lost_before_applying_voids_the_approval(plant: Plant) -> None:
    change_set = plant.request()
    approve_now(plant.olga, change_set)
    plant.namespace.roles.filter(user=plant.olga).delete()
    run_change_set(change_set.pk)
    assert state_of(change_set) == State.OPEN
    assert not CACertificate.objects.exists()


def test_clients_of_one_more_team_void_the_approval(plant: Plant) -> None:
    change_set = plant.request()
    approve_now(plant.olga, change_set)
    make_client(plant.namespace, "oven-1", team=make_team("Line C"))
    run_change_set(change_set.pk)
    assert state_of(change_set) == State.OPEN
    assert not CACertificate.objects.exists()
    approve_now(plant.olga, change_set)
    run_change_set(change_set.pk)
    assert CACertificate.objects.exists()


def test_more_clients_of_the_same_teams_change_nothing(plant: Plant) -> None:
    change_set = plant.request()
    approve_now(plant.olga, change_set)
    make_client(plant.namespace, "press-3", team=plant.line_b)
    run_change_set(change_set.pk)
    assert CACertificate.objects.exists()


def test_an_approval_names_what_was_shown(plant: Plant) -> None:
    change_set = plant.request()
    shown = approval_state(change_set).shown
    requests.edit_texts(plant.dana, change_set=change_set, title="Other", reason="Other")
    assert refused(approve, plant.olga, change_set=change_set, shown=shown).code == "changed-meanwhile"


def test_an_edit_voids_the_approvals(plant: Plant) -> None:
    plant.namespace.control_policy.approvals = 2
    ControlPolicy.objects.update(approvals=2)
    change_set = plant.request()
    approve_now(plant.olga, change_set)
    requests.edit_texts(plant.dana, change_set=change_set, title="New CA", reason="The old one expires.")
    change_set.refresh_from_db()
    assert approval_state(change_set).counted == 0


def test_two_approvals_are_of_two_people(plant: Plant) -> None:
    ControlPolicy.objects.update(approvals=2)
    change_set = plant.request()
    for _ in range(3):  # two tabs and a replay
        approve_now(plant.olga, change_set)
    assert state_of(change_set) == State.OPEN
    approve_now(plant.lee, change_set)
    assert state_of(change_set) == State.APPROVED


def test_leads_and_owners_approve_as_the_policy_says(plant: Plant) -> None:
    change_set = plant.request()
    ControlPolicy.objects.update(by_owners=False)
    assert refused(approve_now, plant.olga, change_set).code == "no-right"
    ControlPolicy.objects.update(by_owners=True, by_leads=False)
    assert refused(approve_now, plant.lee, change_set).code == "no-right"


def test_a_lead_of_a_team_that_is_not_affected_does_not_count(plant: Plant) -> None:
    other = make_user("other")
    team = make_team("Line C", other)
    Membership.objects.filter(team=team).update(is_lead=True)
    plant.namespace.roles.create(user=other, role=Role.READER)
    assert refused(approve_now, other, plant.request()).code == "no-right"


def test_a_decline_gives_its_reason_to_the_requester(plant: Plant) -> None:
    change_set = plant.request()
    assert refused(decline, plant.olga, change_set=change_set, reason=" ").field == "reason"
    decline(plant.olga, change_set=change_set, reason="Ask Line B first.")
    assert state_of(change_set) == State.DECLINED
    assert "change_set_declined" in told(plant.dana)
    assert refused(approve_now, plant.lee, change_set).code == "not-open"


def test_a_comment_reaches_the_requester(plant: Plant) -> None:
    comment(plant.lee, change_set=plant.request(), text="Why ten years?")
    assert "change_set_comment" in told(plant.dana)


def test_only_the_requester_withdraws(plant: Plant) -> None:
    change_set = plant.request()
    assert refused(requests.withdraw, plant.olga, change_set=change_set).code == "not-yours"
    requests.withdraw(plant.dana, change_set=change_set)
    assert state_of(change_set) == State.WITHDRAWN


def test_a_request_expires(plant: Plant) -> None:
    change_set = plant.request()
    ChangeSet.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert refused(approve_now, plant.olga, change_set).code == "not-open"
    assert requests.close_over(timezone.now()) == 1
    assert state_of(change_set) == State.EXPIRED
