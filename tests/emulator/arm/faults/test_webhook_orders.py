"""`/emulator/webhook-order`: who is asked first where a webhook decides, for each namespace."""

import uuid
from typing import Any

import pytest

from emulator.arm.faults.webhook_orders import CERTIFICATE_FIRST, WEBHOOK_ONLY
from emulator.faults_client import ControlError
from tests.support.azure.emulator_process import LOCATION, EmulatorProcess

PATH = "/emulator/webhook-order"


@pytest.fixture
def namespace_id(emulator: EmulatorProcess) -> str:
    return emulator.make_namespace(f"ns-{uuid.uuid4().hex[:12]}", mqtt=False)


def shown(emulator: EmulatorProcess, namespace_id: str) -> dict[str, Any] | None:
    answer = emulator.request("GET", PATH, api_version=None)[2]
    assert answer["default"] == WEBHOOK_ONLY
    return next((each for each in answer["value"] if each["id"] == namespace_id), None)


def test_an_order_is_switched_and_ends_with_its_namespace(emulator: EmulatorProcess, namespace_id: str) -> None:
    assert shown(emulator, namespace_id) is None
    emulator.control.switch_webhook_order([namespace_id.upper(), "/subscriptions/gone"], CERTIFICATE_FIRST)
    expected = {"id": namespace_id, "order": CERTIFICATE_FIRST, "isOwn": True, "hasWebhook": False}
    assert shown(emulator, namespace_id) == expected
    emulator.control.switch_webhook_order([namespace_id], WEBHOOK_ONLY)
    assert shown(emulator, namespace_id) == {**expected, "order": WEBHOOK_ONLY}
    entry = {"id": namespace_id, "location": LOCATION}
    assert emulator.request("POST", "/emulator/namespaces", {"put": [entry]}, api_version=None)[0] == 200
    assert shown(emulator, namespace_id) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"namespaces": []},
        {"namespaces": "x", "order": WEBHOOK_ONLY},
        {"namespaces": [1], "order": WEBHOOK_ONLY},
        {"namespaces": [], "order": "both"},
        {"namespaces": [], "order": [WEBHOOK_ONLY]},
        {"namespaces": ["x"] * 201, "order": WEBHOOK_ONLY},
        b"{",
    ],
)
def test_an_invalid_request_switches_nothing(emulator: EmulatorProcess, wrong: Any) -> None:
    assert emulator.request("POST", PATH, wrong, api_version=None)[0] == 400


def test_it_needs_a_token(emulator: EmulatorProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    assert emulator.send("POST", PATH, b"{}")[0] == 401
    monkeypatch.setattr(emulator.control, "token", lambda: "wrong")
    with pytest.raises(ControlError):
        emulator.control.switch_webhook_order([], WEBHOOK_ONLY)
