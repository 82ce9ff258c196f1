"""pytest fixtures for projects that test against the emulator. Installing the package is enough to have them.

    def test_a_client_is_registered(eventgrid_namespace, eventgrid_emulator):
        eventgrid_emulator.arm("PUT", f"{eventgrid_namespace}/clients/device-1", {"properties": {}})

Options for the emulator: `eventgrid_emulator_arguments` in pytest's configuration, as on a command line.
"""

import uuid
from collections.abc import Iterator

import pytest

from emulator.running import RunningEmulator


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini("eventgrid_emulator_arguments", "more options of the emulator, as on a command line", type="args")


@pytest.fixture(scope="session")
def eventgrid_emulator(pytestconfig: pytest.Config) -> Iterator[RunningEmulator]:
    """One emulator for the session, on free ports, in memory."""
    with RunningEmulator(*pytestconfig.getini("eventgrid_emulator_arguments")) as emulator:
        yield emulator


@pytest.fixture
def eventgrid_namespace(eventgrid_emulator: RunningEmulator) -> Iterator[str]:
    """The id of a namespace of this test's own, MQTT enabled; it is deleted behind the test."""
    namespace_id = eventgrid_emulator.make_namespace(f"ns-{uuid.uuid4().hex[:12]}")
    yield namespace_id
    eventgrid_emulator.remove_namespace(namespace_id)


@pytest.fixture
def eventgrid_faults(eventgrid_emulator: RunningEmulator) -> Iterator[RunningEmulator]:
    """The emulator, for a test that lets it fail: every fault ends with the test."""
    control = eventgrid_emulator.control
    from_the_start = {fault.id for fault in control.faults()}
    yield eventgrid_emulator
    for fault in control.faults():
        if fault.id not in from_the_start:
            control.remove(fault)
