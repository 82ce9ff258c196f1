"""Requesting, approving and applying change sets through the actions."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from certificates.actions.ca_certificates import delete_ca_certificate, update_ca_certificate
from certificates.models import CACertificate
from namespaces.actions.bulk import CHANGES, change_clients
from namespaces.actions.change_sets import emergency, inverses, requests
from namespaces.actions.change_sets.applying import run_change_set
from namespaces.actions.change_sets.decisions import approve, comment, decline
from namespaces.actions.change_sets.policy import set_policy
from namespaces.actions.clients import create_client, update_client
from namespaces.actions.configuration import set_possession, update_configuration
from namespaces.actions.ownership import assign_team
from namespaces.actions.roles import grant_role
from namespaces.control.cases import approval_state
from namespaces.control.gate import NeedsApproval
from namespaces.control.rules.policy import Need, Policy
from namespaces.models import ChangeSet, Client, ControlPolicy, Namespace, Possession, Role
from namespaces.rules.errors import RuleError
from namespaces.tasks import follow_change_sets, tidy_change_sets
from portal.models import Activity, Membership, NoticeRecipient, User
from tests.namespaces.control.conftest import Plant, approve_now
from tests.support.factories import make_ca_certificate, make_client, make_configuration, make_team, make_user

pytestmark = pytest.mark.django_db
State = ChangeSet.State


def refused(call: Any, *args: Any, **kwargs: Any) -> RuleError:
    with pytest.raises(RuleError) as refusal:
        call(*args, **kwargs)
    return refusal.value


def held(call: Any, *args: Any, **kwargs: Any) -> NeedsApproval:
    with pytest.raises(NeedsApproval) as found:
        call(*args, **kwargs)
    return found.value


def state_of(change_set: ChangeSet) -> str:
    change_set.refresh_from_db()
    return change_set.state


def confirm_in_azure(*models: Any) -> None:
    """Let Azure confirm everything that waits."""
    for model in models:
        model.objects.filter(deleted_at__isnull=False).delete()
        for row in model.objects.all():
            model.objects.filter(pk=row.pk).update(synced_generation=row.generation, parked_code="")


def told(user: User) -> set[str]:
    return set(NoticeRecipient.objects.filter(user=user).values_list("notice__event", flat=True))


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


def leave_thumbprint(plant: Plant, actor: User, **fields: Any) -> Client:
    client = Client.objects.get(name="press-2")
    values = {"state": "Enabled", "description": "", "attributes": {}, **fields}
    scheme = "SubjectMatchesAuthenticationName"
    return update_client(actor, client=client, validation_scheme=scheme, **values)


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


def test_deletions_follow_when_azure_has_confirmed_the_rest(plant: Plant) -> None:
    old = make_ca_certificate(plant.namespace, "old-ca", team=plant.line_a)
    change_set = plant.request()
    draft = requests.keep_draft(plant.dana, held(delete_ca_certificate, plant.dana, certificate=old))
    requests.add_to(plant.dana, draft=draft, change_set=change_set)
    approve_now(plant.olga, change_set)
    run_change_set(change_set.pk)
    old.refresh_from_db()
    assert old.deleted_at is None
    confirm_in_azure(CACertificate)
    run_change_set(change_set.pk)
    old.refresh_from_db()
    assert old.deleted_at is not None
    assert state_of(change_set) == State.SENDING
    confirm_in_azure(CACertificate)
    run_change_set(change_set.pk)
    assert state_of(change_set) == State.DONE


def test_a_rejection_of_azure_parks_it_until_a_retry(plant: Plant) -> None:
    change_set = plant.request()
    approve_now(plant.olga, change_set)
    run_change_set(change_set.pk)
    CACertificate.objects.update(parked_code="InvalidRequest", parked_message="No.")
    run_change_set(change_set.pk)
    assert state_of(change_set) == State.PARKED
    assert "InvalidRequest" in change_set.problem
    assert "change_set_parked" in told(plant.dana)
    confirm_in_azure(CACertificate)
    run_change_set(change_set.pk)
    assert state_of(change_set) == State.DONE


def test_what_was_edited_again_before_azure_had_it_is_called_overtaken(plant: Plant) -> None:
    change_set = plant.request()
    approve_now(plant.olga, change_set)
    run_change_set(change_set.pk)
    CACertificate.objects.update(parked_code="InvalidRequest", parked_message="No.")
    run_change_set(change_set.pk)
    update_ca_certificate(plant.dana, certificate=CACertificate.objects.get(), description="edited since")
    run_change_set(change_set.pk)
    assert state_of(change_set) == State.DONE
    assert change_set.changes.get().overtaken


def test_a_stopped_set_is_given_up_and_can_be_undone(plant: Plant) -> None:
    change_set = plant.request()
    approve_now(plant.olga, change_set)
    run_change_set(change_set.pk)
    CACertificate.objects.update(parked_code="InvalidRequest", parked_message="No.")
    run_change_set(change_set.pk)
    requests.withdraw(plant.dana, change_set=change_set)
    assert state_of(change_set) == State.WITHDRAWN
    run_change_set(change_set.pk)
    assert state_of(change_set) == State.WITHDRAWN
    assert inverses.build_inverse(plant.dana, change_set=change_set).changes.get().operation == "delete"


def test_a_set_is_written_whole_or_not_at_all(plant: Plant) -> None:
    ControlPolicy.objects.update(needs=[*plant.policy.needs, "client_create"])
    found = held(make_new_client, plant, "new-1")
    change_set = plant.request(plant.dana, found)
    second = requests.keep_draft(plant.dana, held(make_new_client, plant, "new-2"))
    requests.add_to(plant.dana, draft=second, change_set=change_set)
    approve_now(plant.olga, change_set)
    make_client(plant.namespace, "new-2")
    run_change_set(change_set.pk)
    assert state_of(change_set) == State.STALE
    assert not Client.objects.filter(name="new-1").exists()


def make_new_client(plant: Plant, name: str) -> Client:
    scheme = "SubjectMatchesAuthenticationName"
    return create_client(
        plant.dana,
        namespace=plant.namespace,
        team=plant.line_a,
        name=name,
        authentication_name="",
        validation_scheme=scheme,
    )


def test_a_bulk_change_becomes_one_request(plant: Plant) -> None:
    ControlPolicy.objects.update(needs=[*plant.policy.needs, "client_delete"])
    pks = list(Client.objects.order_by("pk").values_list("pk", flat=True))
    found = held(change_clients, plant.olga, namespace=plant.namespace, change=CHANGES["delete"], pks=pks)
    assert [draft.name for draft in found.drafts] == ["press-1", "press-2"]
    assert Client.objects.present().count() == 2
    change_set = plant.request(plant.olga, found)
    approve_now(plant.lee, change_set)
    run_change_set(change_set.pk)
    assert Client.objects.present().count() == 0


def test_the_inverse_undoes_it_and_needs_approval_too(plant: Plant) -> None:
    change_set = plant.request(plant.olga, held(leave_thumbprint, plant, plant.olga))
    approve_now(plant.lee, change_set)
    run_change_set(change_set.pk)
    undo = inverses.build_inverse(plant.olga, change_set=change_set)
    undo = requests.request_approval(plant.olga, change_set=undo, title=undo.title, reason="A mistake")
    assert undo.inverse_of == change_set
    assert undo.state == State.APPROVED  # going back to Thumbprint Match needs no approval
    run_change_set(undo.pk)
    row = Client.objects.get(name="press-2")
    assert (row.validation_scheme, row.thumbprints) == ("ThumbprintMatch", ["a" * 64])


def test_the_inverse_of_an_upload_deletes_it(plant: Plant) -> None:
    change_set = plant.request()
    approve_now(plant.olga, change_set)
    run_change_set(change_set.pk)
    undo = inverses.build_inverse(plant.dana, change_set=change_set)
    undo = requests.request_approval(plant.dana, change_set=undo, title="Undo", reason="A mistake")
    assert undo.needs == ["ca_delete"]
    approve_now(plant.olga, undo)
    run_change_set(undo.pk)
    assert CACertificate.objects.get().deleted_at is not None


def test_an_emergency_is_announced_before_a_worker_writes_anything(plant: Plant) -> None:
    draft = requests.keep_draft(plant.olga, plant.held(plant.olga, team=None))
    assert (
        refused(emergency.apply_at_once, plant.olga, change_set=draft, reason="Now", is_proven=False).code
        == "not-proven"
    )
    made = emergency.apply_at_once(plant.olga, change_set=draft, reason="The line stands still.", is_proven=True)
    assert {"change_set_emergency"} <= told(plant.lee) & told(plant.rita)
    assert not CACertificate.objects.exists()
    run_change_set(made.pk)
    assert CACertificate.objects.exists()
    assert list(ChangeSet.objects.unconfirmed_emergencies()) == [made]
    assert refused(emergency.confirm, plant.olga, change_set=made).code == "own"
    emergency.confirm(plant.rita, change_set=made)
    assert not ChangeSet.objects.unconfirmed_emergencies().exists()


def test_an_emergency_is_for_owners_and_can_be_turned_off(plant: Plant) -> None:
    draft = requests.keep_draft(plant.dana, plant.held())
    values = {"change_set": draft, "reason": "Now", "is_proven": True}
    assert refused(emergency.apply_at_once, plant.dana, **values).code == "no-longer-allowed"
    ControlPolicy.objects.update(emergency=False)
    mine = requests.keep_draft(plant.olga, plant.held(plant.olga, team=None))
    assert refused(emergency.apply_at_once, plant.olga, **values | {"change_set": mine}).code == "emergency-off"


def test_a_requester_who_lost_the_right_applies_nothing(plant: Plant) -> None:
    change_set = plant.request()
    approve_now(plant.olga, change_set)
    plant.namespace.roles.filter(user=plant.dana).delete()
    run_change_set(change_set.pk)
    assert state_of(change_set) == State.STALE
    assert not CACertificate.objects.exists()


def test_a_draft_is_forgotten_after_a_day(plant: Plant) -> None:
    draft = requests.keep_draft(plant.dana, plant.held())
    ChangeSet.objects.update(expires_at=timezone.now())
    requests.close_over(timezone.now())
    assert not ChangeSet.objects.filter(pk=draft.pk).exists()


def test_the_clock_goes_on_with_what_a_lost_message_left(plant: Plant) -> None:
    change_set = plant.request()
    approve_now(plant.olga, change_set)
    follow_change_sets()
    assert state_of(change_set) == State.SENDING
    confirm_in_azure(CACertificate)
    follow_change_sets()
    assert state_of(change_set) == State.DONE
    ChangeSet.objects.update(state=State.OPEN, expires_at=timezone.now())
    tidy_change_sets()
    assert state_of(change_set) == State.EXPIRED
