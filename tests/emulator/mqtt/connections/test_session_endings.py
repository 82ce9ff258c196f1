"""`POST /emulator/sessions/end`: sessions that end at once, by certificate or by authentication name."""

import hashlib
from typing import Any

import pytest

from tests.emulator.mqtt.plant import Plant
from tests.emulator.mqtt.raw_client import connected
from tests.support.waiting import until

NOT_AUTHORIZED = 0x87
REASON_STRING = 0x1F
END = "/emulator/sessions/end"


def test_sessions_end_by_certificate_or_name(plant: Plant) -> None:
    control, thumbprint = plant.emulator.control, hashlib.sha256(plant.sample("robot-1").certificate_der).hexdigest()
    with (
        connected(plant, "ending-1", "robot-1") as first,
        connected(plant, "ending-2", "robot-2") as second,
        connected(plant, "ending-3", "press-07") as third,
    ):
        assert control.end_sessions(plant.namespace_id, thumbprints=["0" * 64], names=["nobody"]) == 0
        assert (
            control.end_sessions(plant.namespace_id.upper(), thumbprints=[thumbprint.upper()], reason="Revoked.") == 1
        )
        ended = first.expect_end(NOT_AUTHORIZED)
        assert ended is not None
        assert ended.properties[REASON_STRING] == "Revoked."
        assert control.end_sessions(plant.namespace_id, names=["ROBOT-2"]) == 1
        second.expect_end(NOT_AUTHORIZED)
        assert third.silent()
    until(lambda: len(plant.attempts_of("ending-1")) == 2, "the end is recorded")
    record = plant.attempts_of("ending-1")[-1]
    assert (record["code"], record["resultSignature"]) == ("session-ended", "ClientAuthenticationError")


@pytest.mark.parametrize(
    ("changed", "target"),
    [
        ({"namespace": None}, "namespace"),
        ({"namespace": ""}, "namespace"),
        ({"thumbprints": ["sha1"]}, "thumbprints"),
        ({"thumbprints": "0" * 64}, "thumbprints"),
        ({"authenticationNames": [7]}, "authenticationNames"),
        ({"authenticationNames": ["\ud800"]}, "authenticationNames"),
        ({"authenticationNames": ["a"] * 1001}, "authenticationNames"),
        ({"reason": ""}, "reason"),
        ({"reason": "a\nb"}, "reason"),
        ({"thumbprints": []}, None),
        ({"serial": "1"}, None),
    ],
)
def test_a_wrong_request_is_named_and_ends_nothing(plant: Plant, changed: dict[str, Any], target: str | None) -> None:
    body = {"namespace": plant.namespace_id, "thumbprints": ["0" * 64]} | changed
    status, _, answer = plant.emulator.request("POST", END, body, api_version=None)
    assert (status, answer["error"].get("target")) == (400, target)
