"""paho-mqtt and mosquitto connect, publish and receive as in the guide, and get the reason of a refusal."""

import re
import subprocess
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from certificates.samples.chain import ClientName, SampleCertificate, make_sample_chain
from tests.emulator.mqtt import raw_client as w
from tests.emulator.mqtt.plant import V3, V5, Plant, connect
from tests.emulator.mqtt.raw_client import client_context, wire
from tests.support.programs import require_program
from tests.support.waiting import until

BOTH = pytest.mark.parametrize("version", [V3, V5], ids=["3.1.1", "5"])


@BOTH
@pytest.mark.parametrize("qos", [0, 1])
def test_a_message_goes_from_one_client_to_another(plant: Plant, version: Any, qos: int) -> None:
    receiver = connect(plant, plant.sample("robot-1"), user_name="robot-1", version=version)
    assert receiver.connack()[0] == 0
    topic = f"plant/{uuid.uuid4().hex}"
    assert receiver.subscribe(f"{topic}/+", qos) == [qos]
    sender = connect(plant, plant.sample("press-07"), user_name="PRESS-07", version=version)
    assert sender.connack()[0] == 0
    sender.client.publish(f"{topic}/state", b"running", qos)
    assert sender.published.get(timeout=60) in {0, 0x10}
    message = receiver.message()
    assert (message.topic, message.payload, message.qos) == (f"{topic}/state", b"running", qos)
    sender.disconnect()
    receiver.disconnect()


@BOTH
def test_a_wrong_user_name_is_refused_and_logged_with_its_reason(plant: Plant, version: Any) -> None:
    session = uuid.uuid4().hex
    device = connect(plant, plant.sample("press-07"), user_name="nobody", version=version, session_name=session)
    code, reason = device.connack()
    assert code == 0x87
    device.disconnect()
    until(lambda: bool(plant.attempts_of(session)), "the attempt is in the log")
    record = plant.attempts_of(session)[0]
    assert record["resultSignature"] == "AuthenticationError"
    assert record["decision"]["code"] == record["code"] == "client-found"
    assert version == V3 or reason.startswith(record["resultDescription"])
    assert record["properties"]["protocol"] == ("MQTT3" if version == V3 else "MQTT5")
    assert record["userName"] == "nobody"
    assert record["presentedChain"][0] == plant.sample("press-07").certificate_pem


@pytest.mark.parametrize("offered", [["mqtt"], ["x-something-else", "http/1.1"]])
def test_protocols_offered_by_alpn_are_no_reason_to_refuse(plant: Plant, offered: list[str]) -> None:
    context = client_context(plant, plant.sample("press-07"))
    context.set_alpn_protocols(offered)
    with wire(plant, context=context) as opened:
        assert opened.tls.selected_alpn_protocol() is None
        opened.send(w.connect(uuid.uuid4().hex, "press-07"))
        assert opened.expect(w.CONNACK).reason == 0


def assert_refused(
    plant: Plant, sample: SampleCertificate | None, user_name: str, version: Any, code: str
) -> dict[str, Any]:
    """Assert that CONNACK refuses the client, with the reason of the log in MQTT 5. Returns the record."""
    session = uuid.uuid4().hex
    device = connect(plant, sample, user_name=user_name, version=version, session_name=session)
    answered, reason = device.connack()
    device.disconnect()
    (record,) = plant.attempts_of(session)
    assert (answered, record["code"]) == (0x87, code)
    assert version == V3 or reason.startswith(record["resultDescription"])
    return record


@BOTH
def test_a_disabled_client_is_refused(plant: Plant, version: Any) -> None:
    assert_refused(plant, plant.sample("disabled-1"), "disabled-1", version, "client-enabled")


@BOTH
def test_a_certificate_of_another_ca_is_refused_and_the_issuer_named(plant: Plant, version: Any) -> None:
    other = make_sample_chain([ClientName("press-07")], at=datetime.now(UTC), label="Stranger")
    record = assert_refused(plant, other.clients[0], "press-07", version, "issuer-found")
    assert "Stranger Intermediate CA" in record["resultDescription"]


