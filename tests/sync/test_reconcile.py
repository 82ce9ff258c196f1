"""Claim, call, settle: nothing lost, nothing doubled, nothing overwritten, whatever happens on the way to Azure."""

import time
import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from certificates.actions import delete_ca_certificate, update_ca_certificate
from certificates.decoding import to_azure_pem
from certificates.models import CACertificate
from namespaces.actions import change_authentication_name, create_client, delete_client, update_client
from namespaces.models import Client, Namespace
from portal.models import Activity, User
from sync.actions import retry
from sync.delivery import deliver
from sync.gateway import arm_gateway
from sync.models import Finding, Lane, PushRecord, SyncState
from sync.patience import write_seconds
from sync.rechecks import make_due
from sync.reconcile import Pushed, claim, push, settle
from tests.factories import make_ca_certificate
from tests.sync.scripted_arm import Answer, ScriptedArm, refused

pytestmark = pytest.mark.django_db

SUBJECT = "SubjectMatchesAuthenticationName"
LOST = Answer(wire="none")  # it took effect, and nobody was told
NEVER_ARRIVED = Answer(wire="none", apply="never")
ON_ITS_WAY = Answer(wire="none", apply="later")


def make(ada: User, factory: Namespace, name: str = "sensor-1", **fields: Any) -> Client:
    values: dict[str, Any] = {"team": None, "authentication_name": name, "validation_scheme": SUBJECT, **fields}
    return create_client(ada, namespace=factory, name=name, **values)


def edit(ada: User, client: Client, **fields: Any) -> Client:
    row = Client.objects.get(pk=client.pk)
    values: dict[str, Any] = {
        "validation_scheme": row.validation_scheme,
        "thumbprints": row.thumbprints,
        "state": row.state,
        "description": row.description,
        "attributes": row.attributes,
        **fields,
    }
    return update_client(ada, client=row, **values)


def again(row: Any) -> Any:
    """The row as it is now, with its time to try again come."""
    type(row).objects.filter(pk=row.pk).update(next_attempt_at=None)
    return type(row).objects.get(pk=row.pk)


def settled(ada: User, factory: Namespace, name: str = "sensor-1", **fields: Any) -> Client:
    """A client that Azure has."""
    client = make(ada, factory, name, **fields)
    assert push(client) is Pushed.SUCCEEDED
    return again(client)  # type: ignore[no-any-return]


def lease_runs_out(row: Any) -> None:
    type(row).objects.filter(pk=row.pk).update(claimed_until=timezone.now() - timedelta(seconds=1))


def outcomes(row: Any) -> list[str]:
    return list(Activity.objects.of_object(row.kind, row.pk).order_by("pk").values_list("outcome", flat=True))


# Nothing lost


