"""Faults: what each kind does, which requests get it, and how it ends."""

import contextlib
import http.client
import socket
import ssl
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.eventgrid.models import Client, Namespace, NamespaceUpdateParameters

from emulator.fault_rules import Fault, FaultError
from emulator.faults_client import ControlError, EmulatorControl
from portal.demo.checks import mqtt_answers
from tests.emulator.clients import event_grid_client, resource_client
from tests.support.emulator_process import GROUP, LOCATION, EmulatorProcess
from tests.support.waiting import until


@pytest.fixture
def namespace(emulator: EmulatorProcess) -> str:
    return emulator.make_namespace(f"ns-{uuid.uuid4().hex[:12]}", mqtt=False)


def names(emulator: EmulatorProcess, collection: str) -> list[str]:
    return [each["name"] for each in emulator.call("GET", collection)["value"]]


# The control API


def test_faults_are_added_listed_and_removed(control: EmulatorControl) -> None:
    made = control.add(Fault(kind="error", status=503, methods=("PUT",), path="*/clients/*", rate=0.5, count=7))
    other = control.add(Fault(kind="latency", seconds=0.5, jitter=0.25))
    assert made.id != other.id
    assert control.faults() == [made, other]
    control.remove(made)
    control.remove(made)
    assert control.faults() == [other]
    control.clear()
    assert control.faults() == []


def test_the_control_api_needs_a_token_and_rejects_invalid_faults(emulator: EmulatorProcess) -> None:
    assert emulator.send("POST", "/emulator/faults", b'{"kind": "latency"}')[0] == 401
    assert emulator.send("POST", "/emulator/reset")[0] == 401
    for body, target in (
        ({}, "kind"),
        ({"kind": "flood"}, "kind"),
        ({"kind": "error", "status": 200}, "status"),
        ({"kind": "error", "rate": 1.5}, "rate"),
        ({"kind": "error", "count": 0}, "count"),
        ({"kind": "error", "colour": "red"}, "colour"),
        ({"kind": "error", "status": "503"}, "status"),
        ({"kind": "error", "methods": ["FETCH"]}, "methods"),
        (b"{", None),
        (b"[]", None),
    ):
        status, _, answer = emulator.request("POST", "/emulator/faults", body)
        assert (status, answer["error"]["code"]) == (400, "InvalidRequest")
        assert answer["error"].get("target") == target
    assert emulator.control.faults() == []
    assert emulator.request("DELETE", "/emulator/faults/none")[0] == 404
    assert emulator.request("GET", "/emulator/none")[0] == 404


def test_an_unreachable_emulator_is_reported_with_status_0(emulator: EmulatorProcess) -> None:
    unreachable = EmulatorControl("https://127.0.0.1:1", ca=emulator.ca, token=lambda: "x")
    with pytest.raises(ControlError) as caught:
        unreachable.faults()
    assert caught.value.status == 0


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("token-buckets", Fault(kind="token-buckets")),
        ("latency,seconds=0.2,jitter=0.1", Fault(kind="latency", seconds=0.2, jitter=0.1)),
        (
            "error, status=503, rate=0.1, methods=put+DELETE, path=*/clients/*, count=3, retry_after=2, after=yes",
            Fault(
                kind="error",
                status=503,
                rate=0.1,
                methods=("PUT", "DELETE"),
                path="*/clients/*",
                count=3,
                retry_after=2,
                after=True,
            ),
        ),
    ],
)
def test_a_fault_can_be_written_on_one_line(text: str, fault: Fault) -> None:
    assert Fault.parse(text) == fault
    assert Fault.from_dict(fault.as_dict()) == fault


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("", "kind"),
        ("flood", "kind"),
        ("latency,seconds", "seconds"),
        ("latency,seconds=x", "seconds"),
        ("latency,id=1", "id"),
        ("error,status=9", "status"),
    ],
)
def test_an_invalid_line_is_rejected_with_the_field(text: str, field: str) -> None:
    with pytest.raises(FaultError) as caught:
        Fault.parse(text)
    assert caught.value.field == field


# Which requests get a fault


