"""Long-running operations, stale reads and the reset."""

import uuid
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.eventgrid.models import Client, Namespace, NamespaceUpdateParameters

from emulator.fault_rules import Fault
from emulator.faults_client import EmulatorControl
from tests.emulator.arm.faults.conftest import names
from tests.emulator.clients import event_grid_client, resource_client
from tests.support.azure.emulator_process import GROUP, LOCATION, EmulatorProcess
from tests.support.waiting import until


def test_the_sdk_waits_for_long_running_operations(
    emulator: EmulatorProcess, control: EmulatorControl, namespace: str
) -> None:
    name = namespace.rpartition("/")[2]
    # The first two are looked at while they run, so they last longer than a busy machine needs for a request.
    control.add(Fault(kind="long-running", seconds=2, count=2))
    control.add(Fault(kind="long-running", seconds=0.3))
    with event_grid_client(emulator) as azure:
        making = azure.clients.begin_create_or_update(GROUP, name, "slow", Client(description="d"))
        seen = emulator.call("GET", f"{namespace}/clients/slow")["properties"]["provisioningState"]
        assert seen == "Creating"
        assert making.result().provisioning_state == "Succeeded"
        deleting = azure.clients.begin_delete(GROUP, name, "slow")
        assert emulator.call("GET", f"{namespace}/clients/slow")["properties"]["provisioningState"] == "Deleting"
        assert names(emulator, f"{namespace}/clients") == ["slow"]
        deleting.result()
        with pytest.raises(ResourceNotFoundError):
            azure.clients.get(GROUP, name, "slow")
        changed = azure.namespaces.begin_update(GROUP, name, NamespaceUpdateParameters(tags={"a": "b"})).result()
        assert azure.namespaces.get(GROUP, name).tags == {"a": "b"}
        assert changed is None or changed.tags == {"a": "b"}
        made = azure.namespaces.begin_create_or_update(GROUP, f"{name}-x", Namespace(location=LOCATION)).result()
        assert made.provisioning_state == "Succeeded"


def test_an_operation_that_fails_reaches_the_sdk_and_changes_nothing(
    emulator: EmulatorProcess, control: EmulatorControl, namespace: str
) -> None:
    path = f"{namespace}/clients/c"
    before = emulator.call("PUT", path, {"properties": {"description": "before"}})
    control.add(Fault(kind="failing", seconds=0.2, code="OutOfLuck", message="No luck today."))
    with resource_client(emulator) as azure:
        for begin in (
            lambda: azure.resources.begin_create_or_update_by_id(
                path, {"properties": {"description": "after"}}, api_version="2025-02-15"
            ),
            lambda: azure.resources.begin_delete_by_id(path, api_version="2025-02-15"),
            lambda: azure.resources.begin_create_or_update_by_id(path + "-new", {}, api_version="2025-02-15"),
        ):
            with pytest.raises(HttpResponseError) as caught:
                begin().result()
            assert caught.value.error is not None
            assert (caught.value.error.code, caught.value.error.message) == ("OutOfLuck", "No luck today.")
    control.clear()
    assert emulator.call("GET", path) == before
    assert emulator.request("HEAD", path + "-new")[0] == 404


def test_a_second_write_during_an_operation_is_rejected(
    emulator: EmulatorProcess, control: EmulatorControl, namespace: str
) -> None:
    with control.fault(Fault(kind="long-running", seconds=600)):
        assert emulator.request("PUT", f"{namespace}/clients/c", {})[0] == 201
    for method in ("PUT", "DELETE"):
        status, _, body = emulator.request(method, f"{namespace}/clients/C", {} if method == "PUT" else None)
        assert (status, body["error"]["code"]) == (409, "AnotherOperationInProgress")
    assert emulator.request("PUT", f"{namespace}/clients/other", {})[0] == 200


def test_a_request_can_ask_for_a_long_running_operation(emulator: EmulatorProcess, namespace: str) -> None:
    headers = {"Authorization": f"Bearer {emulator.token()}", "Prefer": "respond-async"}
    path = f"{namespace}?api-version=2025-02-15"
    status, received, body = emulator.send("PATCH", path, b'{"tags": {"a": "b"}}', headers)
    assert (status, body["properties"]["provisioningState"]) == (202, "Updating")
    poll, result = (received[name].removeprefix(emulator.url) for name in ("azure-asyncoperation", "location"))
    assert emulator.call("GET", poll, api_version=None)["status"] == "InProgress"
    assert emulator.request("GET", result, api_version=None)[0] == 202

    def status_now() -> Any:
        return emulator.call("GET", poll, api_version=None)["status"]

    until(lambda: status_now() == "Succeeded", "the operation ends")
    assert emulator.call("GET", result, api_version=None)["tags"] == {"a": "b"}
    unknown = poll.replace(poll.rpartition("/")[2].partition("?")[0], str(uuid.uuid4()))
    assert emulator.request("GET", unknown, api_version=None)[0] == 404


def test_reads_return_the_state_before_a_write(
    emulator: EmulatorProcess, control: EmulatorControl, namespace: str
) -> None:
    path = f"{namespace}/clients"
    for name in ("b", "d"):
        emulator.call("PUT", f"{path}/{name}", {"properties": {"description": "old"}})
    control.add(Fault(kind="stale", seconds=2))
    emulator.call("PUT", f"{path}/c", {})
    answered = emulator.call("PUT", f"{path}/b", {"properties": {"description": "new"}})
    assert answered["properties"]["description"] == "new", "the response of the write is up to date"
    emulator.call("DELETE", f"{path}/d")
    assert emulator.request("GET", f"{path}/c")[0] == 404
    assert emulator.call("GET", f"{path}/b")["properties"]["description"] == "old"
    assert names(emulator, path) == ["b", "d"]
    first = emulator.call("GET", f"{path}?$top=1")
    assert [each["name"] for each in first["value"]] == ["b"]
    assert names(emulator, first["nextLink"].removeprefix(emulator.url)) == ["d"]
    until(lambda: names(emulator, path) == ["b", "c"], "reads return the new state")
    assert emulator.call("GET", f"{path}/b")["properties"]["description"] == "new"


def test_a_reset_restores_the_start_and_drops_operations(tmp_path: Path) -> None:
    emulator = EmulatorProcess(tmp_path / "state", "--fault", "latency,seconds=0.01")
    try:
        control = emulator.control
        namespace = emulator.make_namespace("before-reset")
        until(lambda: namespace in control.mqtt_endpoints(), "the namespace listens")
        control.add(Fault(kind="long-running", seconds=600))
        emulator.call("PUT", f"{namespace}/clients/c", {})
        control.add(Fault(kind="stale", seconds=600))
        control.reset()
        assert [fault.kind for fault in control.faults()] == ["latency"], "faults of the command line stay"
        until(lambda: control.mqtt_endpoints() == {}, "no namespace listens")
        assert emulator.request("HEAD", emulator.group_id)[0] == 404
        assert emulator.make_namespace("before-reset") == namespace
        assert names(emulator, f"{namespace}/clients") == []
    finally:
        emulator.stop()


def test_requests_that_cannot_be_long_running_do_not_use_up_the_fault(
    emulator: EmulatorProcess, control: EmulatorControl, namespace: str
) -> None:
    control.add(Fault(kind="long-running", seconds=0.1, count=1))
    emulator.call("PUT", emulator.group_id, {"location": "westeurope"})
    emulator.call("POST", f"{namespace}/listKeys", {})
    assert [each.hits for each in control.faults()] == [0]
    assert emulator.request("PUT", f"{namespace}/clients/slow", {"properties": {}})[0] == 201
