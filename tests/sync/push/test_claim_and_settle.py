"""Claim, call, settle: no change is lost, doubled or out of order, and a rejection blocks no other row."""

import time
import uuid
from dataclasses import replace

import pytest

from namespaces.actions.clients import delete_client
from namespaces.models import Client, Namespace
from portal.models import User
from sync.actions import retry
from sync.arm.gateway import arm_gateway
from sync.arm.timeouts import write_seconds
from sync.models import Lane, PushRecord, SyncState
from sync.push.claim_and_settle import Pushed, claim, push, settle
from sync.push.delivery import deliver
from tests.sync.arranging import again, edit, lease_runs_out, make, outcomes, settled
from tests.sync.scripted_arm import Answer, ScriptedArm, refused

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("polls_often")]


# No change is lost


def test_a_new_client_arrives_and_settles_its_activity(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory, description="by the door")
    assert client.sync_state is SyncState.SUCCEEDED
    held = arm.held(client.arm_id())
    assert held is not None
    assert (held["authenticationName"], held["description"]) == ("sensor-1", "by the door")
    assert outcomes(client) == ["succeeded"]


def test_an_edit_during_a_push_stays_due_and_arrives_with_the_next(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    client = settled(ada, factory)
    edit(ada, client, description="first")
    (claimed,) = claim(Client, [client.pk])
    delivery = deliver(claimed, arm_gateway())
    edit(ada, client, description="second")
    assert settle([delivery]) == [Pushed.STILL_DUE]
    assert again(client).sync_state is SyncState.PENDING
    assert push(again(client)) is Pushed.SUCCEEDED
    assert (arm.held(client.arm_id()) or {})["description"] == "second"
    assert outcomes(client) == ["succeeded"] * 3


def test_ten_edits_make_one_put_and_ten_activity_entries(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    arm.methods()
    for number in range(10):
        edit(ada, client, description=f"edit {number}")
    assert push(again(client)) is Pushed.SUCCEEDED
    assert arm.methods().count("PUT") == 1
    assert outcomes(client) == ["succeeded", *["superseded"] * 9, "succeeded"]


def test_a_second_worker_gets_no_claim(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = make(ada, factory)
    (claimed,) = claim(Client, [client.pk])
    assert push(client) is Pushed.NOT_CLAIMED
    assert arm.methods() == []
    assert settle([deliver(claimed, arm_gateway())]) == [Pushed.SUCCEEDED]


def test_a_worker_settles_nothing_after_its_lease(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    edit(ada, client, description="first")
    (slow,) = claim(Client, [client.pk])
    delivery = deliver(slow, arm_gateway())
    lease_runs_out(client)
    edit(ada, client, description="second")
    assert push(again(client)) is Pushed.SUCCEEDED
    assert settle([delivery]) == [Pushed.NOT_CLAIMED]
    assert again(client).sync_state is SyncState.SUCCEEDED
    assert (arm.held(client.arm_id()) or {})["description"] == "second"


def test_a_freed_claim_is_read_back_before_it_is_sent(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = make(ada, factory)
    (dead,) = claim(Client, [client.pk])
    deliver(dead, arm_gateway())  # it arrived, and the worker was killed before it settled
    arm.methods()
    assert push(again(client)) is Pushed.NOT_CLAIMED
    lease_runs_out(client)
    assert push(again(client)) is Pushed.SUCCEEDED
    assert arm.methods() == ["GET"]


def test_an_older_edit_sent_by_a_killed_worker_is_no_drift(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    edit(ada, client, description="sent by the dead")
    (dead,) = claim(Client, [client.pk])
    deliver(dead, arm_gateway())
    lease_runs_out(client)
    edit(ada, client, description="newest")
    assert push(again(client)) is Pushed.SUCCEEDED
    assert (arm.held(client.arm_id()) or {})["description"] == "newest"


def test_a_write_that_could_outlast_the_lease_is_not_begun(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = make(ada, factory)
    (claimed,) = claim(Client, [client.pk])
    late = replace(claimed, until=time.monotonic() + write_seconds() - 1)
    assert settle([deliver(late, arm_gateway())]) == [Pushed.DELAYED]
    assert "PUT" not in arm.methods()


# Rejections


def test_a_rejected_row_is_parked_and_blocks_no_other(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    bad, good = make(ada, factory, "bad"), make(ada, factory, "good")
    arm.script("PUT", refused("InvalidInput"))
    assert push(bad) is Pushed.PARKED
    parked = again(bad)
    assert (parked.sync_state, parked.parked_code) == (SyncState.FAILED, "InvalidInput")
    assert outcomes(bad) == ["failed"]
    assert push(bad) is Pushed.NOT_CLAIMED
    assert push(good) is Pushed.SUCCEEDED


def test_an_edit_during_a_rejected_push_is_sent_and_not_parked(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = make(ada, factory, description="bad")
    (claimed,) = claim(Client, [client.pk])
    arm.script("PUT", refused("InvalidInput"))
    delivery = deliver(claimed, arm_gateway())
    edit(ada, client, description="good")
    assert settle([delivery]) == [Pushed.STILL_DUE]
    assert push(again(client)) is Pushed.SUCCEEDED
    assert outcomes(client) == ["failed", "succeeded"]


def test_a_parked_row_is_sent_again_by_retry(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = make(ada, factory)
    arm.script("PUT", refused("InvalidInput"))
    push(client)
    retry(ada, row=again(client))
    assert push(again(client)) is Pushed.SUCCEEDED


def test_a_row_reports_that_azure_keeps_another_state(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = make(ada, factory, description="long text")
    arm.script("PUT", Answer(change=lambda resource: resource["properties"].update(description="cut")))
    assert push(client) is Pushed.PARKED
    assert again(client).parked_code == "NotAsSent"
    delete_client(ada, client=client)
    push(again(client))
    assert arm.held(client.arm_id()) is None  # the resource is ours, so it is deleted


# Order


def test_removing_access_is_urgent_and_a_bulk_has_its_own_lane(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    assert again(client).lane == Lane.NORMAL
    edit(ada, client, state="Disabled")
    assert again(client).lane == Lane.URGENT
    delete_client(ada, client=client)
    assert again(client).lane == Lane.URGENT


def test_a_row_that_needs_another_waits_and_names_it(
    arm: ScriptedArm, ada: User, factory: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make(ada, factory)
    monkeypatch.setattr(Client, "what_it_waits_for", lambda row: "client group “doors”")
    assert push(client) is Pushed.NOT_CLAIMED
    waiting = Client.objects.get()
    assert waiting.waits_for == "client group “doors”"
    assert arm.methods() == []
    assert waiting.next_attempt_at is not None
    monkeypatch.undo()
    assert push(again(client)) is Pushed.SUCCEEDED
    assert again(client).waits_for == ""


def test_long_running_operations_are_followed_to_their_end(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = make(ada, factory)
    operation = f"{arm.url}/operations/1?api-version=2025-02-15"
    arm.script("PUT", Answer(201, headers={"Azure-AsyncOperation": operation, "Retry-After": "1"}))
    missing = refused("ResourceNotFound", 404)
    arm.script("GET", missing, Answer(200, {"status": "Succeeded"}))
    assert push(client) is Pushed.SUCCEEDED
    steps = [step["step"] for step in PushRecord.objects.get().steps]
    assert steps == ["read", "sent", "Azure's operation", "read back"]


def test_an_operation_that_fails_later_parks_the_row(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = make(ada, factory)
    headers = {"Azure-AsyncOperation": f"{arm.url}/operations/1", "Retry-After": "1"}
    failed = {"status": "Failed", "error": {"code": "QuotaExceeded", "message": "There are too many."}}
    arm.script("PUT", Answer(202, {}, headers, apply="never"))
    arm.script("GET", refused("ResourceNotFound", 404), Answer(200, failed))
    assert push(client) is Pushed.PARKED
    assert (again(client).parked_code, again(client).parked_message) == ("QuotaExceeded", "There are too many.")


def test_a_lease_is_a_fresh_token_each_time(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = make(ada, factory)
    (first,) = claim(Client, [client.pk])
    lease_runs_out(client)
    (second,) = claim(Client, [client.pk])
    assert isinstance(first.token, uuid.UUID)
    assert first.token != second.token
