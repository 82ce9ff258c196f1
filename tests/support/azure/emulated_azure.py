"""The running emulator in place of Azure."""

from collections.abc import Iterator
from typing import Any

import pytest

from sync.arm.gateway import arm_gateway
from tests.support.azure.emulator_process import EmulatorProcess


@pytest.fixture
def azure(emulator: EmulatorProcess, settings: Any) -> Iterator[EmulatorProcess]:
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
