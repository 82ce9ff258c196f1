"""pytest fixtures for projects that test against the emulator. Installing the package is enough to use them.

    def test_a_client_is_registered(eventgrid_namespace, eventgrid_emulator):
        eventgrid_emulator.arm("PUT", f"{eventgrid_namespace}/clients/device-1", {"properties": {}})

Set options of the emulator in `eventgrid_emulator_arguments` in the configuration of pytest.
"""

import uuid
from collections.abc import Iterator

import pytest

from emulator.running import RunningEmulator


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini("eventgrid_emulator_arguments", "additional command line options of the emulator", type="args")


@pytest.fixture(scope="session")
def eventgrid_emulator(pytestconfig: pytest.Config) -> Iterator[RunningEmulator]:
    """One emulator for the session, on free ports, in memory."""
    with RunningEmulator(*pytestconfig.getini("eventgrid_emulator_arguments")) as emulator:
        yield emulator


@pytest.fixture
def eventgrid_namespace(eventgrid_emulator: RunningEmulator) -> Iterator[str]:
    """The id of a new namespace with MQTT enabled. It is deleted after the test."""
    namespace_id = eventgrid_emulator.make_namespace(f"ns-{uuid.uuid4().hex[:12]}")
    yield namespace_id
    eventgrid_emulator.remove_namespace(namespace_id)


@pytest.fixture
def eventgrid_faults(eventgrid_emulator: RunningEmulator) -> Iterator[RunningEmulator]:
    """The emulator, for a test that injects faults. They are removed after the test."""
    control = eventgrid_emulator.control
    from_the_start = {fault.id for fault in control.faults()}
    yield eventgrid_emulator
    for fault in control.faults():
        if fault.id not in from_the_start:
            control.remove(fault)