def test_a_fault_is_limited_by_method_path_and_count(
    emulator: EmulatorProcess, control: EmulatorControl, namespace: str
) -> None:
    made = control.add(
        Fault(kind="error", status=503, methods=("PUT",), path=f"{namespace.upper()}/CLIENTS/*", count=2)
    )
    statuses = [emulator.request("PUT", f"{namespace}/clients/c", {})[0] for _ in range(3)]
    assert statuses == [503, 503, 200]
    assert control.faults() == []
    again = control.add(made)
    assert emulator.request("GET", f"{namespace}/clients/c")[0] == 200
    assert emulator.request("PUT", f"{namespace}/clientGroups/group-1", {"properties": {"query": "true"}})[0] == 200
    assert emulator.request("PUT", f"{namespace}/clients/c", {})[0] == 503
    assert [(each.id, each.hits, each.count) for each in control.faults()] == [(again.id, 1, 1)]


def test_a_fault_is_limited_by_rate(emulator: EmulatorProcess, control: EmulatorControl, namespace: str) -> None:
    control.add(Fault(kind="error", rate=0.5))
    statuses = {emulator.request("GET", namespace)[0] for _ in range(60)}
    assert statuses == {200, 500}


def test_health_and_tokens_get_no_fault_unless_the_path_names_them(
    emulator: EmulatorProcess, control: EmulatorControl
) -> None:
    everything = control.add(Fault(kind="error", path="*"))
    assert emulator.request("GET", "/subscriptions")[0] == 500
    for path in ("/healthz", "/metadata/endpoints"):
        assert emulator.send("GET", path)[0] == 200
    control.remove(everything)
    with control.fault(Fault(kind="error", status=503, path="/*/oauth2/*")):
        assert emulator.send("POST", f"/{emulator.tenant}/oauth2/v2.0/token")[0] == 503


# What each kind does


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (409, "Conflict"),
        (412, "PreconditionFailed"),
        (429, "SubscriptionRequestsThrottled"),
        (500, "InternalServerError"),
        (503, "ServiceUnavailable"),
        (504, "GatewayTimeout"),
    ],
)
def test_an_error_has_the_format_of_arm(
    emulator: EmulatorProcess, control: EmulatorControl, namespace: str, status: int, code: str
) -> None:
    control.add(Fault(kind="error", status=status, retry_after=3))
    answered, headers, body = emulator.request("PUT", f"{namespace}/clients/c", {})
    assert (answered, body["error"]["code"], headers["retry-after"]) == (status, code, "3")
    assert uuid.UUID(headers["x-ms-request-id"])
    control.clear()
    assert emulator.request("HEAD", f"{namespace}/clients/c")[0] == 404


def test_an_error_can_follow_a_completed_request(
    emulator: EmulatorProcess, control: EmulatorControl, namespace: str
) -> None:
    control.add(Fault(kind="error", status=502, code="Lost", message="gone", after=True, count=1))
    answered, _, body = emulator.request("PUT", f"{namespace}/clients/c", {})
    assert (answered, body["error"]) == (502, {"code": "Lost", "message": "gone"})
    assert emulator.request("HEAD", f"{namespace}/clients/c")[0] == 204


def test_throttling_has_the_headers_of_arm(emulator: EmulatorProcess, control: EmulatorControl, namespace: str) -> None:
    control.add(Fault(kind="throttle", count=1, retry_after=7))
    status, headers, _ = emulator.request("DELETE", f"{namespace}/clients/c")
    assert (status, headers["retry-after"]) == (429, "7")
    assert headers["x-ms-ratelimit-remaining-subscription-deletes"] == "0"


@pytest.mark.parametrize("after", [False, True])
def test_a_connection_is_reset(
    emulator: EmulatorProcess, control: EmulatorControl, namespace: str, after: bool
) -> None:
    control.add(Fault(kind="reset", count=1, after=after))
    with pytest.raises(OSError):
        emulator.request("PUT", f"{namespace}/clients/c", {})
    assert emulator.request("HEAD", f"{namespace}/clients/c")[0] == (204 if after else 404)


def test_a_torn_response_is_incomplete(emulator: EmulatorProcess, control: EmulatorControl, namespace: str) -> None:
    logged = len(emulator.log())
    control.add(Fault(kind="torn", count=1))
    with pytest.raises((http.client.IncompleteRead, OSError)):
        emulator.request("PUT", f"{namespace}/clients/c", {})
    assert emulator.request("HEAD", f"{namespace}/clients/c")[0] == 204
    assert "Traceback" not in emulator.log()[logged:]


