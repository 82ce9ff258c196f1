"""Faults on demand: what each kind does, whom it strikes, and how it ends."""

import http.client
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.eventgrid.models import Client, Namespace, NamespaceUpdateParameters

from emulator.fault_rules import Fault, FaultError
from emulator.faults_client import ControlError, EmulatorControl
from tests.emulator.clients import event_grid_client, resource_client
from tests.support.emulator_process import GROUP, LOCATION, EmulatorProcess
from tests.support.waiting import until


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorProcess]:
    """An emulator of this module's own: faults strike everybody who uses it."""
    process = EmulatorProcess(tmp_path_factory.mktemp("faulty"))
    process.call("PUT", process.group_id, {"location": LOCATION})
    yield process
    process.stop()


@pytest.fixture
def control(faulty: EmulatorProcess) -> Iterator[EmulatorControl]:
    made = EmulatorControl.from_ready_file(faulty.state_dir / "ready.json")
    yield made
    made.clear()


@pytest.fixture
def namespace(faulty: EmulatorProcess, control: EmulatorControl) -> str:
    return faulty.make_namespace(f"ns-{uuid.uuid4().hex[:12]}", mqtt=False)


def names(emulator: EmulatorProcess, collection: str) -> list[str]:
    return [each["name"] for each in emulator.call("GET", collection)["value"]]


# The control API


def test_faults_are_added_listed_and_ended(control: EmulatorControl) -> None:
    made = control.add(Fault(kind="error", status=503, methods=("PUT",), path="*/clients/*", rate=0.5, count=7))
    other = control.add(Fault(kind="latency", seconds=0.5, jitter=0.25))
    assert made.id != other.id
    assert control.faults() == [made, other]
    control.remove(made)
    control.remove(made)
    assert control.faults() == [other]
    control.clear()
    assert control.faults() == []


def test_the_control_api_asks_for_a_token_and_says_what_is_wrong(faulty: EmulatorProcess) -> None:
    assert faulty.send("POST", "/emulator/faults", b'{"kind": "latency"}')[0] == 401
    assert faulty.send("POST", "/emulator/reset")[0] == 401
    for body, message in (
        ({}, "'kind' is missing"),
        ({"kind": "flood"}, "is not a kind of fault"),
        ({"kind": "error", "status": 200}, "from 400 to 599"),
        ({"kind": "error", "rate": 1.5}, "from 0 to 1"),
        ({"kind": "error", "count": 0}, "'count' must be from 1"),
        ({"kind": "error", "colour": "red"}, "has no 'colour'"),
        ({"kind": "error", "status": "503"}, "'status' cannot be"),
        ({"kind": "error", "methods": ["FETCH"]}, "is not a method"),
        (b"{", "not valid JSON"),
        (b"[]", "JSON object"),
    ):
        status, _, answer = faulty.request("POST", "/emulator/faults", body)
        assert status == 400
        assert message in answer["error"]["message"]
    assert faulty.request("DELETE", "/emulator/faults/none")[0] == 404
    assert faulty.request("GET", "/emulator/none")[0] == 404


def test_an_emulator_that_is_away_is_told_as_such(tmp_path: Path, faulty: EmulatorProcess) -> None:
    away = EmulatorControl("https://127.0.0.1:1", ca=faulty.ca, token=lambda: "x")
    with pytest.raises(ControlError, match="cannot be reached") as caught:
        away.faults()
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
def test_a_fault_may_be_written_on_one_line(text: str, fault: Fault) -> None:
    assert Fault.parse(text) == fault
    assert Fault.from_dict(fault.as_dict()) == fault


@pytest.mark.parametrize(
    "text", ["", "flood", "latency,seconds", "latency,seconds=x", "latency,id=1", "error,status=9"]
)
def test_a_line_that_is_no_fault_is_refused(text: str) -> None:
    with pytest.raises(FaultError):
        Fault.parse(text)


# Whom a fault strikes


