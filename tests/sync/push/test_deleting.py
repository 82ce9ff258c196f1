"""The portal deletes its own resources, and none that others have created since under the same name."""

import re
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from certificates.actions.ca_certificates import delete_ca_certificate
from certificates.models import CACertificate
from certificates.x509.reading import to_azure_pem
from namespaces.actions.clients import change_authentication_name, delete_client
from namespaces.models import Client, Namespace
from portal.models import Activity, User
from sync.actions import retry
from sync.drift.resolutions import keep_ours, take_azures
from sync.models import Budget, Finding, PushRecord, SyncState
from sync.push.claim_and_settle import Pushed, push
from sync.throttling import budget
from tests.support.browser.browsing import page, signed_in
from tests.support.database.factories import SUBSCRIPTION, make_ca_certificate, make_ca_der, make_namespace
from tests.sync.arranging import again, change_in_azure, make, settled
from tests.sync.scripted_arm import Answer, ScriptedArm, refused

pytestmark = pytest.mark.django_db

THEIRS = {"authenticationName": "by-others", "description": "not the portal's"}


def made_anew_by_others(arm: ScriptedArm, ada: User, factory: Namespace) -> Client:
    """A client that was deleted and recreated in Azure, and is now deleted here."""
    client = settled(ada, factory)
    arm.hold(client.arm_id(), THEIRS)
    delete_client(ada, client=client)
    return client


def test_a_resource_recreated_by_others_survives_deleting_the_client(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    client = made_anew_by_others(arm, ada, factory)
    assert push(again(client)) is Pushed.PARKED
    assert (arm.held(client.arm_id()) or {})["authenticationName"] == "by-others"
    parked = again(client)
    assert parked.parked_code == "ChangedInAzure"
    assert Client.label_of("authentication_name") in parked.parked_message
    retry(ada, row=parked)
    assert push(again(client)) is Pushed.PARKED


def test_another_ca_certificate_under_the_name_of_a_deleted_one_stays(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    row = make_ca_certificate(factory, synced_generation=0)
    push(row)
    arm.hold(row.arm_id(), {"encodedCertificate": to_azure_pem(make_ca_der())})
    delete_ca_certificate(ada, certificate=again(row))
    assert push(again(row)) is Pushed.PARKED
    assert arm.held(row.arm_id()) is not None
    assert CACertificate.objects.get().parked_code == "ChangedInAzure"


def test_a_user_may_delete_it_nevertheless(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = made_anew_by_others(arm, ada, factory)
    push(again(client))
    keep_ours(ada, finding=Finding.objects.get())
    assert Activity.objects.get(verb="Keep ours").after is None  # our state is the deletion
    assert push(again(client)) is Pushed.SUCCEEDED
    assert arm.held(client.arm_id()) is None
    assert not Client.objects.exists()


def test_the_page_of_the_difference_shows_our_deletion(arm: ScriptedArm, ada: User) -> None:
    factory = make_namespace("plant", contributor=ada)
    client = made_anew_by_others(arm, ada, factory)
    push(again(client))
    finding = Finding.objects.get()
    text = page(ada, "sync:drift_detail", factory.pk, finding.pk)
    assert "data-is-going" in text
    assert re.findall(r'class="button ?(\w*)" name="decision" value="(\w+)', text) == [
        ("danger", "keep"),
        ("", "take"),
        ("", "ignore"),
    ]
    answer = signed_in(ada).post(
        reverse("sync:drift_resolve", args=[factory.pk]), {"finding": finding.pk, "decision": "keep"}, follow=True
    )
    (message,) = answer.context["messages"]
    assert (message.level_tag, "sensor-1" in str(message)) == ("success", True)
    assert again(client).sync_state is SyncState.DELETING


def test_a_user_may_adopt_it_instead(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = made_anew_by_others(arm, ada, factory)
    push(again(client))
    take_azures(ada, finding=Finding.objects.get())
    taken = again(client)
    assert (taken.authentication_name, taken.deleted_at) == ("by-others", None)
    assert arm.held(client.arm_id()) is not None


def test_a_change_in_azure_delays_no_deletion_and_is_recorded(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    change_in_azure(arm, client, description="theirs")
    delete_client(ada, client=client)
    assert push(again(client)) is Pushed.SUCCEEDED
    assert arm.held(client.arm_id()) is None
    for message in (Activity.objects.latest("pk").outcome_message, PushRecord.objects.latest("pk").message):
        assert f'{Client.label_of("description")}: "theirs"' in message


def test_a_missing_resource_needs_no_deletion(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    del arm.store[client.arm_id().lower()]
    delete_client(ada, client=client)
    arm.methods()
    assert push(again(client)) is Pushed.SUCCEEDED
    assert arm.methods() == ["GET"]
    assert not Client.objects.exists()


def test_a_resource_of_a_deleted_namespace_needs_no_deletion(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    delete_client(ada, client=client)
    arm.script("GET", refused("ParentResourceNotFound", 404))
    assert push(again(client)) is Pushed.SUCCEEDED
    assert not Client.objects.exists()


@pytest.mark.parametrize("others_changed_it", [False, True])
def test_our_own_state_after_a_lost_response_is_recognized(
    arm: ScriptedArm, ada: User, factory: Namespace, others_changed_it: bool
) -> None:
    client = settled(ada, factory)
    change_authentication_name(ada, client=client, authentication_name="renamed")
    arm.script("PUT", Answer(wire="none"))
    assert push(again(client)) is Pushed.DELAYED
    if others_changed_it:
        change_in_azure(arm, client, description="theirs")
    _base_of_before(client)
    delete_client(ada, client=again(client))
    push(again(client))
    assert arm.held(client.arm_id()) is None


def test_a_resource_that_may_be_ours_is_reported_and_not_deleted(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    client = make(ada, factory)
    arm.script("PUT", Answer(wire="none"))
    assert push(client) is Pushed.DELAYED
    change_in_azure(arm, client, description="theirs")
    delete_client(ada, client=again(client))
    assert push(again(client)) is Pushed.PARKED
    assert arm.held(client.arm_id()) is not None
    assert again(client).parked_code == "ChangedInAzure"
    assert Client.label_of("description") in again(client).parked_message
    keep_ours(ada, finding=Finding.objects.get())
    assert push(again(client)) is Pushed.SUCCEEDED
    assert arm.held(client.arm_id()) is None


def _base_of_before(client: Any) -> None:
    """Arrange a worker that was killed before it recorded that it had deleted the former resource."""
    base = {"name": client.name, "properties": {"authenticationName": "sensor-1"}}
    Client.objects.filter(pk=client.pk).update(base=base)


def test_a_deletion_also_reserves_a_read() -> None:
    at = timezone.now()
    budget.reserve(SUBSCRIPTION, "reads", 249, at)
    assert budget.reserve(SUBSCRIPTION, "deletes", 5, at).count == 1
    budget.give_back(SUBSCRIPTION, "deletes", 1)
    levels = dict(Budget.objects.values_list("operation", "level"))
    assert levels["reads"] >= 1
    assert levels["deletes"] == 200
