"""Lost responses: a request that may have arrived is read back, and one that takes effect late is noticed."""

from datetime import timedelta

import pytest
from django.utils import timezone

from namespaces.actions.clients import delete_client
from namespaces.models import Client, Namespace
from portal.models import User
from sync.models import SyncState
from sync.push.claim_and_settle import Pushed, push
from tests.sync.arranging import NEVER_ARRIVED, ON_ITS_WAY, again, edit, make, recheck, settled
from tests.sync.scripted_arm import Answer, ScriptedArm, refused

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("wire", ["none", "torn"])
def test_a_put_with_a_lost_response_is_read_back_first(
    arm: ScriptedArm, ada: User, factory: Namespace, wire: str
) -> None:
    client = make(ada, factory)
    arm.script("PUT", Answer(wire=wire))
    assert push(client) is Pushed.DELAYED
    assert again(client).uncertain
    arm.methods()
    assert push(again(client)) is Pushed.SUCCEEDED
    assert arm.methods() == ["GET"]
    assert again(client).recheck_at is None  # it was seen to take effect, so the result is certain


def test_a_put_that_never_arrived_is_repeated(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = make(ada, factory)
    arm.script("PUT", NEVER_ARRIVED)
    assert push(client) is Pushed.DELAYED
    assert push(again(client)) is Pushed.SUCCEEDED
    assert arm.held(client.arm_id()) is not None


def test_a_late_put_is_noticed(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    edit(ada, client, description="slow")
    arm.script("PUT", ON_ITS_WAY)
    assert push(again(client)) is Pushed.DELAYED
    edit(ada, client, description="newer")
    assert push(again(client)) is Pushed.SUCCEEDED
    arm.land()
    assert (arm.held(client.arm_id()) or {})["description"] == "slow"
    recheck(client)
    assert push(again(client)) is Pushed.SUCCEEDED
    assert (arm.held(client.arm_id()) or {})["description"] == "newer"
    assert again(client).recheck_at is None


def test_a_late_put_of_a_deleted_client_is_noticed(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    edit(ada, client, description="slow")
    arm.script("PUT", ON_ITS_WAY)
    push(again(client))
    delete_client(ada, client=client)
    assert push(again(client)) is Pushed.STILL_DUE  # deleted, and kept until late requests can no longer arrive
    arm.land()
    assert arm.held(client.arm_id()) is not None
    recheck(client)
    assert push(again(client)) is Pushed.SUCCEEDED
    assert arm.held(client.arm_id()) is None
    assert not Client.objects.exists()


def test_a_foreign_state_after_a_lost_response_is_kept(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    edit(ada, client, description="ours")
    arm.script("PUT", NEVER_ARRIVED)
    push(again(client))
    theirs = {**(arm.held(client.arm_id()) or {}), "description": "theirs"}
    arm.hold(client.arm_id(), theirs)
    assert push(again(client)) is Pushed.PARKED
    assert (arm.held(client.arm_id()) or {})["description"] == "theirs"


def test_faults_of_azure_are_retried_after_the_wait_it_asks_for(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    client = make(ada, factory)
    for answer in (
        refused("TooManyRequests", 429, Retry_After="7"),
        refused("AnotherOperationInProgress", 409),
        refused("InternalServerError", 500),
    ):
        arm.script("PUT", answer)
        assert push(again(client)) is Pushed.DELAYED
        waiting = Client.objects.get(pk=client.pk)
        assert waiting.sync_state is SyncState.PENDING
        assert waiting.next_attempt_at is not None
        if answer.status == 429:
            assert waiting.next_attempt_at > timezone.now() + timedelta(seconds=6)
            assert waiting.attempts == 0
    assert push(again(client)) is Pushed.SUCCEEDED