def test_a_fault_strikes_by_method_and_path_for_as_many_requests_as_asked(
    faulty: EmulatorProcess, control: EmulatorControl, namespace: str
) -> None:
    made = control.add(
        Fault(kind="error", status=503, methods=("PUT",), path=f"{namespace.upper()}/CLIENTS/*", count=2)
    )
    statuses = [faulty.request("PUT", f"{namespace}/clients/c", {})[0] for _ in range(3)]
    assert statuses == [503, 503, 200]
    assert control.faults() == []
    again = control.add(made)
    assert faulty.request("GET", f"{namespace}/clients/c")[0] == 200
    assert faulty.request("PUT", f"{namespace}/clientGroups/group-1", {"properties": {"query": "true"}})[0] == 200
    assert faulty.request("PUT", f"{namespace}/clients/c", {})[0] == 503
    assert [(each.id, each.hits, each.count) for each in control.faults()] == [(again.id, 1, 1)]


def test_a_fault_strikes_by_rate(faulty: EmulatorProcess, control: EmulatorControl, namespace: str) -> None:
    control.add(Fault(kind="error", rate=0.5))
    statuses = {faulty.request("GET", namespace)[0] for _ in range(60)}
    assert statuses == {200, 500}


def test_health_and_tokens_are_spared_unless_named(faulty: EmulatorProcess, control: EmulatorControl) -> None:
    everything = control.add(Fault(kind="error", path="*"))
    assert faulty.request("GET", "/subscriptions")[0] == 500
    for path in ("/healthz", "/metadata/endpoints"):
        assert faulty.send("GET", path)[0] == 200
    control.remove(everything)
    with control.fault(Fault(kind="error", status=503, path="/*/oauth2/*")):
        assert faulty.send("POST", f"/{faulty.tenant}/oauth2/v2.0/token")[0] == 503


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
def test_an_error_is_answered_in_arms_envelope(
    faulty: EmulatorProcess, control: EmulatorControl, namespace: str, status: int, code: str
) -> None:
    control.add(Fault(kind="error", status=status, retry_after=3))
    answered, headers, body = faulty.request("PUT", f"{namespace}/clients/c", {})
    assert (answered, body["error"]["code"], headers["retry-after"]) == (status, code, "3")
    assert uuid.UUID(headers["x-ms-request-id"])
    control.clear()
    assert faulty.request("HEAD", f"{namespace}/clients/c")[0] == 404


def test_an_error_may_strike_when_the_work_is_done(
    faulty: EmulatorProcess, control: EmulatorControl, namespace: str
) -> None:
    control.add(Fault(kind="error", status=502, code="Lost", message="gone", after=True, count=1))
    answered, _, body = faulty.request("PUT", f"{namespace}/clients/c", {})
    assert (answered, body["error"]) == (502, {"code": "Lost", "message": "gone"})
    assert faulty.request("HEAD", f"{namespace}/clients/c")[0] == 204


def test_throttling_looks_like_arms(faulty: EmulatorProcess, control: EmulatorControl, namespace: str) -> None:
    control.add(Fault(kind="throttle", count=1, retry_after=7))
    status, headers, _ = faulty.request("DELETE", f"{namespace}/clients/c")
    assert (status, headers["retry-after"]) == (429, "7")
    assert headers["x-ms-ratelimit-remaining-subscription-deletes"] == "0"


@pytest.mark.parametrize("after", [False, True])
def test_a_connection_is_reset(faulty: EmulatorProcess, control: EmulatorControl, namespace: str, after: bool) -> None:
    control.add(Fault(kind="reset", count=1, after=after))
    with pytest.raises(OSError):
        faulty.request("PUT", f"{namespace}/clients/c", {})
    assert faulty.request("HEAD", f"{namespace}/clients/c")[0] == (204 if after else 404)


def test_an_answer_is_torn(faulty: EmulatorProcess, control: EmulatorControl, namespace: str) -> None:
    control.add(Fault(kind="torn", count=1))
    with pytest.raises((http.client.IncompleteRead, OSError)):
        faulty.request("PUT", f"{namespace}/clients/c", {})
    assert faulty.request("HEAD", f"{namespace}/clients/c")[0] == 204
    assert "Traceback" not in faulty.log()


