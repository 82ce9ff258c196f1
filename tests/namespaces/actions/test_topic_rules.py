"""Changes of client groups, topic spaces and permission bindings: what is saved, what is refused, what goes first."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from namespaces.actions import topic_rules as actions
from namespaces.importing.runs import run_import
from namespaces.models import ClientGroup, Namespace, PermissionBinding, TopicSpace
from namespaces.rules.errors import RuleError
from portal.models import Activity, User
from sync.drift import scan as drift
from sync.models import Finding, Lane, SyncState
from sync.push.claim_and_settle import Pushed, push
from sync.registry import Scope
from tests.support.database.factories import (
    make_client_group,
    make_namespace,
    make_permission_binding,
    make_topic_space,
)
from tests.sync.scripted_arm import ScriptedArm, refused

pytestmark = pytest.mark.django_db


@pytest.fixture
def factory(ada: User) -> Namespace:
    return make_namespace(contributor=ada)


def group_of(ada: User, factory: Namespace, name: str = "presses", query: str = "true", **more: Any) -> ClientGroup:
    return actions.create_client_group(ada, namespace=factory, team=None, name=name, query=query, **more)


def space_of(ada: User, factory: Namespace, name: str = "machines", templates: Any = ("a/#",)) -> TopicSpace:
    return actions.create_topic_space(ada, namespace=factory, team=None, name=name, templates=templates)


def binding_of(ada: User, factory: Namespace, name: str = "bind", **changed: Any) -> PermissionBinding:
    wanted = {"client_group_name": "$all", "topic_space_name": "machines", "permission": "Publisher", **changed}
    return actions.create_permission_binding(ada, namespace=factory, team=None, name=name, **wanted)


def problem(call: Any, *args: Any, **kwargs: Any) -> RuleError:
    with pytest.raises(RuleError) as refusal:
        call(*args, **kwargs)
    return refusal.value


def again(row: Any) -> Any:
    return type(row).objects.get(pk=row.pk)


def test_a_new_group_waits_for_its_sync_and_stands_in_the_activity_log(ada: User, factory: Namespace) -> None:
    group = group_of(ada, factory, query=" attributes.type = 'press' ")
    assert (group.query, group.sync_state) == ("attributes.type = 'press'", SyncState.PENDING)
    entry = Activity.objects.get()
    assert (entry.verb, entry.after["query"]) == ("Create client group", "attributes.type = 'press'")


@pytest.mark.parametrize(
    ("make", "fields", "field", "code"),
    [
        (group_of, {"name": "ab"}, "name", "length"),
        (group_of, {"name": "$all"}, "name", "charset"),
        (group_of, {"query": ""}, "query", "required"),
        (group_of, {"query": "type = 'x'"}, "query", "not-understood"),
        (group_of, {"query": "attributes.a = '\x00'"}, "query", "nul"),
        (group_of, {"description": "x" * 513}, "description", "too-long"),
        (space_of, {"templates": []}, "templates", "required"),
        (space_of, {"templates": [f"t/{n}" for n in range(11)]}, "templates", "too-many"),
        (space_of, {"templates": ["a/#/b"]}, "templates", "not-understood"),
        (space_of, {"templates": ["\ud800"]}, "templates", "not-understood"),
        (space_of, {"templates": ["a", "a"]}, "templates", "same-twice"),
        (binding_of, {"permission": "Owner"}, "permission", "unknown"),
        (binding_of, {"client_group_name": "nobody"}, "client_group_name", "unknown"),
        (binding_of, {"topic_space_name": "nowhere"}, "topic_space_name", "unknown"),
        (binding_of, {"topic_space_name": "$all"}, "topic_space_name", "unknown"),
    ],
)
def test_what_the_rules_refuse_is_not_stored(
    ada: User, factory: Namespace, make: Any, fields: dict[str, Any], field: str, code: str
) -> None:
    make_topic_space(factory)
    if make is space_of:
        fields = {"name": "others", **fields}
    refusal = problem(make, ada, factory, **fields)
    assert (refusal.field, refusal.code) == (field, code)
    assert not Activity.objects.exists()


def test_names_that_differ_only_in_case_are_taken(ada: User, factory: Namespace) -> None:
    group_of(ada, factory, "Presses")
    assert problem(group_of, ada, factory, "presses").code == "taken"
    with pytest.raises(IntegrityError), transaction.atomic():
        make_client_group(factory, "PRESSES")
    group_of(ada, make_namespace("other", contributor=ada), "presses")


def test_the_database_knows_the_permissions(factory: Namespace) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        make_permission_binding(factory, permission="Owner")


@pytest.mark.parametrize(
    ("make", "setting"),
    [
        (group_of, "MAX_CLIENT_GROUPS"),
        (space_of, "MAX_TOPIC_SPACES"),
        (binding_of, "MAX_PERMISSION_BINDINGS"),
    ],
)
def test_azures_limit_holds_here_too(ada: User, factory: Namespace, settings: Any, make: Any, setting: str) -> None:
    make_topic_space(factory)
    setattr(settings, setting, 2 if make is space_of else 1)
    make(ada, factory, "first")
    refusal = problem(make, ada, factory, "second")
    assert (refusal.code, refusal.field) == ("limit", "")


def test_an_update_without_a_change_changes_nothing(ada: User, factory: Namespace) -> None:
    group, space = make_client_group(factory), make_topic_space(factory)
    binding = make_permission_binding(factory)
    actions.update_client_group(ada, group=group, query=group.query, description="")
    actions.update_topic_space(ada, space=space, templates=space.templates, description="")
    actions.update_permission_binding(
        ada,
        binding=binding,
        client_group_name="PRESSES",
        topic_space_name="machines",
        permission="Publisher",
        description="",
    )
    assert not Activity.objects.exists()
    assert [again(row).generation for row in (group, space, binding)] == [1, 1, 1]


def test_an_update_names_what_changed(ada: User, factory: Namespace) -> None:
    space = make_topic_space(factory)
    actions.update_topic_space(ada, space=space, templates=["b/+"], description="belts")
    entry = Activity.objects.get()
    assert (entry.verb, entry.after["templates"]) == ("Update topic space", ["b/+"])


def test_a_group_goes_with_the_bindings_that_were_shown(ada: User, factory: Namespace) -> None:
    group, space = make_client_group(factory), make_topic_space(factory)
    mine, other = make_permission_binding(factory, "mine"), make_permission_binding(factory, "other", group="$all")
    refusal = problem(actions.delete_topic_rule, ada, row=group)
    assert refusal.code == "bound-meanwhile"
    assert "mine" in refusal.sentence
    actions.delete_topic_rule(ada, row=group, with_bindings=["mine"])
    assert again(group).sync_state is again(mine).sync_state is SyncState.DELETING
    assert again(group).lane == Lane.URGENT
    assert again(other).deleted_at is again(space).deleted_at is None
    assert problem(actions.update_client_group, ada, group=group, query="true", description="").code == "gone"


def test_no_binding_can_be_made_of_a_group_that_goes(ada: User, factory: Namespace) -> None:
    group = make_client_group(factory)
    make_topic_space(factory)
    actions.delete_topic_rule(ada, row=group)
    assert problem(binding_of, ada, factory, client_group_name="presses").field == "client_group_name"


# On the way to Azure


def test_a_binding_waits_for_its_group_and_its_space(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    group, space = group_of(ada, factory), space_of(ada, factory)
    binding = binding_of(ada, factory, client_group_name="presses")
    assert push(binding) is Pushed.NOT_CLAIMED
    assert again(binding).waits_for.endswith("“presses”")
    assert push(group) is Pushed.SUCCEEDED
    PermissionBinding.objects.update(next_attempt_at=None)
    assert push(binding) is Pushed.NOT_CLAIMED
    assert again(binding).waits_for.endswith("“machines”")
    assert push(space) is Pushed.SUCCEEDED
    PermissionBinding.objects.update(next_attempt_at=None)
    assert push(binding) is Pushed.SUCCEEDED
    assert arm.held(binding.arm_id()) == {
        "clientGroupName": "presses",
        "topicSpaceName": "machines",
        "permission": "Publisher",
        "provisioningState": "Succeeded",
    }


def test_a_binding_of_a_refused_group_says_so_and_goes_when_the_group_has_gone(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    group, space = group_of(ada, factory), space_of(ada, factory)
    binding = binding_of(ada, factory, client_group_name="presses")
    arm.script("PUT", refused("BadRequest"))
    assert push(group) is Pushed.PARKED
    assert push(space) is Pushed.SUCCEEDED
    push(binding)
    assert group.name in again(binding).waits_for
    assert again(group).parked_code == "BadRequest"


def test_a_group_goes_from_azure_after_its_bindings(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    group, space = group_of(ada, factory), space_of(ada, factory)
    binding = binding_of(ada, factory, client_group_name="presses")
    assert [push(row) for row in (group, space, binding)] == [Pushed.SUCCEEDED] * 3
    actions.delete_topic_rule(ada, row=group, with_bindings=["bind"])
    assert push(group) is Pushed.NOT_CLAIMED
    assert "“bind”" in again(group).waits_for
    assert push(binding) is Pushed.SUCCEEDED
    ClientGroup.objects.update(next_attempt_at=None)
    assert push(group) is Pushed.SUCCEEDED
    assert not ClientGroup.objects.exists()


def test_a_space_that_a_binding_has_left_waits_until_azure_knows(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    old, new = space_of(ada, factory, "old-one"), space_of(ada, factory, "new-one")
    binding = binding_of(ada, factory, topic_space_name="old-one")
    assert [push(row) for row in (old, new, binding)] == [Pushed.SUCCEEDED] * 3
    actions.update_permission_binding(
        ada,
        binding=binding,
        client_group_name="$all",
        topic_space_name="new-one",
        permission="Publisher",
        description="",
    )
    actions.delete_topic_rule(ada, row=old)
    assert push(old) is Pushed.NOT_CLAIMED
    assert push(binding) is Pushed.SUCCEEDED
    TopicSpace.objects.update(next_attempt_at=None)
    assert push(old) is Pushed.SUCCEEDED


def test_import_takes_all_three_and_leaves_the_built_in_group_out(arm: ScriptedArm, factory: Namespace) -> None:
    hold_three(arm, factory)
    arm.hold(f"{factory.resource_id}/clientGroups/$all", {"query": "true"})
    Namespace.objects.update(import_state=Namespace.Import.WAITING)
    run_import(factory.pk)
    assert [group.name for group in ClientGroup.objects.all()] == ["presses"]
    assert TopicSpace.objects.get().templates == ["a/#"]
    binding = PermissionBinding.objects.get()
    assert (binding.client_group_name, binding.permission, binding.is_settled) == ("presses", "Subscriber", True)
    assert drift.scan(Scope(factory.pk, factory.resource_id, factory.name)).found == 0


def test_what_azure_holds_against_our_rules_is_marked(arm: ScriptedArm, factory: Namespace) -> None:
    arm.hold(f"{factory.resource_id}/clientGroups/odd", {"query": "attributes.type LIKE 'x'"})
    arm.hold(f"{factory.resource_id}/topicSpaces/odd", {"topicTemplates": ["a/#/b"]})
    Namespace.objects.update(import_state=Namespace.Import.WAITING)
    run_import(factory.pk)
    assert "Expected one of" in ClientGroup.objects.get().rule_notes[0]
    assert "a/#/b" in TopicSpace.objects.get().rule_notes[0]


@pytest.mark.parametrize(
    ("kind", "changed", "said"),
    [
        ("clientGroups/presses", {"query": "true"}, "Its query was changed"),
        ("topicSpaces/machines", {"topicTemplates": ["#"]}, "Its topic templates were changed"),
        ("permissionBindings/bind", {"permission": "Publisher"}, "other clients or other topics"),
    ],
)
def test_a_change_in_azure_that_lets_others_in_is_loud(
    arm: ScriptedArm,
    factory: Namespace,
    kind: str,
    changed: dict[str, Any],
    said: str,
) -> None:
    hold_three(arm, factory)
    Namespace.objects.update(import_state=Namespace.Import.WAITING)
    run_import(factory.pk)
    resource_id = f"{factory.resource_id}/{kind}"
    arm.hold(resource_id, {**(arm.held(resource_id) or {}), **changed})
    drift.scan(Scope(factory.pk, factory.resource_id, factory.name))
    finding = Finding.objects.get()
    assert finding.is_loud
    assert said in finding.note


def hold_three(arm: ScriptedArm, factory: Namespace) -> None:
    arm.hold(f"{factory.resource_id}/clientGroups/presses", {"query": "attributes.type = 'press'"})
    arm.hold(f"{factory.resource_id}/topicSpaces/machines", {"topicTemplates": ["a/#"]})
    arm.hold(
        f"{factory.resource_id}/permissionBindings/bind",
        {"clientGroupName": "presses", "topicSpaceName": "machines", "permission": "Subscriber"},
    )
