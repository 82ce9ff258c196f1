"""A namespace for faults, and what its lists return."""

import uuid

import pytest

from tests.support.azure.emulator_process import EmulatorProcess


@pytest.fixture
def namespace(emulator: EmulatorProcess) -> str:
    return emulator.make_namespace(f"ns-{uuid.uuid4().hex[:12]}", mqtt=False)


def names(emulator: EmulatorProcess, collection: str) -> list[str]:
    return [each["name"] for each in emulator.call("GET", collection)["value"]]
