"""Trying again what Azure refused: like any push it brings back nothing that somebody else took away."""

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


def test_retrying_a_refused_edit_does_not_recreate_what_azure_deleted(
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


def test_retrying_does_not_decide_about_a_deletion_but_keeping_ours_does(
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


def test_a_lost_edit_does_not_explain_that_the_resource_is_gone(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    client = settled(ada, factory)
    edit(ada, client, description="ours")
    arm.script("PUT", NEVER_ARRIVED)
    assert push(again(client)) is Pushed.DELAYED
    delete_in_azure(arm, client)
    assert push(again(client)) is Pushed.PARKED
    assert again(client).parked_code == "DeletedInAzure"


def test_a_replacement_that_was_put_back_does_not_explain_it_either(
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


def test_a_worker_that_died_amid_a_replacement_explains_it(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    change_authentication_name(ada, client=client, authentication_name="renamed")
    assert claim(Client, [client.pk])
    delete_in_azure(arm, client)  # its DELETE arrived, and then it died
    lease_runs_out(client)
    assert push(again(client)) is Pushed.SUCCEEDED
    assert (arm.held(client.arm_id()) or {})["authenticationName"] == "renamed"


def test_a_late_delete_explains_it_even_after_the_replacement_succeeded(
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


def test_so_does_that_of_a_replacement_that_was_tried_again(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
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


def test_an_authentication_name_taken_from_azure_does_not_explain_it(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
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
