"""Client groups, topic spaces and permission bindings through ARM."""

import uuid
from typing import Any

import pytest
from azure.mgmt.eventgrid.models import ClientGroup, PermissionBinding, TopicSpace

from tests.emulator.clients import event_grid_client
from tests.support.azure.emulator_process import GROUP, EmulatorProcess

QUERY = "attributes.type = 'sensor' and authenticationName IN ['a', 'b']"


@pytest.fixture
def namespace(emulator: EmulatorProcess) -> str:
    return emulator.make_namespace(f"ns-{uuid.uuid4().hex[:12]}", mqtt=False)


def put(emulator: EmulatorProcess, path: str, **properties: Any) -> dict[str, Any]:
    return emulator.call("PUT", path, {"properties": properties})


def bind(emulator: EmulatorProcess, namespace: str, name: str = "bind-1", **changed: Any) -> dict[str, Any]:
    wanted = {"clientGroupName": "group-1", "topicSpaceName": "space-1", "permission": "Publisher", **changed}
    return put(emulator, f"{namespace}/permissionBindings/{name}", **wanted)


def prepare(emulator: EmulatorProcess, namespace: str) -> None:
    put(emulator, f"{namespace}/clientGroups/group-1", query=QUERY)
    put(emulator, f"{namespace}/topicSpaces/space-1", topicTemplates=["a/#"])


def test_the_sdk_creates_reads_lists_and_deletes_the_three_types(emulator: EmulatorProcess, namespace: str) -> None:
    name = namespace.rpartition("/")[2]
    with event_grid_client(emulator) as azure:
        group = azure.client_groups.begin_create_or_update(
            GROUP, name, "sensors", ClientGroup(query=QUERY, description="all of them")
        ).result()
        assert group.provisioning_state == "Succeeded"
        assert (group.query, group.description) == (QUERY, "all of them")
        assert group.system_data is not None
        assert group.system_data.created_by == emulator.client_id
        templates = ["machines/${client.authenticationName}/+", "shared/#"]
        space = azure.topic_spaces.begin_create_or_update(
            GROUP, name, "machines", TopicSpace(topic_templates=templates)
        ).result()
        assert (space.topic_templates, space.description) == (templates, None)
        binding = azure.permission_bindings.begin_create_or_update(
            GROUP,
            name,
            "sensors-publish",
            PermissionBinding(client_group_name="sensors", topic_space_name="machines", permission="Publisher"),
        ).result()
        assert azure.permission_bindings.get(GROUP, name, "sensors-publish") == binding
        assert [g.name for g in azure.client_groups.list_by_namespace(GROUP, name)] == ["$all", "sensors"]
        assert [s.name for s in azure.topic_spaces.list_by_namespace(GROUP, name)] == ["machines"]
        assert [b.name for b in azure.permission_bindings.list_by_namespace(GROUP, name)] == ["sensors-publish"]
        azure.permission_bindings.begin_delete(GROUP, name, "sensors-publish").result()
        azure.topic_spaces.begin_delete(GROUP, name, "machines").result()
        azure.client_groups.begin_delete(GROUP, name, "sensors").result()
        assert [g.name for g in azure.client_groups.list_by_namespace(GROUP, name)] == ["$all"]


def test_the_group_of_all_clients_is_built_in(emulator: EmulatorProcess, namespace: str) -> None:
    path = f"{namespace}/clientGroups/$all"
    found = emulator.call("GET", path)
    assert found["properties"] == {
        "description": "Default group with all clients.",
        "query": "true",
        "provisioningState": "Succeeded",
    }
    assert (found["name"], found["systemData"]) == ("$all", None)
    assert emulator.request("HEAD", path.replace("$", "%24"))[0] == 204
    for method, body in (("PUT", {"properties": {"query": "true"}}), ("DELETE", None)):
        status, _, answer = emulator.request(method, path, body)
        assert (status, answer["error"]["code"], answer["error"]["target"]) == (400, "InvalidRequest", "name")