def test_a_new_client_arrives_and_its_activity_says_so(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
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


def test_ten_edits_make_one_put_and_each_is_in_the_activity(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    arm.methods()
    for number in range(10):
        edit(ada, client, description=f"edit {number}")
    assert push(again(client)) is Pushed.SUCCEEDED
    assert arm.methods().count("PUT") == 1
    assert outcomes(client) == ["succeeded", *["superseded"] * 9, "succeeded"]


def test_a_second_worker_loses_the_claim_quietly(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = make(ada, factory)
    (claimed,) = claim(Client, [client.pk])
    assert push(client) is Pushed.NOT_CLAIMED
    assert arm.methods() == []
    assert settle([deliver(claimed, arm_gateway())]) == [Pushed.SUCCEEDED]


def test_a_worker_whose_lease_ran_out_settles_nothing(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
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


def test_the_claim_of_a_dead_worker_is_freed_and_the_row_read_back_first(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    client = make(ada, factory)
    (dead,) = claim(Client, [client.pk])
    deliver(dead, arm_gateway())  # it arrived, and the worker died before it could say so
    arm.methods()
    assert push(again(client)) is Pushed.NOT_CLAIMED
    lease_runs_out(client)
    assert push(again(client)) is Pushed.SUCCEEDED
    assert arm.methods() == ["GET"]


def test_after_the_death_of_a_worker_an_older_edit_of_ours_is_not_taken_for_drift(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
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


# Answers that are lost


@pytest.mark.parametrize("wire", ["none", "torn"])
def test_a_put_whose_answer_is_lost_is_read_back_and_not_sent_again(
    arm: ScriptedArm, ada: User, factory: Namespace, wire: str
) -> None:
    client = make(ada, factory)
    arm.script("PUT", Answer(wire=wire))
    assert push(client) is Pushed.DELAYED
    assert again(client).uncertain
    arm.methods()
    assert push(again(client)) is Pushed.SUCCEEDED
    assert arm.methods() == ["GET"]
    assert again(client).recheck_at is None  # it has been seen to land: no doubt is left


def test_a_put_that_never_arrived_is_sent_again(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = make(ada, factory)
    arm.script("PUT", NEVER_ARRIVED)
    assert push(client) is Pushed.DELAYED
    assert push(again(client)) is Pushed.SUCCEEDED
    assert arm.held(client.arm_id()) is not None


def test_a_late_put_cannot_win_unseen(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
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


def recheck(row: Any) -> None:
    type(row).objects.filter(pk=row.pk).update(recheck_at=timezone.now() - timedelta(seconds=1))
    make_due(timezone.now())


def test_a_late_put_cannot_bring_a_deleted_client_back_unseen(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    edit(ada, client, description="slow")
    arm.script("PUT", ON_ITS_WAY)
    push(again(client))
    delete_client(ada, client=client)
    assert push(again(client)) is Pushed.STILL_DUE  # deleted, and waiting for what may still come
    arm.land()
    assert arm.held(client.arm_id()) is not None
    recheck(client)
    assert push(again(client)) is Pushed.SUCCEEDED
    assert arm.held(client.arm_id()) is None
    assert not Client.objects.exists()


def test_what_is_not_ours_after_a_lost_answer_is_left_alone(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    edit(ada, client, description="ours")
    arm.script("PUT", NEVER_ARRIVED)
    push(again(client))
    theirs = {**(arm.held(client.arm_id()) or {}), "description": "theirs"}
    arm.hold(client.arm_id(), theirs)
    assert push(again(client)) is Pushed.PARKED
    assert (arm.held(client.arm_id()) or {})["description"] == "theirs"


def test_azures_own_hiccups_are_tried_again_and_keep_their_patience(
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


# Equal is equal


def test_equality_is_semantic(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    thumbprint = "ab" * 32
    client = make(ada, factory, validation_scheme="ThumbprintMatch", thumbprints=[thumbprint])
    colons = ":".join([thumbprint[i : i + 2].upper() for i in range(0, 64, 2)])

    def reformat(resource: dict[str, Any]) -> None:
        resource["id"] = resource["id"].upper()
        resource["name"] = "SENSOR-1"
        resource["properties"]["clientCertificateAuthentication"]["allowedThumbprints"] = [colons]
        resource["properties"]["description"] = None
        resource["properties"]["attributes"] = None

    arm.script("PUT", Answer(change=reformat))
    assert push(client) is Pushed.SUCCEEDED
    edit(ada, client, description="so the next push compares with that base")
    assert push(again(client)) is Pushed.SUCCEEDED
    assert arm.methods().count("DELETE") == 0


def test_a_certificate_is_its_der_however_azure_writes_it(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    row = make_ca_certificate(factory, synced_generation=0)

    def reformat(resource: dict[str, Any]) -> None:
        pem = resource["properties"]["encodedCertificate"]
        head, foot = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
        inner = pem.removeprefix(head).removesuffix(foot)
        resource["properties"]["encodedCertificate"] = f"{head}\r\n{inner[:64]}\r\n{inner[64:]}\r\n{foot}\r\n"
        resource["properties"]["issueTimeInUtc"] = "2026-01-01T00:00:00Z"

    arm.script("PUT", Answer(change=reformat))
    assert push(row) is Pushed.SUCCEEDED
    update_ca_certificate(ada, certificate=CACertificate.objects.get(), description="text only")
    arm.methods()
    assert push(again(row)) is Pushed.SUCCEEDED
    assert arm.methods() == ["GET", "PUT"]
    assert "issueTimeInUtc" not in (arm.held(row.arm_id()) or {})


def test_a_refused_second_put_that_reads_back_equal_is_succeeded(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    row = make_ca_certificate(factory, synced_generation=0)
    arm.script("PUT", refused("CertificateAlreadyExists", 409, apply="now"))

    def appear(method: str, path: str) -> None:
        if method == "PUT":
            arm.hold(path, {"encodedCertificate": to_azure_pem(bytes(row.der))})

    arm.before = appear
    assert push(row) is Pushed.SUCCEEDED


def test_what_the_portal_does_not_model_survives_edits_and_replacements(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    client = settled(ada, factory)

    def enrich(resource: dict[str, Any]) -> None:
        resource["properties"]["futureSetting"] = {"deep": [1, 2]}
        resource["properties"]["clientCertificateAuthentication"]["futureRule"] = "x"

    arm.script("PUT", Answer(change=enrich))
    edit(ada, client, description="one")
    push(again(client))
    edit(ada, client, description="two")
    assert push(again(client)) is Pushed.SUCCEEDED
    change_authentication_name(ada, client=again(client), authentication_name="renamed")
    assert push(again(client)) is Pushed.SUCCEEDED
    held = arm.held(client.arm_id()) or {}
    assert held["authenticationName"] == "renamed"
    assert held["futureSetting"] == {"deep": [1, 2]}
    assert held["clientCertificateAuthentication"]["futureRule"] == "x"


def test_a_property_that_became_known_in_azure_since_is_kept(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    arm.hold(client.arm_id(), {**(arm.held(client.arm_id()) or {}), "tagsOfTomorrow": ["a"]})
    edit(ada, client, description="ours")
    assert push(again(client)) is Pushed.SUCCEEDED
    assert (arm.held(client.arm_id()) or {})["tagsOfTomorrow"] == ["a"]


# Deleting and making anew


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


def test_what_never_reached_azure_is_deleted_without_asking_azure(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    client = make(ada, factory)
    arm.hold(client.arm_id(), {"authenticationName": "somebody-elses"})
    delete_client(ada, client=client)
    assert push(again(client)) is Pushed.SUCCEEDED
    assert arm.methods() == []
    assert arm.held(client.arm_id()) is not None


def test_a_lost_delete_is_sent_again_until_it_is_gone(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    row = make_ca_certificate(factory, synced_generation=0)
    push(row)
    delete_ca_certificate(ada, certificate=again(row))
    arm.script("DELETE", LOST)
    assert push(again(row)) is Pushed.DELAYED
    assert push(again(row)) is Pushed.SUCCEEDED
    assert not CACertificate.objects.exists()


def test_a_refused_replacement_puts_the_former_one_back(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    change_authentication_name(ada, client=client, authentication_name="taken-elsewhere")
    arm.script("PUT", refused("AuthenticationNameTaken", 409))
    assert push(again(client)) is Pushed.PARKED
    assert (arm.held(client.arm_id()) or {})["authenticationName"] == "sensor-1"
    assert "put back" in again(client).parked_message


def test_a_replacement_that_azure_took_and_holds_otherwise_is_not_undone(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    client = settled(ada, factory)
    change_authentication_name(ada, client=client, authentication_name="renamed")
    arm.methods()
    arm.script("PUT", Answer(change=lambda resource: resource["properties"].update(description="cut")))
    assert push(again(client)) is Pushed.PARKED
    assert arm.methods() == ["GET", "DELETE", "PUT", "GET"]
    assert (arm.held(client.arm_id()) or {})["authenticationName"] == "renamed"
    assert again(client).parked_code == "NotAsSent"


def test_a_replacement_that_breaks_off_half_way_goes_on(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    change_authentication_name(ada, client=client, authentication_name="renamed")
    arm.script("PUT", refused("TooManyRequests", 429, Retry_After="1"))
    assert push(again(client)) is Pushed.DELAYED
    assert arm.held(client.arm_id()) is None
    assert push(again(client)) is Pushed.SUCCEEDED
    assert (arm.held(client.arm_id()) or {})["authenticationName"] == "renamed"


# Refusals


def test_a_refused_row_is_parked_with_azures_reason_and_blocks_nobody(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    bad, good = make(ada, factory, "bad"), make(ada, factory, "good")
    arm.script("PUT", refused("InvalidInput"))
    assert push(bad) is Pushed.PARKED
    parked = again(bad)
    assert (parked.sync_state, parked.parked_code) == (SyncState.FAILED, "InvalidInput")
    assert outcomes(bad) == ["failed"]
    assert push(bad) is Pushed.NOT_CLAIMED
    assert push(good) is Pushed.SUCCEEDED


def test_an_edit_during_a_push_that_is_refused_is_tried_and_not_parked(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    client = make(ada, factory, description="bad")
    (claimed,) = claim(Client, [client.pk])
    arm.script("PUT", refused("InvalidInput"))
    delivery = deliver(claimed, arm_gateway())
    edit(ada, client, description="good")
    assert settle([delivery]) == [Pushed.STILL_DUE]
    assert push(again(client)) is Pushed.SUCCEEDED
    assert outcomes(client) == ["failed", "succeeded"]


def test_a_parked_row_goes_again_by_retry(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = make(ada, factory)
    arm.script("PUT", refused("InvalidInput"))
    push(client)
    retry(ada, row=again(client))
    assert push(again(client)) is Pushed.SUCCEEDED


def test_when_azure_keeps_something_else_the_row_says_so(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = make(ada, factory, description="long text")
    arm.script("PUT", Answer(change=lambda resource: resource["properties"].update(description="cut")))
    assert push(client) is Pushed.PARKED
    assert again(client).parked_code == "NotAsSent"
    delete_client(ada, client=client)
    push(again(client))
    assert arm.held(client.arm_id()) is None  # it is ours, so deleting reaches it


# Nothing is overwritten silently


def test_a_name_that_somebody_took_in_azure_is_not_overwritten(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = make(ada, factory)
    arm.hold(client.arm_id(), {"authenticationName": "theirs"})
    assert push(client) is Pushed.PARKED
    assert again(client).parked_code == "ExistsInAzure"
    assert (arm.held(client.arm_id()) or {})["authenticationName"] == "theirs"
    delete_client(ada, client=client)
    assert push(again(client)) is Pushed.SUCCEEDED
    assert arm.held(client.arm_id()) is not None  # what the portal did not create it does not delete


def test_an_edit_meets_a_change_in_azure_and_becomes_a_finding(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    arm.hold(client.arm_id(), {**(arm.held(client.arm_id()) or {}), "state": "Disabled"})
    edit(ada, client, description="ours")
    assert push(again(client)) is Pushed.PARKED
    parked = again(client)
    assert parked.parked_code == "ChangedInAzure"
    assert "state" in parked.parked_message
    finding = Finding.objects.get()
    assert (finding.drift, finding.object_pk) == (Finding.Class.BOTH, client.pk)
    values = {found["field"]: (found["base"], found["ours"], found["azure"]) for found in finding.fields}
    assert values["state"] == ("Enabled", "Enabled", "Disabled")
    assert values["description"] == ("", "ours", "")


def test_an_edit_of_what_was_deleted_in_azure_does_not_bring_it_back(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    client = settled(ada, factory)
    del arm.store[client.arm_id().lower()]
    edit(ada, client, description="ours")
    assert push(again(client)) is Pushed.PARKED
    assert again(client).parked_code == "DeletedInAzure"
    assert arm.held(client.arm_id()) is None
    assert Finding.objects.get().drift == Finding.Class.DELETED


# Order


def test_what_takes_access_away_is_urgent_and_one_of_many_is_bulk(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    client = settled(ada, factory)
    assert again(client).lane == Lane.NORMAL
    edit(ada, client, state="Disabled")
    assert again(client).lane == Lane.URGENT
    delete_client(ada, client=client)
    assert again(client).lane == Lane.URGENT


def test_a_row_that_needs_another_one_waits_says_for_what_and_goes_when_it_is_there(
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


def test_an_operation_that_fails_in_the_end_parks_the_row(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
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
