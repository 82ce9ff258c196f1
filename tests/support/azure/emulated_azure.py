"""The running emulator in place of Azure."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from sync.arm import long_running
from sync.arm.gateway import arm_gateway
from tests.support.azure.emulator_process import EmulatorProcess


@pytest.fixture
def polls_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Poll long-running changes as soon as they may have ended. tests/sync/arm/test_timeouts.py has the product's bounds."""
    monkeypatch.setattr(long_running, "POLL_AT_LEAST", 0.02)
    monkeypatch.setattr(long_running, "POLL_AT_MOST", 0.05)


@pytest.fixture
def azure(emulator: EmulatorProcess, settings: Any, polls_often: None) -> Iterator[EmulatorProcess]:
    """Point the settings to the emulator, and return it. No fault that a test injects is left for the next."""
    settings.AZURE_ARM_URL = settings.AZURE_AUTHORITY_URL = emulator.url
    settings.AZURE_ARM_CA = emulator.ca
    settings.AZURE_TENANT_ID = emulator.tenant
    settings.AZURE_CLIENT_ID, settings.AZURE_CLIENT_SECRET = emulator.client_id, emulator.client_secret
    arm_gateway.cache_clear()
    yield emulator
    if emulator.control.faults():
        emulator.call("DELETE", "/emulator/faults", api_version=None)
    arm_gateway.cache_clear()


@pytest.fixture
def own_subscription(azure: EmulatorProcess, settings: Any) -> str:
    """Let the portal read a subscription of this test only. The other one has the namespaces that all tests have created."""
    subscription = f"99999999-9999-4999-8999-{next(_numbers):012}"
    azure.call("PUT", f"/subscriptions/{subscription}", {"displayName": "Own"}, api_version="2022-12-01")
    settings.AZURE_SUBSCRIPTION_ID = subscription
    return subscription


_numbers = count(1)