def test_the_built_in_group_is_listed_once_over_all_pages(emulator: EmulatorProcess, namespace: str) -> None:
    for number in range(3):
        put(emulator, f"{namespace}/clientGroups/group-{number}", query="true")
    first = emulator.call("GET", f"{namespace}/clientGroups?$top=2")
    rest = emulator.call("GET", first["nextLink"].removeprefix(emulator.url), api_version=None)
    names = [group["name"] for group in first["value"] + rest["value"]]
    assert names == ["$all", "group-0", "group-1", "group-2"]
    filtered = emulator.call("GET", f"{namespace}/clientGroups?$filter=contains(name,'group')")["value"]
    assert "$all" not in [group["name"] for group in filtered]


def test_the_built_in_group_can_be_bound_in_any_casing(emulator: EmulatorProcess, namespace: str) -> None:
    prepare(emulator, namespace)
    made = bind(emulator, namespace, clientGroupName="$ALL", topicSpaceName="SPACE-1", permission="subscriber")
    assert made["properties"] == {
        "description": None,
        "clientGroupName": "$all",
        "topicSpaceName": "space-1",
        "permission": "Subscriber",
        "provisioningState": "Succeeded",
    }


INVALID: list[tuple[str, dict[str, Any], str]] = [
    ("clientGroups", {}, "query"),
    ("clientGroups", {"query": " "}, "query"),
    ("clientGroups", {"query": 5}, "query"),
    ("clientGroups", {"query": "type = 'sensor'"}, "query"),
    ("clientGroups", {"query": "x" * 5000}, "query"),
    ("clientGroups", {"query": "true", "quer": "x"}, "quer"),
    ("topicSpaces", {}, "topicTemplates"),
    ("topicSpaces", {"topicTemplates": []}, "topicTemplates"),
    ("topicSpaces", {"topicTemplates": ["a"] * 11}, "topicTemplates"),
    ("topicSpaces", {"topicTemplates": "a"}, "topicTemplates"),
    ("topicSpaces", {"topicTemplates": ["a", 1]}, "topicTemplates"),
    ("topicSpaces", {"topicTemplates": ["a", "a/#/b"]}, "topicTemplates[1]"),
    ("topicSpaces", {"topicTemplates": ["a/" * 15 + "a"]}, "topicTemplates[0]"),
    ("topicSpaces", {"topicTemplates": ["x" * 257]}, "topicTemplates[0]"),
    ("topicSpaces", {"topicTemplates": ["${principal.name}"]}, "topicTemplates[0]"),
    ("topicSpaces", {"topicTemplates": ["\ud800"]}, "topicTemplates[0]"),
    ("permissionBindings", {}, "clientGroupName"),
    ("permissionBindings", {"clientGroupName": "$all"}, "topicSpaceName"),
    ("permissionBindings", {"clientGroupName": "$all", "topicSpaceName": "space-1"}, "permission"),
    (
        "permissionBindings",
        {"clientGroupName": "$all", "topicSpaceName": "space-1", "permission": "Both"},
        "permission",
    ),
    (
        "permissionBindings",
        {"clientGroupName": "nobody", "topicSpaceName": "space-1", "permission": "Publisher"},
        "clientGroupName",
    ),
    (
        "permissionBindings",
        {"clientGroupName": "$all", "topicSpaceName": "a/b", "permission": "Publisher"},
        "topicSpaceName",
    ),
]


@pytest.mark.parametrize(("segment", "properties", "field"), INVALID)
def test_an_invalid_resource_is_rejected_with_the_field(
    emulator: EmulatorProcess, namespace: str, segment: str, properties: dict[str, Any], field: str
) -> None:
    prepare(emulator, namespace)
    path = f"{namespace}/{segment}/invalid"
    status, _, body = emulator.request("PUT", path, {"properties": properties})
    assert (status, body["error"]["code"]) == (400, "InvalidRequest")
    assert body["error"]["target"] == f"properties.{field}"
    assert emulator.request("HEAD", path)[0] == 404


