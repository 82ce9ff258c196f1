"""`POST /emulator/namespaces`: namespaces deleted and created again, all or none."""

import uuid
from typing import Any

import pytest

from tests.support.azure.emulator_process import GROUP, LOCATION, EmulatorProcess
from tests.support.waiting import until


@pytest.fixture
def namespace_id(emulator: EmulatorProcess) -> str:
    return emulator.make_namespace(f"ns-{uuid.uuid4().hex[:12]}")


def body(namespace_id: str, **more: Any) -> dict[str, Any]:
    enabled = {"topicSpacesConfiguration": {"state": "Enabled"}}
    return {"id": namespace_id, "location": LOCATION, "properties": enabled, **more}


def replace(emulator: EmulatorProcess, sent: object) -> tuple[int, dict[str, Any]]:
    status, _, answer = emulator.request("POST", "/emulator/namespaces", sent, api_version=None)
    return status, answer


def test_a_namespace_is_emptied_and_keeps_its_port(emulator: EmulatorProcess, namespace_id: str) -> None:
    other = emulator.make_namespace(f"ns-{uuid.uuid4().hex[:12]}", mqtt=False)
    for each in (namespace_id, other):
        emulator.call("PUT", f"{each}/clients/press-1", {"properties": {}})
    until(lambda: namespace_id in emulator.mqtt_endpoints, "the endpoint listens")
    port = emulator.mqtt_endpoints[namespace_id]["port"]
    status, answer = replace(emulator, {"put": [body(namespace_id)]})
    assert (status, [each["id"] for each in answer["value"]]) == (200, [namespace_id])
    assert emulator.call("GET", f"{namespace_id}/clients")["value"] == []
    assert len(emulator.call("GET", f"{other}/clients")["value"]) == 1
    until(lambda: namespace_id in emulator.mqtt_endpoints, "the endpoint listens again")
    assert emulator.mqtt_endpoints[namespace_id]["port"] == port


def test_namespaces_are_created_and_deleted(emulator: EmulatorProcess, namespace_id: str) -> None:
    new = f"{emulator.group_id}/providers/Microsoft.EventGrid/namespaces/ns-{uuid.uuid4().hex[:12]}"
    assert replace(emulator, {"put": [body(new)], "delete": [namespace_id]})[0] == 200
    assert emulator.call("GET", new)["location"] == LOCATION
    assert emulator.request("GET", namespace_id)[0] == 404
    assert replace(emulator, {"delete": [namespace_id]}) == (200, {"value": []})


def test_missing_subscriptions_and_groups_are_created(emulator: EmulatorProcess) -> None:
    subscription = f"/subscriptions/{uuid.uuid4()}"
    new = f"{subscription}/resourceGroups/rg/providers/Microsoft.EventGrid/namespaces/ns-{uuid.uuid4().hex[:12]}"
    assert replace(emulator, {"put": [body(new)]})[0] == 200
    assert emulator.call("GET", new)["id"] == new
    assert emulator.call("GET", f"{subscription}/resourceGroups/rg", api_version="2022-09-01")["location"] == LOCATION
    assert replace(emulator, {"put": [body(new.replace(subscription, "/subscriptions/x"))]})[0] == 400


def test_an_operation_in_progress_does_not_hold_it_up(emulator: EmulatorProcess, namespace_id: str) -> None:
    status, _, _ = emulator.send(
        "PUT",
        f"{namespace_id}?api-version=2025-02-15",
        b'{"location": "westeurope"}',
        {"Authorization": f"Bearer {emulator.token()}", "Prefer": "respond-async", "Content-Type": "application/json"},
    )
    assert status < 300
    assert replace(emulator, {"put": [body(namespace_id)]})[0] == 200
    assert emulator.call("GET", namespace_id)["properties"]["provisioningState"] == "Succeeded"


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        {"post": []},
        {"put": {}},
        {"put": ["x"]},
        {"put": [{}]},
        {"put": [{"id": "x"}]},
        {"delete": "x"},
        {"delete": ["/subscriptions/1"]},
        {"delete": ["{namespace}/clients/press-1"]},
        {"put": [{"id": "{namespace}/clients/press-1"}]},
        {"delete": ["{namespace}"] * 201},
        {"delete": ["{namespace}"], "put": [{"id": "{namespace}", "location": ""}]},
        b"{",
    ],
)
def test_an_invalid_request_changes_nothing(emulator: EmulatorProcess, namespace_id: str, wrong: Any) -> None:
    emulator.call("PUT", f"{namespace_id}/clients/press-1", {"properties": {}})

    def named(value: Any) -> Any:
        if isinstance(value, str):
            return value.replace("{namespace}", namespace_id)
        if isinstance(value, list):
            return [named(each) for each in value]
        return {key: named(each) for key, each in value.items()} if isinstance(value, dict) else value

    assert replace(emulator, named(wrong))[0] == 400
    assert len(emulator.call("GET", f"{namespace_id}/clients")["value"]) == 1
    assert GROUP in namespace_id


def test_it_needs_a_token(emulator: EmulatorProcess) -> None:
    assert emulator.send("POST", "/emulator/namespaces", b"{}")[0] == 401
