"""A namespace that was deleted is over at MQTT too, however soon one of the same name is there."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from certificates.samples.chain import ClientName, make_sample_chain
from certificates.x509.reading import to_azure_pem
from tests.emulator.mqtt import raw_client as w
from tests.emulator.mqtt.in_process import LocalPlant
from tests.emulator.mqtt.plant import NAMES, Plant
from tests.emulator.mqtt.raw_client import Target, Wire, connected
from tests.support.azure.emulator_process import EmulatorProcess
from tests.support.waiting import until

KEPT: dict[str, Any] = {"clean": False, "properties": w.four(w.SESSION_EXPIRY, 600)}


def leave_something(opened: Wire) -> None:
    """A retained message, a subscription in a session that is kept."""
    opened.send(w.publish("kept", b"x", qos=1, retain=True))
    opened.expect(w.PUBACK)
    opened.send(w.subscribe("a/#"))
    opened.expect(w.SUBACK)


def assert_nothing_is_left(plant: Target) -> None:
    with connected(plant, "s", **KEPT) as again:
        assert not again.connack.session_present
        again.send(w.subscribe("kept"))
        again.expect(w.SUBACK)
        assert again.silent()


@pytest.fixture
def seeded_plant(tmp_path: Path) -> Iterator[Plant]:
    chain = make_sample_chain([ClientName(name) for name in NAMES], at=datetime.now(UTC))
    group = "/subscriptions/{subscription}/resourceGroups/rg"
    namespace = f"{group}/providers/Microsoft.EventGrid/namespaces/seeded"
    settings = {"topicSpacesConfiguration": {"state": "Enabled"}}
    ca = {"encodedCertificate": to_azure_pem(chain.intermediate.certificate_der)}
    seed = [
        {"id": group, "location": "westeurope"},
        {"id": namespace, "location": "westeurope", "properties": settings},
        {"id": f"{namespace}/caCertificates/intermediate", "properties": ca},
        *({"id": f"{namespace}/clients/{name}", "properties": {}} for name in NAMES),
    ]
    (tmp_path / "seed.json").write_text(json.dumps(seed))
    emulator = EmulatorProcess(tmp_path / "state", "--seed", str(tmp_path / "seed.json"))
    yield Plant(emulator, namespace.replace("{subscription}", emulator.subscription), chain, tmp_path)
    emulator.stop()


def test_a_reset_leaves_nothing_of_a_namespace_that_the_seed_makes_again(seeded_plant: Plant) -> None:
    emulator = seeded_plant.emulator
    where = seeded_plant.endpoint
    with connected(seeded_plant, "s", **KEPT) as opened:
        leave_something(opened)
        emulator.call("POST", "/emulator/reset")
        end = opened.expect_end(0x8B)
        assert end is not None
        assert end.properties[0x1F]
    until(lambda: seeded_plant.namespace_id in emulator.mqtt_endpoints, "the namespace listens again")
    assert emulator.mqtt_endpoints[seeded_plant.namespace_id] == where
    assert_nothing_is_left(seeded_plant)


def test_a_namespace_made_again_at_once_starts_with_nothing(local_plant: LocalPlant) -> None:
    before = local_plant.namespace
    with connected(local_plant, "s", **KEPT) as opened:
        leave_something(opened)
        with local_plant.store.transaction():
            local_plant.store.delete(local_plant.namespace_id)
            local_plant.plant()
        opened.expect_end(0x8B)
    until(lambda: local_plant.namespace_id in local_plant.endpoints.endpoints, "it listens again")
    assert local_plant.namespace is not before
    assert local_plant.log() == []  # not even the disconnection: its log was deleted
    assert_nothing_is_left(local_plant)


def test_a_namespace_made_again_and_again_ends_with_the_last_one(local_plant: LocalPlant) -> None:
    with connected(local_plant, "s", **KEPT) as opened:
        leave_something(opened)
    for _ in range(20):
        local_plant.store.delete(local_plant.namespace_id)
        local_plant.plant()
    until(lambda: local_plant.namespace_id in local_plant.endpoints.endpoints, "it listens again")
    assert_nothing_is_left(local_plant)
