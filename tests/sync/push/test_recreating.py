"""Deleting, recreating and replacing: Azure ends in the desired state, in whatever order the changes were made."""

import pytest

from certificates.actions.ca_certificates import delete_ca_certificate
from certificates.models import CACertificate
from namespaces.actions.clients import change_authentication_name, delete_client
from namespaces.models import Client, Namespace
from portal.models import User
from sync.arm.gateway import arm_gateway
from sync.models import SyncState
from sync.push.claim_and_settle import Pushed, claim, push, settle
from sync.push.delivery import deliver
from tests.support.database.factories import make_ca_certificate
from tests.sync.arranging import LOST, again, make, settled
from tests.sync.scripted_arm import Answer, ScriptedArm, refused

pytestmark = pytest.mark.django_db


def test_deleting_while_creating_leaves_nothing(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = make(ada, factory)
    (claimed,) = claim(Client, [client.pk])
    delivery = deliver(claimed, arm_gateway())
    delete_client(ada, client=client)
    assert settle([delivery]) == [Pushed.STILL_DUE]
    assert again(client).sync_state is SyncState.DELETING
    assert push(again(client)) is Pushed.SUCCEEDED
    assert arm.held(client.arm_id()) is None
    assert not Client.objects.exists()


def test_creating_while_deleting_revives_the_row(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    delete_client(ada, client=client)
    (claimed,) = claim(Client, [client.pk])
    delivery = deliver(claimed, arm_gateway())
    revived = make(ada, factory, description="back again")
    assert revived.pk == client.pk
    assert settle([delivery]) == [Pushed.STILL_DUE]
    assert push(again(client)) is Pushed.SUCCEEDED
    assert (arm.held(client.arm_id()) or {})["description"] == "back again"


def test_a_row_that_azure_never_had_is_deleted_without_a_request(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    client = make(ada, factory)
    arm.hold(client.arm_id(), {"authenticationName": "of-others"})
    delete_client(ada, client=client)
    assert push(again(client)) is Pushed.SUCCEEDED
    assert arm.methods() == []
    assert arm.held(client.arm_id()) is not None


def test_a_lost_delete_is_repeated_until_the_resource_is_deleted(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    row = make_ca_certificate(factory, synced_generation=0)
    push(row)
    delete_ca_certificate(ada, certificate=again(row))
    arm.script("DELETE", LOST)
    assert push(again(row)) is Pushed.DELAYED
    assert push(again(row)) is Pushed.SUCCEEDED
    assert not CACertificate.objects.exists()


def test_a_rejected_replacement_restores_the_former_resource(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    change_authentication_name(ada, client=client, authentication_name="taken-elsewhere")
    arm.script("PUT", refused("AuthenticationNameTaken", 409))
    assert push(again(client)) is Pushed.PARKED
    assert (arm.held(client.arm_id()) or {})["authenticationName"] == "sensor-1"
    assert again(client).parked_code == "AuthenticationNameTaken"


def test_an_accepted_replacement_is_not_undone(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    change_authentication_name(ada, client=client, authentication_name="renamed")
    arm.methods()
    arm.script("PUT", Answer(change=lambda resource: resource["properties"].update(description="cut")))
    assert push(again(client)) is Pushed.PARKED
    assert arm.methods() == ["GET", "DELETE", "PUT", "GET"]
    assert (arm.held(client.arm_id()) or {})["authenticationName"] == "renamed"
    assert again(client).parked_code == "NotAsSent"


def test_an_interrupted_replacement_is_completed(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    change_authentication_name(ada, client=client, authentication_name="renamed")
    arm.script("PUT", refused("TooManyRequests", 429, Retry_After="1"))
    assert push(again(client)) is Pushed.DELAYED
    assert arm.held(client.arm_id()) is None
    assert push(again(client)) is Pushed.SUCCEEDED
    assert (arm.held(client.arm_id()) or {})["authenticationName"] == "renamed"