@pytest.mark.parametrize("segment", ["clientGroups", "topicSpaces", "permissionBindings"])
@pytest.mark.parametrize("name", ["ab", "x" * 51, "a_b", "$any", "a.b"])
def test_an_invalid_name_is_rejected(emulator: EmulatorProcess, namespace: str, segment: str, name: str) -> None:
    status, _, body = emulator.request("PUT", f"{namespace}/{segment}/{name}", {})
    assert (status, body["error"]["code"]) == (400, "InvalidResourceName")


def test_a_group_or_space_in_use_cannot_be_deleted(emulator: EmulatorProcess, namespace: str) -> None:
    prepare(emulator, namespace)
    bind(emulator, namespace, clientGroupName="GROUP-1")
    for path in ("clientGroups/group-1", "topicSpaces/Space-1"):
        status, _, body = emulator.request("DELETE", f"{namespace}/{path}")
        assert (status, body["error"]["code"]) == (409, "Conflict")
        assert "'bind-1'" in body["error"]["message"]
    for path in ("permissionBindings/bind-1", "clientGroups/group-1", "topicSpaces/space-1"):
        assert emulator.request("DELETE", f"{namespace}/{path}")[0] == 200
        assert emulator.request("DELETE", f"{namespace}/{path}")[0] == 204


def test_deleting_a_namespace_deletes_its_topic_spaces_and_bindings(emulator: EmulatorProcess, namespace: str) -> None:
    prepare(emulator, namespace)
    bind(emulator, namespace)
    emulator.call("DELETE", namespace)
    emulator.make_namespace(namespace.rpartition("/")[2], mqtt=False)
    for segment in ("topicSpaces", "permissionBindings"):
        assert emulator.call("GET", f"{namespace}/{segment}")["value"] == []


def test_a_put_replaces_the_whole_resource(emulator: EmulatorProcess, namespace: str) -> None:
    prepare(emulator, namespace)
    bind(emulator, namespace, description="old")
    assert bind(emulator, namespace, permission="Subscriber")["properties"]["description"] is None
    path = f"{namespace}/clientGroups/group-1"
    put(emulator, path, query="true", description="old")
    assert put(emulator, path, query=QUERY)["properties"]["description"] is None


@pytest.mark.parametrize(("segment", "most"), [("clientGroups", 10), ("topicSpaces", 10), ("permissionBindings", 100)])
def test_a_namespace_has_a_quota_for_each_type(
    emulator: EmulatorProcess, namespace: str, segment: str, most: int
) -> None:
    put(emulator, f"{namespace}/topicSpaces/space-1", topicTemplates=["a"])
    body = {
        "clientGroups": {"query": "true"},
        "topicSpaces": {"topicTemplates": ["a"]},
        "permissionBindings": {
            "clientGroupName": "$all",
            "topicSpaceName": "space-1",
            "permission": "Publisher",
        },
    }[segment]
    for number in range(1, most + 1):
        emulator.call("PUT", f"{namespace}/{segment}/space-{number}", {"properties": body})
    status, _, answer = emulator.request("PUT", f"{namespace}/{segment}/one-more", {"properties": body})
    assert (status, answer["error"]["code"]) == (400, "QuotaExceeded")


def test_the_provider_lists_every_type(emulator: EmulatorProcess) -> None:
    provider = emulator.call(
        "GET", f"/subscriptions/{emulator.subscription}/providers/Microsoft.EventGrid", api_version="2021-04-01"
    )
    assert [found["resourceType"] for found in provider["resourceTypes"]] == [
        "namespaces",
        "namespaces/caCertificates",
        "namespaces/clients",
        "namespaces/clientGroups",
        "namespaces/topicSpaces",
        "namespaces/permissionBindings",
        "namespaces/topics",
    ]