def test_latency_delays_a_response_until_the_faults_are_cleared(
    emulator: EmulatorProcess, control: EmulatorControl, namespace: str
) -> None:
    with control.fault(Fault(kind="latency", seconds=0.3)):
        before = time.monotonic()
        emulator.call("GET", namespace)
        assert time.monotonic() - before >= 0.3
    control.add(Fault(kind="latency", seconds=600))
    connection = http.client.HTTPSConnection(emulator.url.removeprefix("https://"), timeout=60, context=emulator._tls)
    connection.request(
        "GET", f"{namespace}?api-version=2025-02-15", headers={"Authorization": f"Bearer {emulator.token()}"}
    )
    until(lambda: control.faults()[0].hits == 1, "the request is delayed")
    control.clear()
    assert connection.getresponse().status == 200  # within the time that the connection has
    connection.close()


def test_the_rate_limits_of_arm_can_be_enforced(
    emulator: EmulatorProcess, control: EmulatorControl, namespace: str
) -> None:
    with control.fault(Fault(kind="token-buckets")):
        # Deletes: their bucket refills slowly enough that even a busy machine empties it.
        answers = (emulator.request("DELETE", f"{namespace}/clients/nobody") for _ in range(1000))
        refused = next(headers for status, headers, _ in answers if status == 429)
        assert refused["retry-after"] == "1"
        assert refused["x-ms-ratelimit-remaining-subscription-deletes"] == "0"
        assert emulator.request("PUT", f"{namespace}/clients/c", {})[0] == 200, "writes have a bucket of their own"
    assert emulator.request("GET", namespace)[0] == 200


# Long-running operations


def test_the_sdk_waits_for_long_running_operations(
    emulator: EmulatorProcess, control: EmulatorControl, namespace: str
) -> None:
    name = namespace.rpartition("/")[2]
    # The first two are looked at while they run, so they last longer than a busy machine needs for a request.
    control.add(Fault(kind="long-running", seconds=5, count=2))
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


# Eventual consistency


def test_reads_return_the_state_before_a_write(
    emulator: EmulatorProcess, control: EmulatorControl, namespace: str
) -> None:
    path = f"{namespace}/clients"
    for name in ("b", "d"):
        emulator.call("PUT", f"{path}/{name}", {"properties": {"description": "old"}})
    control.add(Fault(kind="stale", seconds=4))
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


# Reset


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


# The broker


def test_a_broker_that_is_down_cuts_connections_and_takes_none(emulator: EmulatorProcess) -> None:
    down, up = (emulator.make_namespace(f"ns-{uuid.uuid4().hex[:12]}") for _ in range(2))
    until(lambda: {down, up} <= emulator.mqtt_endpoints.keys(), "both endpoints listen")
    endpoints = emulator.mqtt_endpoints
    context = ssl.create_default_context(cafile=endpoints[down]["ca"])
    address = (endpoints[down]["host"], endpoints[down]["port"])
    with socket.create_connection(address, timeout=20) as plain:
        with context.wrap_socket(plain, server_hostname=address[0]) as opened:
            with emulator.control.fault(Fault(kind="broker-down", path=f"{down}*")):
                with contextlib.suppress(OSError):  # a reset, instead of an end
                    assert opened.recv(1) == b""
                assert not mqtt_answers(**endpoint(endpoints[down]))
                until(lambda: mqtt_answers(**endpoint(endpoints[up])), "the other broker answers")
                assert emulator.call("GET", down)["name"]
    until(lambda: mqtt_answers(**endpoint(endpoints[down])), "the broker is back")


def test_a_broker_comes_back_by_itself(emulator: EmulatorProcess) -> None:
    namespace_id = emulator.make_namespace(f"ns-{uuid.uuid4().hex[:12]}")
    until(lambda: namespace_id in emulator.mqtt_endpoints, "the endpoint listens")
    made = emulator.control.add(Fault(kind="broker-down", path=f"{namespace_id}*", seconds=0.2))
    until(lambda: made.id not in [each.id for each in emulator.control.faults()], "the fault has ended")
    until(lambda: mqtt_answers(**endpoint(emulator.mqtt_endpoints[namespace_id])), "the broker is back")


def endpoint(described: dict[str, Any]) -> dict[str, Any]:
    return {name: described[name] for name in ("host", "port", "ca")}
