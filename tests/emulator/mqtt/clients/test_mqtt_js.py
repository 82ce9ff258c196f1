"""MQTT.js, over TLS and over WebSocket."""

import json
import subprocess
import uuid
from typing import Any

import pytest

from tests.emulator.mqtt.plant import Plant
from tests.support.programs import NODE_FOLDER, require_node

EVERY_WAY = pytest.mark.parametrize("scheme", ["mqtts", "wss"])
BOTH = pytest.mark.parametrize("version", [4, 5], ids=["3.1.1", "5"])


def talk(
    plant: Plant,
    scheme: str,
    version: int,
    user: str,
    qos: int = 1,
    *,
    group: str = "",
    identifier: int = 0,
    tls: dict[str, str] | None = None,
) -> dict[str, Any]:
    certificate, key = plant.files(plant.sample("press-07"))
    endpoint = plant.endpoint
    topic = f"js/{uuid.uuid4().hex}"
    wish = {
        "url": f"{scheme}://localhost:{endpoint['port']}/mqtt",
        "version": version,
        "ca": endpoint["ca"],
        "certificate": certificate,
        "key": key,
        "user": user,
        "session": uuid.uuid4().hex,
        "topic": topic,
        "filter": f"$share/{group}/{topic}" if group else topic,
        "identifier": identifier,
        "count": 30,
        "qos": qos,
        "tls": tls or {},
    }
    done = subprocess.run(
        [require_node("mqtt"), "mqtt_talk.js", json.dumps(wish)],
        cwd=NODE_FOLDER,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@EVERY_WAY
@BOTH
@pytest.mark.parametrize("qos", [0, 1])
def test_mqtt_js_publishes_and_receives(plant: Plant, scheme: str, version: int, qos: int) -> None:
    assert talk(plant, scheme, version, "press-07", qos) == {"got": [str(n) for n in range(30)]}


@EVERY_WAY
@pytest.mark.parametrize(("version", "code"), [(4, 5), (5, 0x87)])
def test_mqtt_js_gets_the_reason_of_a_refusal(plant: Plant, scheme: str, version: int, code: int) -> None:
    answer = talk(plant, scheme, version, "nobody")
    assert answer["refused"] == code, answer


@EVERY_WAY
def test_mqtt_js_shares_a_subscription_and_gets_its_identifier(plant: Plant, scheme: str) -> None:
    answer = talk(plant, scheme, 5, "press-07", group="workers", identifier=300)
    assert answer == {"got": [str(n) for n in range(30)], "identifiers": [300]}


@EVERY_WAY
def test_mqtt_js_of_3_1_1_that_shares_is_disconnected(plant: Plant, scheme: str) -> None:
    assert talk(plant, scheme, 4, "press-07", group="workers")["refused"] == "subscribe"


@EVERY_WAY
def test_mqtt_js_with_rsa_suites_alone_talks_too(plant: Plant, scheme: str) -> None:
    tls = {"maxVersion": "TLSv1.2", "ciphers": "ECDHE-RSA-AES256-GCM-SHA384"}
    assert talk(plant, scheme, 5, "press-07", tls=tls)["got"] == [str(n) for n in range(30)]
