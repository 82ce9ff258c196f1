"""Fixtures of the emulator's tests."""

from collections.abc import Iterator

import pytest

from emulator.faults_client import EmulatorControl
from tests.support.azure.emulator_process import EmulatorProcess


@pytest.fixture
def control(emulator: EmulatorProcess) -> Iterator[EmulatorControl]:
    """The control API of the shared emulator. Faults are removed after the test."""
    yield emulator.control
    emulator.control.clear()
