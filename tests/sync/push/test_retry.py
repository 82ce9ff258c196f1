"""Retrying a push that Azure rejected. A retry does not recreate a resource that others deleted in Azure.

A missing resource is recreated only if the portal itself may have deleted it, by a replacement that did not finish.
"""

import pytest
from django.test import Client as Browser
from django.urls import reverse

from namespaces.actions.clients import change_authentication_name
from namespaces.models import Client, Namespace
from portal.models import User
from sync.actions import retry
from sync.drift import resolutions
from sync.models import Finding
from sync.push.claim_and_settle import Pushed, claim, push
from tests.sync.arranging import NEVER_ARRIVED, again, delete_in_azure, edit, lease_runs_out, recheck, scan, settled
from tests.sync.scripted_arm import Answer, ScriptedArm, refused

pytestmark = pytest.mark.django_db


def test_retrying_a_rejected_edit_does_not_recreate_a_deleted_resource(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    client = settled(ada, factory)
    edit(ada, client, description="ours")
    arm.script("PUT", refused("QuotaExceeded"))
    assert push(again(client)) is Pushed.PARKED
    delete_in_azure(arm, client)
    retry(ada, row=again(client))
    assert push(again(client)) is Pushed.PARKED
    assert again(client).parked_code == "DeletedInAzure"
    assert arm.held(client.arm_id()) is None


def test_keep_ours_recreates_a_deleted_resource_and_retry_does_not(
    arm: ScriptedArm, ada: User, factory: Namespace, browser: Browser
) -> None:
    client = settled(ada, factory)
    delete_in_azure(arm, client)
    edit(ada, client, description="ours")
    assert push(again(client)) is Pushed.PARKED
    browser.post(reverse("sync:sync_retry", args=[factory.pk]))
    assert push(again(client)) is Pushed.PARKED
    assert arm.held(client.arm_id()) is None
    finding = Finding.objects.get()
    assert finding.state == Finding.State.OPEN
    resolutions.keep_ours(ada, finding=finding)
    assert push(again(client)) is Pushed.SUCCEEDED
    assert (arm.held(client.arm_id()) or {})["description"] == "ours"


def test_a_lost_edit_does_not_recreate_what_others_deleted(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    edit(ada, client, description="ours")
    arm.script("PUT", NEVER_ARRIVED)
    assert push(again(client)) is Pushed.DELAYED
    delete_in_azure(arm, client)
    assert push(again(client)) is Pushed.PARKED
    assert again(client).parked_code == "DeletedInAzure"


def test_an_undone_replacement_does_not_recreate_what_others_deleted(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    client = settled(ada, factory)
    change_authentication_name(ada, client=client, authentication_name="renamed")
    arm.script("PUT", refused("QuotaExceeded"))
    assert push(again(client)) is Pushed.PARKED
    delete_in_azure(arm, client)
    retry(ada, row=again(client))
    assert push(again(client)) is Pushed.PARKED
    assert again(client).parked_code == "DeletedInAzure"


def test_a_replacement_resumes_after_its_worker_died(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    change_authentication_name(ada, client=client, authentication_name="renamed")
    assert claim(Client, [client.pk])
    delete_in_azure(arm, client)  # the worker sent its DELETE, then died
    lease_runs_out(client)
    assert push(again(client)) is Pushed.SUCCEEDED
    assert (arm.held(client.arm_id()) or {})["authenticationName"] == "renamed"


def test_a_late_delete_after_a_replacement_recreates_the_resource(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    client = settled(ada, factory)
    change_authentication_name(ada, client=client, authentication_name="renamed")
    arm.script("DELETE", Answer(wire="none", apply="later"))
    assert push(again(client)) is Pushed.DELAYED
    assert push(again(client)) is Pushed.SUCCEEDED
    arm.land()
    assert arm.held(client.arm_id()) is None
    recheck(client)
    assert push(again(client)) is Pushed.SUCCEEDED
    assert (arm.held(client.arm_id()) or {})["authenticationName"] == "renamed"


def test_a_late_delete_after_a_retried_replacement_recreates_the_resource(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    client = settled(ada, factory)
    change_authentication_name(ada, client=client, authentication_name="renamed")
    arm.script("PUT", refused("QuotaExceeded"))
    assert push(again(client)) is Pushed.PARKED
    retry(ada, row=again(client))
    arm.script("DELETE", Answer(wire="none", apply="later"))
    assert push(again(client)) is Pushed.DELAYED
    assert push(again(client)) is Pushed.SUCCEEDED
    arm.land()
    recheck(client)
    assert push(again(client)) is Pushed.SUCCEEDED
    assert arm.held(client.arm_id()) is not None


def test_take_azures_does_not_recreate_what_others_deleted(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    arm.hold(client.arm_id(), {**(arm.held(client.arm_id()) or {}), "authenticationName": "theirs"})
    scan(factory)
    resolutions.take_azures(ada, finding=Finding.objects.get())
    edit(ada, client, description="ours")
    arm.script("PUT", NEVER_ARRIVED)
    assert push(again(client)) is Pushed.DELAYED
    delete_in_azure(arm, client)
    assert push(again(client)) is Pushed.PARKED
    assert again(client).parked_code == "DeletedInAzure"
