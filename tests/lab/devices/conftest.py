"""One process of devices for all tests of this folder, beside the emulator of the test process."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.emulator.mqtt.plant import Plant, make_plant
from tests.lab.devices.process import DevicesProcess, running_devices
from tests.support.azure.emulator_process import EmulatorProcess


@pytest.fixture(scope="session")
def factory(emulator: EmulatorProcess, tmp_path_factory: pytest.TempPathFactory) -> Plant:
    """A namespace of the emulator with clients, shared by tests of devices."""
    return make_plant(emulator, tmp_path_factory.mktemp("factory"))


@pytest.fixture(scope="session")
def running(
    factory: Plant, emulator: EmulatorProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DevicesProcess]:
    with running_devices(tmp_path_factory.mktemp("devices") / "state", emulator) as process:
        yield process


@pytest.fixture
def devices(running: DevicesProcess, settings: Any) -> DevicesProcess:
    """The running process, used by the portal of this test."""
    running.use_in(settings)
    return running
