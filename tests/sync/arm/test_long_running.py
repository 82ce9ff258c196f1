"""Long-running changes are polled to their end; a fault meanwhile leaves the result uncertain."""

from datetime import timedelta

import pytest
from django.utils import timezone

from namespaces.actions.clients import delete_client
from namespaces.models import Client, Namespace
from portal.models import User
from sync.models import Finding
from sync.push.claim_and_settle import Pushed, push
from tests.sync.arranging import again, edit, make, recheck, settled
from tests.sync.scripted_arm import Answer, ScriptedArm, refused

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("polls_often")]


def accepted(arm: ScriptedArm, status: int = 201, *, apply: str = "now") -> Answer:
    headers = {"Azure-AsyncOperation": f"{arm.url}/operations/1", "Retry-After": "0.1"}
    return Answer(status, {}, headers, apply=apply)


POLLS = {
    "throttled": refused("TooManyRequests", 429, Retry_After="7"),
    "credential refused": refused("ExpiredAuthenticationToken", 401),
    "busy": refused("AnotherOperationInProgress", 409),
    "broken off": Answer(wire="none"),
}


@pytest.mark.parametrize("poll", POLLS.values(), ids=POLLS)
def test_an_accepted_change_stays_our_own_when_polling_fails(
    arm: ScriptedArm, ada: User, factory: Namespace, poll: Answer
) -> None:
    client = settled(ada, factory)
    edit(ada, client, description="accepted")
    arm.script("PUT", accepted(arm))
    arm.script("GET", Answer(), poll)
    assert push(again(client)) is Pushed.DELAYED
    edit(ada, client, description="newer")
    assert push(again(client)) is Pushed.SUCCEEDED
    assert (arm.held(client.arm_id()) or {})["description"] == "newer"
    assert not Finding.objects.exists()


def test_a_throttled_poll_waits_as_asked_and_costs_no_attempt(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = make(ada, factory)
    arm.script("PUT", accepted(arm))
    arm.script("GET", Answer(), POLLS["throttled"])
    assert push(client) is Pushed.DELAYED
    waiting = Client.objects.get()
    assert (waiting.uncertain, waiting.doubtful_from, waiting.attempts) == (True, 1, 0)
    assert waiting.next_attempt_at is not None
    assert waiting.next_attempt_at > timezone.now() + timedelta(seconds=6)


def test_an_accepted_change_that_lands_late_is_noticed(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    edit(ada, client, description="slow")
    arm.script("PUT", accepted(arm, 202, apply="later"))
    arm.script("GET", Answer(), POLLS["throttled"])
    assert push(again(client)) is Pushed.DELAYED
    edit(ada, client, description="newer")
    assert push(again(client)) is Pushed.SUCCEEDED
    assert again(client).recheck_at is not None
    arm.land()
    assert (arm.held(client.arm_id()) or {})["description"] == "slow"
    recheck(client)
    assert push(again(client)) is Pushed.SUCCEEDED
    assert (arm.held(client.arm_id()) or {})["description"] == "newer"


def test_an_accepted_late_deletion_of_a_revived_client_is_noticed(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    client = settled(ada, factory)
    delete_client(ada, client=client)
    arm.script("DELETE", accepted(arm, 202, apply="later"))
    arm.script("GET", Answer(), Answer(200, {"status": "InProgress"}, {"Retry-After": "0.1"}), POLLS["throttled"])
    assert push(again(client)) is Pushed.DELAYED
    make(ada, factory, description="back again")
    assert push(again(client)) is Pushed.SUCCEEDED
    assert again(client).recheck_at is not None
    arm.land()
    assert arm.held(client.arm_id()) is None
    recheck(client)
    assert push(again(client)) is Pushed.SUCCEEDED
    assert (arm.held(client.arm_id()) or {})["description"] == "back again"


def test_a_failed_read_back_leaves_the_row_uncertain(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    edit(ada, client, description="sent")
    odd = {"properties": {"authenticationName": "sensor-1", "description": "not yet"}}
    arm.script("PUT", Answer(200, odd))
    arm.script("GET", Answer(), POLLS["throttled"])
    assert push(again(client)) is Pushed.DELAYED
    edit(ada, client, description="newer")
    assert push(again(client)) is Pushed.SUCCEEDED
    assert not Finding.objects.exists()


@pytest.mark.parametrize("answer", [refused("AuthorizationFailed", 403), refused("ResourceNotFound", 404)])
def test_without_an_operation_status_the_resource_is_polled(
    arm: ScriptedArm, ada: User, factory: Namespace, answer: Answer
) -> None:
    client = make(ada, factory)
    arm.script("PUT", accepted(arm))
    arm.script("GET", refused("ResourceNotFound", 404), answer)
    assert push(client) is Pushed.SUCCEEDED
    delete_client(ada, client=client)
    arm.script("DELETE", accepted(arm, 202))
    arm.script("GET", Answer(), answer)
    assert push(again(client)) is Pushed.SUCCEEDED
    assert arm.held(client.arm_id()) is None
