"""Each way to resolve a difference, and discarding a waiting change. A decision applies to the values that were shown."""

from collections.abc import Callable
from typing import Any

import pytest

from certificates.models import CACertificate
from certificates.x509.reading import to_azure_pem
from namespaces.actions.clients import delete_client
from namespaces.importing.runs import run_import
from namespaces.models import Client, Namespace
from portal.models import Activity, User
from sync.actions import retry
from sync.arm.gateway import ArmGateway
from sync.drift import resolutions
from sync.drift.resolutions import CannotResolve
from sync.models import Finding, SyncState
from sync.push.claim_and_settle import Pushed, push
from tests.support.database.factories import make_ca_der
from tests.sync.arranging import (
    again,
    change_in_azure,
    changed,
    delete_in_azure,
    edit,
    make,
    scan,
    settled,
    the_finding,
)
from tests.sync.scripted_arm import Answer, ScriptedArm, refused

pytestmark = pytest.mark.django_db


def test_keep_ours_restores_our_state_in_azure(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = changed(arm, ada, factory)
    resolutions.keep_ours(ada, finding=the_finding())
    assert push(again(client)) is Pushed.SUCCEEDED
    held = arm.held(client.arm_id()) or {}
    assert (held["description"], held["state"]) == ("ours", "Enabled")
    assert Finding.objects.get().resolution == "Kept ours"
    assert scan(factory).found == 0


def test_keep_ours_stops_when_azure_has_changed_again(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = changed(arm, ada, factory)
    resolutions.keep_ours(ada, finding=the_finding())
    change_in_azure(arm, client, description="theirs again")
    assert push(again(client)) is Pushed.PARKED
    assert (arm.held(client.arm_id()) or {})["description"] == "theirs again"


def test_take_azures_changes_the_row_and_sends_nothing(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = changed(arm, ada, factory)
    arm.methods()
    resolutions.take_azures(ada, finding=the_finding())
    row = again(client)
    assert (row.description, row.state, row.sync_state) == ("theirs", "Disabled", SyncState.SUCCEEDED)
    assert push(row) is Pushed.NOT_CLAIMED
    assert arm.methods() == []
    entry = Activity.objects.filter(verb="Take Azure's").get()
    assert (entry.before["description"], entry.after["description"]) == ("ours", "theirs")


def test_single_fields_can_be_taken(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = changed(arm, ada, factory)
    resolutions.take_azures(ada, finding=the_finding(), fields=["state"])
    assert push(again(client)) is Pushed.SUCCEEDED
    held = arm.held(client.arm_id()) or {}
    assert (held["description"], held["state"]) == ("ours", "Disabled")
    assert again(client).state == "Disabled"


def test_a_resource_deleted_in_azure_is_recreated(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    delete_in_azure(arm, client)
    scan(factory)
    resolutions.keep_ours(ada, finding=the_finding())
    assert push(again(client)) is Pushed.SUCCEEDED
    assert arm.held(client.arm_id()) is not None


def test_a_row_deleted_in_azure_is_removed_from_the_portal(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    delete_in_azure(arm, client)
    scan(factory)
    resolutions.take_azures(ada, finding=the_finding())
    assert not Client.objects.exists()
    assert Activity.objects.filter(verb="Take Azure's", object_pk=client.pk).exists()


def test_an_appeared_resource_is_adopted(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    pem = to_azure_pem(make_ca_der())
    arm.hold(f"{factory.resource_id}/caCertificates/stranger", {"encodedCertificate": pem})
    scan(factory)
    row = resolutions.adopt(ada, finding=the_finding())
    assert CACertificate.objects.get() == row
    assert row.sync_state is SyncState.SUCCEEDED
    assert scan(factory).found == 0


def test_an_ignored_finding_reopens_when_either_side_changes(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = changed(arm, ada, factory)
    resolutions.ignore(ada, finding=the_finding())
    scan(factory)
    assert the_finding().state == Finding.State.IGNORED
    change_in_azure(arm, client, description="and again")
    scan(factory)
    assert the_finding().state == Finding.State.OPEN


def test_a_finding_is_resolved_once(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    changed(arm, ada, factory)
    finding = the_finding()
    resolutions.take_azures(ada, finding=finding)
    for decide in (resolutions.keep_ours, resolutions.take_azures, resolutions.ignore):
        with pytest.raises(CannotResolve) as fault:
            decide(ada, finding=finding)
        assert fault.value.code == "resolved"


def test_an_authentication_name_used_by_another_row_is_not_taken(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    client = settled(ada, factory, "one")
    settled(ada, factory, "two")
    change_in_azure(arm, client, authenticationName="two")
    scan(factory)
    with pytest.raises(CannotResolve) as fault:
        resolutions.take_azures(ada, finding=the_finding())
    assert fault.value.code == "name-taken"


def test_a_decision_about_a_state_before_the_last_scan_is_rejected(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    client = changed(arm, ada, factory)
    shown = the_finding()
    change_in_azure(arm, client, description="theirs again")
    scan(factory)
    for decide in (resolutions.keep_ours, resolutions.take_azures, resolutions.ignore):
        with pytest.raises(CannotResolve) as fault:
            decide(ada, finding=shown)
        assert fault.value.code == "azure-changed"
    assert again(client).description == "ours"


def test_an_appeared_resource_with_unstorable_text_is_adopted(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    odd = {"description": "a\x00b\ud800c \U0001f600", "attributes": {"k": ["\udc00"]}}
    arm.hold(f"{factory.resource_id}/clients/odd-1", {"authenticationName": "odd-1", **odd})
    scan(factory)
    resolutions.adopt(ada, finding=the_finding())
    row = Client.objects.get()
    assert (row.description, row.attributes) == ("a\ufffdb\ufffdc \U0001f600", {"k": ["\ufffd"]})
    scan(factory)
    assert not Finding.objects.exclude(state="resolved").exists()


def test_an_appeared_resource_is_adopted_as_shown(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    stranger = f"{factory.resource_id}/clients/stranger"
    arm.hold(stranger, {"authenticationName": "stranger"})
    scan(factory)
    shown = the_finding()
    arm.hold(stranger, {"authenticationName": "somebody-else"})
    scan(factory)
    with pytest.raises(CannotResolve) as fault:
        resolutions.adopt(ada, finding=shown)
    assert fault.value.code == "azure-changed"
    assert not Client.objects.exists()


@pytest.mark.parametrize("fields", [None, ["state"]])
def test_azures_side_does_not_replace_an_edit_made_after_the_scan(
    arm: ScriptedArm, ada: User, factory: Namespace, fields: list[str] | None
) -> None:
    client = changed(arm, ada, factory)
    edit(ada, client, description="newer")
    with pytest.raises(CannotResolve) as fault:
        resolutions.take_azures(ada, finding=the_finding(), fields=fields)
    assert fault.value.code == "portal-changed"
    scan(factory)
    resolutions.take_azures(ada, finding=the_finding(), fields=fields)
    assert again(client).description == ("theirs" if fields is None else "newer")


# Discard a waiting change


def test_discarding_a_parked_change_takes_azures_state(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory, description="first")
    edit(ada, client, description="second")
    arm.script("PUT", refused("InvalidInput"))
    assert push(again(client)) is Pushed.PARKED
    resolutions.discard_change(ada, row=again(client))
    row = again(client)
    assert (row.description, row.sync_state) == ("first", SyncState.SUCCEEDED)


def test_discarding_a_row_that_azure_never_had_deletes_it(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = make(ada, factory)
    arm.script("PUT", refused("InvalidInput"))
    push(client)
    resolutions.discard_change(ada, row=again(client))
    assert not Client.objects.exists()


def test_discarding_a_conflict_closes_its_finding(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    change_in_azure(arm, client, description="theirs")
    edit(ada, client, description="ours")
    assert push(again(client)) is Pushed.PARKED
    resolutions.discard_change(ada, row=again(client))
    assert again(client).description == "theirs"
    assert Finding.objects.get().state == Finding.State.RESOLVED


def test_a_waiting_deletion_can_be_discarded(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    delete_client(ada, client=client)
    resolutions.discard_change(ada, row=again(client))
    assert again(client).sync_state is SyncState.SUCCEEDED
    assert arm.held(client.arm_id()) is not None


def meanwhile(*steps: Callable[[], object]) -> ArmGateway:
    """A gateway that runs functions after a read and before it returns the result."""

    class Meanwhile(ArmGateway):
        def get(self, *arguments: Any, **named: Any) -> dict[str, Any]:
            found = super().get(*arguments, **named)
            for step in steps:
                step()
            return found

    return Meanwhile()


def test_a_change_sent_during_the_read_is_not_discarded(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory, description="first")
    edit(ada, client, description="second")
    arm.script("PUT", refused("InvalidInput"))
    push(again(client))
    gateway = meanwhile(
        lambda: retry(ada, row=again(client)),
        lambda: push(again(client)),
        lambda: edit(ada, client, description="third"),
    )
    with pytest.raises(CannotResolve) as fault:
        resolutions.discard_change(ada, row=again(client), gateway=gateway)
    assert fault.value.code == "changed-meanwhile"
    assert (again(client).description, again(client).sync_state) == ("third", SyncState.PENDING)


def test_a_push_lost_during_the_read_is_not_discarded(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory, description="first")
    edit(ada, client, description="second")
    arm.script("PUT", Answer(wire="none", apply="later"))
    with pytest.raises(CannotResolve) as fault:
        resolutions.discard_change(ada, row=again(client), gateway=meanwhile(lambda: push(again(client))))
    assert fault.value.code == "changed-meanwhile"
    assert again(client).recheck_at is not None


def test_without_a_waiting_change_nothing_is_discarded(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    with pytest.raises(CannotResolve) as fault:
        resolutions.discard_change(ada, row=settled(ada, factory))
    assert fault.value.code == "nothing-waits"


def test_importing_again_leaves_changes_in_azure_as_findings(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    changed_one, same = settled(ada, factory, "changed"), settled(ada, factory, "same")
    change_in_azure(arm, changed_one, description="theirs")
    change_in_azure(arm, same, tagsOfTomorrow=[1])
    arm.hold(f"{factory.resource_id}/clients/new", {"authenticationName": "new"})
    Namespace.objects.update(import_state=Namespace.Import.WAITING)
    run_import(factory.pk)
    assert again(changed_one).description == ""
    assert "tagsOfTomorrow" in again(same).base["properties"]
    assert Client.objects.filter(name="new").exists()
    assert scan(factory).found == 1
