"""Reads of the gateway, which follows no link to another server."""

from collections.abc import Callable
from typing import Any

import pytest

from sync.arm.call_recording import recorded
from sync.arm.gateway import ArmGateway, AzureRefused, AzureUnreachable
from tests.support.database.factories import SUBSCRIPTION
from tests.sync.scripted_arm import Answer, ScriptedArm, refused

NAMESPACE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/r/providers/Microsoft.EventGrid/namespaces/factory"
CLIENT = f"{NAMESPACE}/clients/sensor-1"
FOREIGN = "https://elsewhere.example/next"
READS: dict[str, Callable[[ArmGateway], Any]] = {
    "get": lambda gateway: gateway.get(CLIENT),
    "children": lambda gateway: list(gateway.list_children(NAMESPACE, "clients")),
    "namespaces": lambda gateway: gateway.list_namespaces(),
    "subscriptions": lambda gateway: gateway.subscriptions(),
    "provider": lambda gateway: gateway.provider(SUBSCRIPTION, "Microsoft.EventGrid"),
    "permissions": lambda gateway: gateway.permissions(NAMESPACE),
    "log": lambda gateway: gateway.read(NAMESPACE, "connectionLog", {}),
}
LISTS = {name: READS[name] for name in ("children", "namespaces", "subscriptions", "permissions")}


@pytest.fixture
def gateway(arm: ScriptedArm, settings: Any) -> ArmGateway:
    settings.AZURE_SUBSCRIPTION_ID = SUBSCRIPTION
    return ArmGateway()


def test_a_resource_is_returned_as_azure_sent_it(arm: ScriptedArm, gateway: ArmGateway) -> None:
    body = {"id": CLIENT, "name": "sensor-1", "unknown": {"a": [1, None]}, "properties": {"createdTime": "yesterday"}}
    arm.script("GET", Answer(200, body))
    assert gateway.get(CLIENT) == body


def test_namespaces_of_every_page_and_subscription_are_listed(
    arm: ScriptedArm, gateway: ArmGateway, settings: Any
) -> None:
    settings.AZURE_SUBSCRIPTION_ID = f"{SUBSCRIPTION}, 22222222-3333-4444-8555-666666666666"
    first, second, third = ({"id": f"/{name}", "name": name, "location": "westeurope"} for name in "cba")
    link = f"{arm.url}/subscriptions/{SUBSCRIPTION}/resources?$skiptoken=2"
    arm.script(
        "GET",
        Answer(200, {"value": [first], "nextLink": link}),
        Answer(200, {"value": [second]}),
        Answer(200, {"value": [third]}),
    )
    assert gateway.list_namespaces() == [third, second, first]
    assert [path.split("/")[2] for _, path, _ in arm.requests] == [
        *(SUBSCRIPTION, SUBSCRIPTION, "22222222-3333-4444-8555-666666666666"),
    ]


@pytest.mark.parametrize("read", LISTS.values(), ids=LISTS)
def test_no_link_leads_to_another_server(arm: ScriptedArm, gateway: ArmGateway, read: Any) -> None:
    arm.script("GET", Answer(200, {"value": [], "nextLink": FOREIGN}))
    with pytest.raises(AzureRefused) as refusal:
        read(gateway)
    assert refusal.value.code == "ForeignLink"
    assert arm.methods() == ["GET"]


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_an_operation_is_never_polled_on_another_server(arm: ScriptedArm, gateway: ArmGateway, method: str) -> None:
    arm.hold(CLIENT, {})
    arm.script(method, Answer(202, {}, {"Azure-AsyncOperation": FOREIGN, "Retry-After": "0.1"}))
    with pytest.raises(AzureRefused) as refusal:
        gateway.put(CLIENT, {"properties": {}}) if method == "PUT" else gateway.delete(CLIENT)
    assert refusal.value.code == "ForeignLink"
    assert arm.methods() == [method]


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_each_read_is_recorded_with_both_request_ids(arm: ScriptedArm, gateway: ArmGateway, read: Any) -> None:
    arm.script("GET", Answer(200, {"value": []}, {"x-ms-ratelimit-remaining-subscription-reads": "7"}))
    with recorded() as calls:
        read(gateway)
    (call,) = calls
    assert (call.method, call.status, call.operation, call.remaining) == ("GET", 200, "reads", 7)
    assert call.request_id
    assert call.azure_request_id == "azure-1"


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_each_read_reports_throttling(arm: ScriptedArm, gateway: ArmGateway, read: Any) -> None:
    arm.script("GET", refused("TooManyRequests", 429, Retry_After="7"))
    with pytest.raises(AzureUnreachable) as fault:
        read(gateway)
    assert (fault.value.code, fault.value.throttled, fault.value.retry_after) == ("TooManyRequests", True, 7.0)
    assert arm.methods() == ["GET"]  # sent once


@pytest.mark.parametrize("read", READS.values(), ids=READS)
@pytest.mark.parametrize("body", [[], "text", 7])
def test_a_response_that_is_not_an_object_is_unreachable(
    arm: ScriptedArm, gateway: ArmGateway, read: Any, body: Any
) -> None:
    arm.script("GET", Answer(200, body))
    with pytest.raises(AzureUnreachable) as fault:
        read(gateway)
    assert fault.value.code == "not_json"
