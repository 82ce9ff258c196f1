"""What a change of the settings does to devices: saved in the portal, pushed to Azure, felt by paho-mqtt."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from namespaces.actions.configuration import update_configuration
from namespaces.importing.runs import run_import
from namespaces.models import Namespace, NamespaceConfiguration
from portal.models import User
from sync.push.claim_and_settle import Pushed, push
from tests.emulator.mqtt.plant import Device, Plant, connect, make_plant
from tests.support.azure.emulator_process import EmulatorProcess
from tests.support.database.factories import make_namespace
from tests.support.waiting import until

pytestmark = pytest.mark.django_db
NOT_AUTHORIZED, QUOTA_EXCEEDED = 0x87, 0x97


@pytest.fixture
def plant(azure: EmulatorProcess, ada: User, tmp_path: Path) -> Plant:
    """A plant whose namespace the portal knows."""
    plant = make_plant(azure, tmp_path)
    namespace = make_namespace(plant.namespace_id.rpartition("/")[2], resource_id=plant.namespace_id, owner=ada)
    Namespace.objects.update(import_state=Namespace.Import.WAITING)
    run_import(namespace.pk)
    return plant


@pytest.fixture
def devices() -> Iterator[list[Device]]:
    used: list[Device] = []
    yield used
    for device in used:
        device.disconnect()


def change(ada: User, **changed: Any) -> None:
    row = NamespaceConfiguration.objects.get()
    now = {
        "state": str(row.state),
        "sources": row.sources,
        "max_sessions": row.max_sessions,
        "max_expiry_hours": row.max_expiry_hours,
    }
    assert push(update_configuration(ada, configuration=row, **{**now, **changed})) is Pushed.SUCCEEDED


def answer(plant: Plant, devices: list[Device], user_name: str | None) -> int:
    """CONNACK's reason code for a new session of press-07's certificate."""
    device = connect(plant, plant.sample("press-07"), user_name=user_name)
    devices.append(device)
    return device.connack()[0]


def test_a_device_without_a_user_name_gets_in_by_the_source_that_was_chosen(
    plant: Plant, ada: User, devices: list[Device]
) -> None:
    assert answer(plant, devices, None) == NOT_AUTHORIZED
    change(ada, sources=["ClientCertificateIp", "ClientCertificateSubject"])
    assert answer(plant, devices, None) == 0
    devices[-1].disconnect()
    change(ada, sources=["ClientCertificateIp"])
    assert answer(plant, devices, None) == NOT_AUTHORIZED


def test_as_many_sessions_as_the_settings_say(plant: Plant, ada: User, devices: list[Device]) -> None:
    assert answer(plant, devices, "press-07") == 0
    assert answer(plant, devices, "press-07") == QUOTA_EXCEEDED
    change(ada, max_sessions=2)
    assert answer(plant, devices, "press-07") == 0
    assert answer(plant, devices, "press-07") == QUOTA_EXCEEDED


def test_with_the_broker_off_nobody_is_heard_and_connections_end(
    plant: Plant, ada: User, devices: list[Device]
) -> None:
    assert answer(plant, devices, "press-07") == 0
    change(ada, state="Disabled")
    assert devices[0].ended.get(timeout=60)
    until(lambda: plant.namespace_id not in plant.emulator.mqtt_endpoints, "the namespace listens no more")
    with pytest.raises(OSError):
        connect(plant, plant.sample("press-07"), user_name="press-07")
    change(ada, state="Enabled")
    until(lambda: plant.namespace_id in plant.emulator.mqtt_endpoints, "the namespace listens again")
    plant.__dict__.pop("endpoint", None)  # where it listens may have changed
    assert answer(plant, devices, "press-07") == 0
