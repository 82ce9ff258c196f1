"""Applying change sets: in order, whole or not at all, and undone again."""

import pytest
from django.utils import timezone

from certificates.actions.ca_certificates import delete_ca_certificate, update_ca_certificate
from certificates.models import CACertificate
from namespaces.actions.bulk import CHANGES, change_clients
from namespaces.actions.change_sets import emergency, inverses, requests
from namespaces.actions.change_sets.applying import run_change_set
from namespaces.actions.clients import create_client
from namespaces.models import ChangeSet, Client, ControlPolicy
from namespaces.tasks import follow_change_sets, tidy_change_sets
from tests.namespaces.control.conftest import (
    Plant,
    approve_now,
    confirm_in_azure,
    held,
    leave_thumbprint,
    refused,
    state_of,
    told,
)
from tests.support.database.factories import make_ca_certificate, make_client

pytestmark = pytest.mark.django_db
State = ChangeSet.State


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
