"""The moment at which an endpoint judges certificates is moved ahead of the clock, and back."""

from datetime import UTC, datetime, timedelta

from certificates.samples.chain import ClientName, make_sample_chain
from tests.emulator.mqtt import raw_client as w
from tests.emulator.mqtt.in_process import LocalPlant
from tests.emulator.mqtt.plant import NAMES
from tests.emulator.mqtt.raw_client import connected, wire
from tests.support.waiting import until

AHEAD = timedelta(days=101)  # a sample certificate is valid for 100


def connack(plant: LocalPlant, session: str, name: str = "press-07") -> int:
    with wire(plant, name) as opened:
        opened.send(w.connect(session, name))
        return int(opened.expect(w.CONNACK).reason)


def codes(plant: LocalPlant, category: str) -> list[tuple[str, int | None]]:
    return [(record["code"], record.get("judgedAheadSeconds")) for record in plant.logged(category)]


def test_connections_end_at_once_and_come_back(local_plant: LocalPlant) -> None:
    with connected(local_plant, "s") as opened, connected(local_plant, "o", "robot-1") as other:
        local_plant.store.set_judged_ahead(local_plant.namespace_id, AHEAD)
        for each in (opened, other):
            each.expect_end(0x87)
    assert [code for code, _ in codes(local_plant, "MqttDisconnections")] == ["within-validity"] * 2
    assert connack(local_plant, "s") == 0x87
    assert codes(local_plant, "FailedMqttConnections") == [("within-validity", AHEAD.total_seconds())]
    local_plant.store.set_judged_ahead(local_plant.namespace_id, timedelta())
    assert connack(local_plant, "s") == 0
    assert codes(local_plant, "SuccessfulMqttConnections")[-1][1] is None


def test_what_is_valid_then_stays_connected_until_it_is_not_valid_any_more(local_plant: LocalPlant) -> None:
    local_plant.store.set_judged_ahead(local_plant.namespace_id, AHEAD)
    later = make_sample_chain(
        [ClientName(name) for name in NAMES], at=datetime.now(UTC) + timedelta(days=50), label="Later"
    )
    local_plant.upload("later", later.intermediate.certificate_der)
    local_plant.chain = later
    with connected(local_plant, "s") as opened:
        assert codes(local_plant, "SuccessfulMqttConnections") == [("", AHEAD.total_seconds())]
        assert opened.silent()
        local_plant.store.set_judged_ahead(local_plant.namespace_id, timedelta())
        opened.expect_end(0x87)  # it begins in 50 days


def test_certificates_made_for_a_moved_moment_are_valid_at_both(local_plant: LocalPlant) -> None:
    names = [ClientName(name) for name in NAMES]
    renewed = make_sample_chain(names, at=datetime.now(UTC), label="Renewed", ahead=AHEAD)
    local_plant.upload("renewed", renewed.intermediate.certificate_der)
    local_plant.chain = renewed
    for ahead in (AHEAD, timedelta()):
        local_plant.store.set_judged_ahead(local_plant.namespace_id, ahead)
        with connected(local_plant, f"s{ahead.days}") as opened:
            assert opened.silent()


def test_a_moment_ends_with_its_namespace(local_plant: LocalPlant) -> None:
    local_plant.store.set_judged_ahead(local_plant.namespace_id, AHEAD)
    assert local_plant.store.delete(local_plant.namespace_id) is not None
    local_plant.plant()
    assert local_plant.store.judged_ahead(local_plant.namespace_id) == timedelta()
    until(lambda: local_plant.namespace_id in local_plant.endpoints.endpoints, "the namespace listens again")
    assert connack(local_plant, "s") == 0