@BOTH
def test_an_expired_certificate_is_refused_and_its_date_named(plant: Plant, version: Any) -> None:
    old = make_sample_chain([ClientName("press-07")], at=datetime.now(UTC) - timedelta(days=200))
    assert_refused(plant, old.clients[0], "press-07", version, "within-validity")


@BOTH
def test_no_certificate_is_refused_with_that_reason(plant: Plant, version: Any) -> None:
    record = assert_refused(plant, None, "press-07", version, "certificate-readable")
    assert record["presentedChain"] == []


def test_a_ca_and_a_client_count_for_the_next_connect(plant: Plant) -> None:
    other = make_sample_chain([ClientName("late-1")], at=datetime.now(UTC), label="Late")
    device = connect(plant, other.clients[0], user_name="late-1")
    assert device.connack()[0] == 0x87
    device.disconnect()
    plant.upload("late-ca", other.intermediate.certificate_der)
    plant.put_client("late-1")
    device = connect(plant, other.clients[0], user_name="late-1")
    assert device.connack()[0] == 0
    device.disconnect()
    plant.emulator.request("DELETE", f"{plant.namespace_id}/caCertificates/late-ca")
    device = connect(plant, other.clients[0], user_name="late-1")
    assert device.connack()[0] == 0x87
    device.disconnect()


def mosquitto_pub(plant: Plant, version: str, user: str, qos: str) -> "subprocess.CompletedProcess[str]":
    program = require_program("mosquitto_pub")
    certificate, key = plant.files(plant.sample("robot-2"))
    endpoint = plant.endpoint
    where = ["-h", endpoint["host"], "-p", str(endpoint["port"]), "--cafile", endpoint["ca"]]
    who = ["--cert", certificate, "--key", key, "-u", user, "-i", uuid.uuid4().hex]
    return subprocess.run(
        [program, "-V", version, *where, *who, "-t", "sample", "-m", "hello", "-q", qos],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("version", ["mqttv311", "mqttv5"])
@pytest.mark.parametrize("qos", ["0", "1"])
def test_mosquitto_pub_publishes_as_the_how_to_says(plant: Plant, version: str, qos: str) -> None:
    receiver = connect(plant, plant.sample("robot-1"), user_name="robot-1")
    assert receiver.connack()[0] == 0
    receiver.subscribe("sample")
    done = mosquitto_pub(plant, version, "robot-2", qos)
    assert done.returncode == 0, done.stderr
    message = receiver.message()
    assert (message.payload, message.qos) == (b"hello", int(qos))
    receiver.disconnect()


@pytest.mark.parametrize("version", ["mqttv311", "mqttv5"])
def test_mosquitto_pub_gets_the_refusal(plant: Plant, version: str) -> None:
    done = mosquitto_pub(plant, version, "nobody", "1")
    assert done.returncode != 0
    assert re.search("(?i)not authori[sz]ed", done.stderr), done.stderr


@BOTH
def test_a_client_disabled_through_arm_is_disconnected(own_plant: Plant, version: Any) -> None:
    device = connect(own_plant, own_plant.sample("press-07"), user_name="press-07", version=version, session_name="s")
    assert device.connack()[0] == 0
    own_plant.put_client("press-07", authenticationName="press-07", state="Disabled")
    assert (device.ended.get(timeout=60) == 0x87) is (version == V5)  # 3.1.1 has no word for it
    device.disconnect()
    until(lambda: len(own_plant.attempts_of("s")) == 2, "the end is in the log")
    end = own_plant.attempts_of("s")[1]
    assert (end["resultSignature"], end["code"]) == ("ClientAuthenticationError", "client-enabled")


def test_deleting_a_ca_certificate_through_arm_disconnects(own_plant: Plant) -> None:
    device = connect(own_plant, own_plant.sample("press-07"), user_name="press-07")
    assert device.connack()[0] == 0
    own_plant.emulator.call("DELETE", f"{own_plant.namespace_id}/caCertificates/intermediate")
    assert device.ended.get(timeout=60) == 0x87
    device.disconnect()
