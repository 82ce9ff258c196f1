"""A namespace of its own for each test of requests."""

import uuid

import pytest

from tests.support.azure.emulator_process import LOCATION, EmulatorProcess


@pytest.fixture
def namespace(emulator: EmulatorProcess) -> str:
    return emulator.make_namespace(f"ns-{uuid.uuid4().hex[:12]}")


@pytest.fixture
def new_id(emulator: EmulatorProcess) -> str:
    emulator.call("PUT", emulator.group_id, {"location": LOCATION})
    return f"{emulator.group_id}/providers/Microsoft.EventGrid/namespaces/ns-{uuid.uuid4().hex[:12]}"