def test_latency_delays_an_answer_and_ends_at_once_when_cleared(
    faulty: EmulatorProcess, control: EmulatorControl, namespace: str
) -> None:
    with control.fault(Fault(kind="latency", seconds=0.3)):
        before = time.monotonic()
        faulty.call("GET", namespace)
        assert time.monotonic() - before >= 0.3
    control.add(Fault(kind="latency", seconds=600))
    connection = http.client.HTTPSConnection(faulty.url.removeprefix("https://"), timeout=20, context=faulty._tls)
    connection.request(
        "GET", f"{namespace}?api-version=2025-02-15", headers={"Authorization": f"Bearer {faulty.token()}"}
    )
    until(lambda: control.faults()[0].hits == 1, "the request is kept waiting")
    control.clear()
    assert connection.getresponse().status == 200  # within the 20 s that the connection has
    connection.close()


def test_arms_own_limits_may_be_put_in_force(faulty: EmulatorProcess, control: EmulatorControl, namespace: str) -> None:
    with control.fault(Fault(kind="token-buckets")):
        # Deletes: their bucket fills the slowest, so that a busy machine empties it, too.
        answers = (faulty.request("DELETE", f"{namespace}/clients/nobody") for _ in range(1000))
        refused = next(headers for status, headers, _ in answers if status == 429)
        assert refused["retry-after"] == "1"
        assert refused["x-ms-ratelimit-remaining-subscription-deletes"] == "0"
        assert faulty.request("PUT", f"{namespace}/clients/c", {})[0] == 200, "writes have a bucket of their own"
    assert faulty.request("GET", namespace)[0] == 200


# Long-running operations


def test_the_sdk_follows_slow_operations_to_their_end(
    faulty: EmulatorProcess, control: EmulatorControl, namespace: str
) -> None:
    name = namespace.rpartition("/")[2]
    control.add(Fault(kind="long-running", seconds=1))
    with event_grid_client(faulty) as azure:
        making = azure.clients.begin_create_or_update(GROUP, name, "slow", Client(description="d"))
        seen = faulty.call("GET", f"{namespace}/clients/slow")["properties"]["provisioningState"]
        assert seen == "Creating"
        assert making.result().provisioning_state == "Succeeded"
        deleting = azure.clients.begin_delete(GROUP, name, "slow")
        assert faulty.call("GET", f"{namespace}/clients/slow")["properties"]["provisioningState"] == "Deleting"
        assert names(faulty, f"{namespace}/clients") == ["slow"]
        deleting.result()
        with pytest.raises(ResourceNotFoundError):
            azure.clients.get(GROUP, name, "slow")
        changed = azure.namespaces.begin_update(GROUP, name, NamespaceUpdateParameters(tags={"a": "b"})).result()
        assert azure.namespaces.get(GROUP, name).tags == {"a": "b"}
        assert changed is None or changed.tags == {"a": "b"}
        made = azure.namespaces.begin_create_or_update(GROUP, f"{name}-x", Namespace(location=LOCATION)).result()
        assert made.provisioning_state == "Succeeded"


def test_the_sdk_hears_of_an_operation_that_fails_and_nothing_has_changed(
    faulty: EmulatorProcess, control: EmulatorControl, namespace: str
) -> None:
    path = f"{namespace}/clients/c"
    before = faulty.call("PUT", path, {"properties": {"description": "before"}})
    control.add(Fault(kind="failing", seconds=0.2, code="OutOfLuck", message="No luck today."))
    with resource_client(faulty) as azure:
        for begin in (
            lambda: azure.resources.begin_create_or_update_by_id(
                path, {"properties": {"description": "after"}}, api_version="2025-02-15"
            ),
            lambda: azure.resources.begin_delete_by_id(path, api_version="2025-02-15"),
            lambda: azure.resources.begin_create_or_update_by_id(path + "-new", {}, api_version="2025-02-15"),
        ):
            with pytest.raises(HttpResponseError, match="No luck today"):
                begin().result()
    control.clear()
    assert faulty.call("GET", path) == before
    assert faulty.request("HEAD", path + "-new")[0] == 404


def test_a_second_write_while_one_is_under_way_is_refused(
    faulty: EmulatorProcess, control: EmulatorControl, namespace: str
) -> None:
    with control.fault(Fault(kind="long-running", seconds=600)):
        assert faulty.request("PUT", f"{namespace}/clients/c", {})[0] == 201
    for method in ("PUT", "DELETE"):
        status, _, body = faulty.request(method, f"{namespace}/clients/C", {} if method == "PUT" else None)
        assert (status, body["error"]["code"]) == (409, "AnotherOperationInProgress")
    assert faulty.request("PUT", f"{namespace}/clients/other", {})[0] == 200


