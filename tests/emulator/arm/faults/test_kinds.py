"""What each kind of fault does to a request or a connection."""

import contextlib
import http.client
import socket
import ssl
import time
import uuid
from typing import Any

import pytest

from emulator.fault_rules import Fault
from emulator.faults_client import EmulatorControl
from portal.demo.checks import mqtt_answers
from tests.support.azure.emulator_process import EmulatorProcess
from tests.support.waiting import until


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
