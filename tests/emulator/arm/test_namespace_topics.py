"""Namespace topics: create, get, list, update, delete, keys, and the routing of a namespace to one."""

import uuid
from typing import Any

import pytest

from emulator.arm.resource_types.api_versions import EVENT_GRID_VERSIONS
from tests.support.azure.emulator_process import LOCATION, EmulatorProcess

DEFAULTS = {
    "publisherType": "Custom",
    "inputSchema": "CloudEventSchemaV1_0",
    "eventRetentionInDays": 1,
    "provisioningState": "Succeeded",
}


@pytest.fixture(scope="module")
def namespace(emulator: EmulatorProcess) -> str:
    return emulator.make_namespace(f"ns-{uuid.uuid4().hex[:12]}", mqtt=False)


@pytest.fixture
def topic(namespace: str) -> str:
    return f"{namespace}/topics/topic-{uuid.uuid4().hex[:8]}"


@pytest.mark.parametrize("version", EVENT_GRID_VERSIONS)
def test_a_topic_is_created_changed_listed_and_deleted(
    emulator: EmulatorProcess, namespace: str, topic: str, version: str
) -> None:
    made = emulator.call("PUT", topic, {}, api_version=version)
    assert (made["type"], made["properties"]) == ("Microsoft.EventGrid/namespaces/topics", DEFAULTS)
    assert emulator.call("GET", topic, api_version=version) == made
    assert emulator.request("HEAD", topic, api_version=version)[0] == 204
    assert made in emulator.call("GET", f"{namespace}/topics?$top=100", api_version=version)["value"]
    changed = emulator.call("PATCH", topic, {"properties": {"eventRetentionInDays": 3}}, api_version=version)
    assert changed["properties"] == {**DEFAULTS, "eventRetentionInDays": 3}
    same = {"properties": {"publisherType": "custom", "inputSchema": "cloudeventschemav1_0"}}
    assert emulator.call("PUT", topic, same, api_version=version)["properties"] == DEFAULTS
    assert emulator.request("DELETE", topic, api_version=version)[0] == 200
    assert emulator.request("DELETE", topic, api_version=version)[0] == 204
    assert emulator.request("GET", topic, api_version=version)[0] == 404


@pytest.mark.parametrize(
    ("properties", "field"),
    [
        ({"eventRetentionInDays": 0}, "eventRetentionInDays"),
        ({"eventRetentionInDays": 8}, "eventRetentionInDays"),
        ({"eventRetentionInDays": "1"}, "eventRetentionInDays"),
        ({"publisherType": "Partner"}, "publisherType"),
        ({"inputSchema": "EventGridSchema"}, "inputSchema"),
        ({"retention": 1}, "retention"),
    ],
)
def test_an_invalid_topic_is_rejected_with_the_field(
    emulator: EmulatorProcess, topic: str, properties: dict[str, Any], field: str
) -> None:
    status, _, answer = emulator.request("PUT", topic, {"properties": properties})
    assert (status, answer["error"]["target"]) == (400, f"properties.{field}")
    assert emulator.request("HEAD", topic)[0] == 404
    emulator.call("PUT", topic, {})
    assert emulator.request("PATCH", topic, {"properties": properties})[0] == 400
    assert emulator.call("GET", topic)["properties"] == DEFAULTS


def test_keys_are_listed_and_renewed_one_at_a_time(emulator: EmulatorProcess, namespace: str, topic: str) -> None:
    assert emulator.request("POST", f"{topic}/listKeys")[2]["error"]["code"] == "ResourceNotFound"
    emulator.call("PUT", topic, {})
    keys = emulator.call("POST", f"{topic}/listKeys")
    assert set(keys) == {"key1", "key2"}
    assert emulator.call("POST", f"{topic}/ListKeys") == keys
    renewed = emulator.call("POST", f"{topic}/regenerateKey", {"keyName": "KEY1"})
    assert (renewed["key1"] != keys["key1"], renewed["key2"]) == (True, keys["key2"])
    assert emulator.call("POST", f"{topic}/listKeys") == renewed
    assert emulator.call("POST", f"{namespace}/listKeys")["key2"] != keys["key2"]
    status, _, answer = emulator.request("POST", f"{topic}/regenerateKey", {"keyName": "key3"})
    assert (status, answer["error"]["target"]) == (400, "keyName")
    assert emulator.request("GET", f"{topic}/listKeys")[0] == 405
    emulator.call("DELETE", topic)
    emulator.call("PUT", topic, {})
    assert emulator.call("POST", f"{topic}/listKeys")["key2"] != keys["key2"], "a new topic has new keys"


@pytest.mark.parametrize(
    ("method", "tail", "status", "code"),
    [
        ("POST", "/listKeys/more", 404, "InvalidResourceType"),
        ("GET", "/eventSubscriptions", 404, "InvalidResourceType"),
        ("GET", "/eventSubscriptions/sub-1/more/1", 404, "InvalidResourceType"),
        ("POST", "", 405, "MethodNotAllowed"),
    ],
)
def test_what_is_not_emulated_of_a_topic_is_rejected(
    emulator: EmulatorProcess, topic: str, method: str, tail: str, status: int, code: str
) -> None:
    emulator.call("PUT", topic, {})
    answered, _, answer = emulator.request(method, topic + tail, {})
    assert (answered, answer["error"]["code"]) == (status, code)


def test_only_topics_and_namespaces_have_keys_and_patch(emulator: EmulatorProcess, namespace: str) -> None:
    client = f"{namespace}/clients/press-1"
    emulator.call("PUT", client, {})
    assert emulator.request("POST", f"{client}/listKeys")[0] == 404
    status, headers, _ = emulator.request("PATCH", client, {"properties": {}})
    assert (status, "PATCH" in headers["allow"]) == (405, False)
    assert emulator.request("PATCH", f"{namespace}/topics/none-here", {})[2]["error"]["code"] == "ResourceNotFound"


def test_a_namespace_routes_to_its_own_topic(emulator: EmulatorProcess, topic: str) -> None:
    namespace = topic.partition("/topics/")[0]
    made = emulator.call("PUT", topic, {})
    configuration = {"topicSpacesConfiguration": {"state": "Enabled", "routeTopicResourceId": made["id"]}}
    routed = emulator.call("PUT", namespace, {"location": LOCATION, "properties": configuration})
    assert routed["properties"]["topicSpacesConfiguration"]["routeTopicResourceId"] == made["id"]


def test_a_namespace_has_a_quota_of_topics_and_takes_them_with_it(emulator: EmulatorProcess) -> None:
    own = emulator.make_namespace(f"ns-{uuid.uuid4().hex[:12]}", mqtt=False)
    for number in range(100):
        emulator.call("PUT", f"{own}/topics/topic-{number}", {})
    status, _, answer = emulator.request("PUT", f"{own}/topics/topic-100", {})
    assert (status, answer["error"]["code"]) == (400, "QuotaExceeded")
    emulator.call("DELETE", own)
    emulator.call("PUT", own, {"location": LOCATION})
    assert emulator.call("GET", f"{own}/topics")["value"] == []