def test_a_caller_may_ask_for_a_long_running_operation(faulty: EmulatorProcess, namespace: str) -> None:
    headers = {"Authorization": f"Bearer {faulty.token()}", "Prefer": "respond-async"}
    path = f"{namespace}?api-version=2025-02-15"
    status, received, body = faulty.send("PATCH", path, b'{"tags": {"a": "b"}}', headers)
    assert (status, body["properties"]["provisioningState"]) == (202, "Updating")
    poll, result = (received[name].removeprefix(faulty.url) for name in ("azure-asyncoperation", "location"))
    assert faulty.call("GET", poll, api_version=None)["status"] == "InProgress"
    assert faulty.request("GET", result, api_version=None)[0] == 202

    def status_now() -> Any:
        return faulty.call("GET", poll, api_version=None)["status"]

    until(lambda: status_now() == "Succeeded", "the operation ends")
    assert faulty.call("GET", result, api_version=None)["tags"] == {"a": "b"}
    unknown = poll.replace(poll.rpartition("/")[2].partition("?")[0], str(uuid.uuid4()))
    assert faulty.request("GET", unknown, api_version=None)[0] == 404


# Eventual consistency


def test_reads_see_a_write_late(faulty: EmulatorProcess, control: EmulatorControl, namespace: str) -> None:
    path = f"{namespace}/clients"
    for name in ("b", "d"):
        faulty.call("PUT", f"{path}/{name}", {"properties": {"description": "old"}})
    control.add(Fault(kind="stale", seconds=1.5))
    faulty.call("PUT", f"{path}/c", {})
    answered = faulty.call("PUT", f"{path}/b", {"properties": {"description": "new"}})
    assert answered["properties"]["description"] == "new", "the write itself answers what was written"
    faulty.call("DELETE", f"{path}/d")
    assert faulty.request("GET", f"{path}/c")[0] == 404
    assert faulty.call("GET", f"{path}/b")["properties"]["description"] == "old"
    assert names(faulty, path) == ["b", "d"]
    first = faulty.call("GET", f"{path}?$top=1")
    assert [each["name"] for each in first["value"]] == ["b"]
    assert names(faulty, first["nextLink"].removeprefix(faulty.url)) == ["d"]
    until(lambda: names(faulty, path) == ["b", "c"], "reads see the writes")
    assert faulty.call("GET", f"{path}/b")["properties"]["description"] == "new"


# Reset


def test_reset_puts_everything_back_without_waiting_for_what_is_under_way(tmp_path: Path) -> None:
    emulator = EmulatorProcess(tmp_path / "state", "--fault", "latency,seconds=0.01")
    try:
        control = EmulatorControl.from_ready_file(emulator.state_dir / "ready.json")
        namespace = emulator.make_namespace("to-be-forgotten")
        until(lambda: namespace in control.mqtt_endpoints(), "the namespace listens")
        control.add(Fault(kind="long-running", seconds=600))
        emulator.call("PUT", f"{namespace}/clients/c", {})
        control.add(Fault(kind="stale", seconds=600))
        control.reset()
        assert [fault.kind for fault in control.faults()] == ["latency"], "those of the start stay"
        until(lambda: control.mqtt_endpoints() == {}, "no namespace listens")
        assert emulator.request("HEAD", emulator.group_id)[0] == 404
        assert emulator.make_namespace("to-be-forgotten") == namespace
        assert names(emulator, f"{namespace}/clients") == []
    finally:
        emulator.stop()


def test_what_cannot_take_long_spends_no_fault(
    faulty: EmulatorProcess, control: EmulatorControl, namespace: str
) -> None:
    control.add(Fault(kind="long-running", seconds=0.1, count=1))
    faulty.call("PUT", faulty.group_id, {"location": "westeurope"})
    faulty.call("POST", f"{namespace}/listKeys", {})
    assert [each.hits for each in control.faults()] == [0]
    assert faulty.request("PUT", f"{namespace}/clients/slow", {"properties": {}})[0] == 201
