"""A certificate whose serial number no CA may give: accepted, as RFC 5280 asks of those who use certificates."""

from datetime import UTC, datetime

import pytest

from certificates.authentication.engine import Decision
from certificates.x509.reading import to_pem
from tests.certificates.authentication.engine_table.cases import Plant
from tests.emulator.mqtt import raw_client as w
from tests.emulator.mqtt.arranging import arrange, context_of, table_plant
from tests.emulator.mqtt.in_process import LocalPlant
from tests.emulator.mqtt.raw_client import wire

__all__ = ["table_plant"]


@pytest.mark.parametrize(
    "serial", [b"\x85", b"\x00", b"\x80" + b"\x01" * 19], ids=["negative", "zero", "long and negative"]
)
@pytest.mark.parametrize("version", [4, 5], ids=["3.1.1", "5"])
def test_a_serial_number_that_is_not_positive_is_accepted_and_logged(
    table_plant: LocalPlant,
    serial: bytes,
    version: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    plant = Plant(datetime.now(UTC))
    case = plant.row("serial number", plant.leaf(serial=serial))
    arrange(table_plant, case)
    before = len(table_plant.log())
    with wire(table_plant, context=context_of(table_plant, case, tmp_path_factory.mktemp("tls"))) as opened:
        opened.send(w.connect("session", "sensor-1", version=version))
        answer = opened.expect(w.CONNACK)
    assert answer.reason == 0
    record = next(record for record in table_plant.log()[before:] if record["category"] == "SuccessfulMqttConnections")
    assert record["presentedChain"][0] == to_pem(case.der or b"")
    assert Decision.from_dict(record["decision"]).accepted
