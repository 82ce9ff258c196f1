"""A client that takes a name another gives up: a rejection that will pass is not final."""

from typing import Any

import pytest

from namespaces.actions.clients import change_authentication_name, delete_client
from namespaces.actions.topic_rules import create_client_group, delete_topic_rule
from namespaces.models import Client, ClientGroup, Namespace, PermissionBinding
from portal.models import User
from sync.arm.gateway import arm_gateway
from sync.models import SyncState
from sync.push.claim_and_settle import Pushed, claim, push, settle
from sync.push.delivery import deliver
from tests.support.database.factories import make_client_group, make_permission_binding
from tests.sync.arranging import again, change_in_azure, make, settled
from tests.sync.scripted_arm import Answer, ScriptedArm, refused

pytestmark = pytest.mark.django_db


def test_a_client_waits_for_a_name_that_another_gives_up(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    giver = settled(ada, factory, "giver")
    change_authentication_name(ada, client=giver, authentication_name="new")
    taker = make(ada, factory, "taker", authentication_name="giver")
    arm.script("PUT", refused("AuthenticationNameTaken", 409))
    assert push(taker) is Pushed.DELAYED
    assert "giver" in again(taker).waits_for
    assert push(again(giver)) is Pushed.SUCCEEDED
    assert push(again(taker)) is Pushed.SUCCEEDED


@pytest.mark.parametrize("leaves", ["is renamed", "is deleted"])
def test_a_name_given_up_while_azure_refused_it_is_tried_again(
    arm: ScriptedArm, ada: User, factory: Namespace, leaves: str
) -> None:
    """Another worker may settle the client that gives up the name before this rejection is settled."""
    giver = settled(ada, factory, "giver")
    taker_name = "Giver"  # casing makes no difference
    if leaves == "is renamed":
        change_authentication_name(ada, client=giver, authentication_name="new")
        taker = make(ada, factory, "taker", authentication_name=taker_name)
    else:
        taker = make(ada, factory, "taker")
        Client.objects.filter(pk=taker.pk).update(authentication_name=taker_name)
        delete_client(ada, client=giver)
    arm.script("PUT", refused("AuthenticationNameTaken", 409))
    (claimed,) = claim(Client, [taker.pk])
    refusal = deliver(claimed, arm_gateway())
    assert push(Client.objects.get(pk=giver.pk)) is Pushed.SUCCEEDED
    assert settle([refusal]) == [Pushed.DELAYED]
    assert "giver" in again(taker).waits_for
    assert push(again(taker)) is Pushed.SUCCEEDED


@pytest.mark.parametrize("leaves", ["is renamed", "is deleted"])
def test_a_client_waits_for_a_name_held_after_a_lost_response(
    arm: ScriptedArm, ada: User, factory: Namespace, leaves: str
) -> None:
    """Azure has created the client, and the response was lost, so the portal knows no state in Azure."""
    giver = make(ada, factory, "giver")
    arm.script("PUT", Answer(wire="none"))
    assert push(giver) is Pushed.DELAYED
    if leaves == "is renamed":
        change_authentication_name(ada, client=again(giver), authentication_name="new")
        taker = make(ada, factory, "taker", authentication_name="giver")
    else:
        taker = make(ada, factory, "taker")
        Client.objects.filter(pk=taker.pk).update(authentication_name="giver")
        delete_client(ada, client=again(giver))
    arm.script("PUT", refused("Conflict", 409))
    assert push(again(taker)) is Pushed.DELAYED
    assert "giver" in again(taker).waits_for


def test_a_rejection_is_final_if_the_name_was_not_given_up_since(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    giver = settled(ada, factory, "giver")
    change_authentication_name(ada, client=giver, authentication_name="new")
    assert push(again(giver)) is Pushed.SUCCEEDED
    taker = make(ada, factory, "taker", authentication_name="giver")
    arm.script("PUT", refused("AuthenticationNameTaken", 409))
    assert push(again(taker)) is Pushed.PARKED


def test_a_binding_waits_for_its_group_that_is_deleted_and_recreated(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    """Until its deletion is settled, the row of the group says that Azure has it, although Azure does not."""
    group = make_client_group(factory, synced_generation=0)
    assert push(group) is Pushed.SUCCEEDED
    delete_topic_rule(ada, row=again(group))
    (claimed,) = claim(ClientGroup, [group.pk])
    deletion = deliver(claimed, arm_gateway())
    create_client_group(ada, namespace=factory, team=None, name=group.name, query=group.query)
    binding = make_permission_binding(factory, group=group.name, space="machines", synced_generation=0)
    arm.script("PUT", refused("InvalidRequest"))
    assert push(binding) is Pushed.DELAYED
    assert group.name in again(binding).waits_for
    assert settle([deletion]) == [Pushed.STILL_DUE]
    assert push(again(group)) is Pushed.SUCCEEDED
    assert push(again(binding)) is Pushed.SUCCEEDED


def test_a_deletion_waits_for_a_binding_that_may_still_be_in_azure(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    group = make_client_group(factory, synced_generation=0)
    assert push(group) is Pushed.SUCCEEDED
    binding = make_permission_binding(factory, group=group.name, synced_generation=0)
    arm.script("PUT", Answer(wire="none"))
    assert push(binding) is Pushed.DELAYED
    delete_topic_rule(ada, row=again(binding))
    delete_topic_rule(ada, row=again(group))
    arm.script("DELETE", refused("Conflict", 409))
    assert push(again(group)) is Pushed.DELAYED
    assert binding.name in again(group).waits_for


def test_a_deletion_is_retried_if_its_binding_is_deleted_meanwhile(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    group = make_client_group(factory, synced_generation=0)
    assert push(group) is Pushed.SUCCEEDED
    binding = make_permission_binding(factory, group=group.name, synced_generation=0)
    (claimed,) = claim(PermissionBinding, [binding.pk])
    creation = deliver(claimed, arm_gateway())
    delete_topic_rule(ada, row=again(binding))
    delete_topic_rule(ada, row=again(group))
    arm.script("DELETE", refused("Conflict", 409))
    (claimed,) = claim(ClientGroup, [group.pk])
    refusal = deliver(claimed, arm_gateway())
    assert settle([creation]) == [Pushed.STILL_DUE]
    assert push(again(binding)) is Pushed.SUCCEEDED
    assert settle([refusal]) == [Pushed.DELAYED]
    assert push(again(group)) is Pushed.SUCCEEDED


def test_a_refused_deletion_of_a_group_without_bindings_is_parked(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    group = make_client_group(factory, synced_generation=0)
    assert push(group) is Pushed.SUCCEEDED
    delete_topic_rule(ada, row=again(group))
    arm.script("DELETE", refused("Conflict", 409))
    assert push(again(group)) is Pushed.PARKED


def test_a_refused_binding_whose_group_was_always_in_azure_is_parked(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    group = make_client_group(factory, synced_generation=0)
    assert push(group) is Pushed.SUCCEEDED
    binding = make_permission_binding(factory, group=group.name, synced_generation=0)
    arm.script("PUT", refused("InvalidRequest"))
    assert push(binding) is Pushed.PARKED


def test_two_clients_can_swap_their_authentication_names(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    one, two = settled(ada, factory, "one"), settled(ada, factory, "two")
    change_in_azure(arm, one, futureSetting="kept")

    def unique(path: str, body: Any) -> Answer | None:
        wanted = body["properties"]["authenticationName"]
        others = [each for key, each in arm.store.items() if key != path.lower()]
        taken = any(each["properties"].get("authenticationName") == wanted for each in others)
        return refused("AuthenticationNameTaken", 409) if taken else None

    arm.rule = unique
    change_authentication_name(ada, client=one, authentication_name="on-the-way")
    change_authentication_name(ada, client=two, authentication_name="one")
    change_authentication_name(ada, client=again(one), authentication_name="two")
    for _ in range(8):
        push(again(one))
        push(again(two))
    assert (again(one).sync_state, again(two).sync_state) == (SyncState.SUCCEEDED, SyncState.SUCCEEDED)
    held = arm.held(one.arm_id()) or {}
    assert (held["authenticationName"], held["futureSetting"]) == ("two", "kept")
