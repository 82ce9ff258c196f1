"""The HTTP session for Azure."""

import threading
from typing import Any

import pytest

from sync.arm.gateway import ArmGateway, AzureUnreachable
from tests.support.database.factories import SUBSCRIPTION
from tests.sync.scripted_arm import Answer, ScriptedArm

NAMESPACE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/r/providers/Microsoft.EventGrid/namespaces/factory"
CLIENT = f"{NAMESPACE}/clients/sensor-1"
BODY = {"properties": {"authenticationName": "sensor-1", "description": "Grüße, “Halle 3”"}}


def test_a_body_is_returned_as_it_was_sent(arm: ScriptedArm) -> None:
    gateway = ArmGateway()
    assert gateway.put(CLIENT, BODY)["properties"]["description"] == "Grüße, “Halle 3”"
    assert gateway.get(CLIENT)["name"] == "sensor-1"


def test_proxy_and_no_proxy_of_the_environment_are_respected(arm: ScriptedArm, monkeypatch: pytest.MonkeyPatch) -> None:
    arm.hold(CLIENT, BODY["properties"])
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    with pytest.raises(AzureUnreachable):
        ArmGateway().get(CLIENT)
    monkeypatch.setenv("NO_PROXY", "localhost")
    assert ArmGateway().get(CLIENT)["name"] == "sensor-1"


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_response_that_is_cut_off_counts_as_none(arm: ScriptedArm, method: str) -> None:
    arm.hold(CLIENT, BODY["properties"])
    arm.script(method, Answer(wire="torn"))
    gateway = ArmGateway()
    with pytest.raises(AzureUnreachable):
        gateway.get(CLIENT) if method == "GET" else gateway.put(CLIENT, BODY)
    assert gateway.get(CLIENT)["name"] == "sensor-1"


def test_redirects_are_not_followed(arm: ScriptedArm) -> None:
    """A redirect could send the token to another server."""
    arm.hold(CLIENT, BODY["properties"])
    arm.script("GET", Answer(status=307, headers={"Location": f"{arm.url}{NAMESPACE}/clients/other"}, body={}))
    with pytest.raises(Exception, match="307"):
        ArmGateway().get(CLIENT)
    assert arm.methods() == ["GET"]


def test_many_threads_share_few_connections(arm: ScriptedArm, settings: Any) -> None:
    ports = set()
    respond = arm.respond

    def note_port(handler: Any, content: bytes) -> None:
        ports.add(handler.client_address[1])
        respond(handler, content)

    arm.respond = note_port  # type: ignore[method-assign]
    arm.hold(CLIENT, BODY["properties"])
    gateway = ArmGateway()
    for _ in range(3):
        threads = [threading.Thread(target=gateway.get, args=(CLIENT,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(ports) <= 8 + 1  # one more requests the token
