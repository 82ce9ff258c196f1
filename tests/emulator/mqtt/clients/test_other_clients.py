"""aiomqtt, mosquitto_sub and paho-mqtt, clients that we did not write."""

import asyncio
import subprocess
import uuid

import aiomqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from tests.emulator.mqtt import raw_client as w
from tests.emulator.mqtt.plant import Plant, connect
from tests.emulator.mqtt.raw_client import client_context, connected
from tests.support.programs import require_program
from tests.support.waiting import until


def client(
    plant: Plant, name: str, version: aiomqtt.ProtocolVersion, timeout: float = 15, **options: object
) -> aiomqtt.Client:
    return aiomqtt.Client(
        plant.endpoint["host"],
        plant.endpoint["port"],
        identifier=uuid.uuid4().hex,
        username=name,
        protocol=version,
        tls_context=client_context(plant, plant.sample(name)),
        timeout=timeout,
        **options,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("version", [aiomqtt.ProtocolVersion.V311, aiomqtt.ProtocolVersion.V5], ids=["3.1.1", "5"])
@pytest.mark.parametrize("qos", [0, 1])
def test_aiomqtt_publishes_and_receives(plant: Plant, version: aiomqtt.ProtocolVersion, qos: int) -> None:
    topic = f"aio/{uuid.uuid4().hex}"

    async def talk() -> list[bytes]:
        async with client(plant, "robot-1", version) as reader, client(plant, "press-07", version) as sender:
            await reader.subscribe(f"{topic}/#", qos=qos)
            for number in range(30):
                await sender.publish(f"{topic}/{number}", str(number), qos=qos)
            got: list[bytes] = []
            async with asyncio.timeout(15):
                async for message in reader.messages:
                    assert isinstance(message.payload, bytes)
                    got.append(message.payload)
                    if len(got) == 30:
                        break
            return got

    assert asyncio.run(talk()) == [str(n).encode() for n in range(30)]


def test_aiomqtt_leaves_its_will_when_it_is_cut(plant: Plant) -> None:
    topic = f"aio/{uuid.uuid4().hex}"

    async def die() -> None:
        will = aiomqtt.Will(topic, b"gone", qos=1)
        async with client(plant, "press-07", aiomqtt.ProtocolVersion.V5, timeout=1, will=will) as dying:
            dying._client.socket().close()  # type: ignore[union-attr]
            raise ConnectionError

    with connected(plant, uuid.uuid4().hex, "robot-1") as reader:
        reader.send(w.subscribe(topic))
        reader.expect(w.SUBACK)
        with pytest.raises((ConnectionError, aiomqtt.MqttError)):
            asyncio.run(die())
        assert reader.expect(w.PUBLISH).payload() == b"gone"


def mosquitto_sub(
    program: str, plant: Plant, version: str, topic_filter: str, *options: str
) -> subprocess.CompletedProcess[str]:
    """Subscribe as robot-2 with QoS 1."""
    certificate, key = plant.files(plant.sample("robot-2"))
    endpoint = plant.endpoint
    where = ["-h", endpoint["host"], "-p", str(endpoint["port"]), "--cafile", endpoint["ca"]]
    who = ["--cert", certificate, "--key", key, "-u", "robot-2"]
    return subprocess.run(
        [program, "-V", version, *where, *who, "-t", topic_filter, "-q", "1", "-W", "15", *options],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


RSA_ONLY = ["--tls-version", "tlsv1.2", "--ciphers", "ECDHE-RSA-AES128-GCM-SHA256"]


@pytest.mark.parametrize("tls", [[], RSA_ONLY], ids=["any suite", "RSA suites"])
@pytest.mark.parametrize("version", ["mqttv311", "mqttv5"])
def test_mosquitto_sub_receives_what_was_retained(plant: Plant, version: str, tls: list[str]) -> None:
    """It is the client of libmosquitto."""
    program = require_program("mosquitto_sub")
    topic = f"mosquitto/{uuid.uuid4().hex}"
    with connected(plant, uuid.uuid4().hex) as sender:
        sender.send(w.publish(topic, b"kept", qos=1, retain=True))
        sender.expect(w.PUBACK)
    done = mosquitto_sub(program, plant, version, topic, "-i", uuid.uuid4().hex, "-C", "1", "-d", *tls)
    assert (done.returncode, done.stdout.splitlines()[-3:].count("kept")) == (0, 1), done.stdout + done.stderr


def test_mosquitto_sub_shares_a_subscription(own_plant: Plant) -> None:
    program = require_program("mosquitto_sub")
    kept = ["-i", "worker", "-c", "-x", "60"]
    joined = mosquitto_sub(program, own_plant, "mqttv5", "$share/workers/jobs/#", *kept, "-E")
    assert joined.returncode == 0, joined.stderr
    with connected(own_plant, "p") as sender:
        for number in range(3):
            sender.send(w.publish(f"jobs/{number}", str(number).encode(), qos=1))
            sender.expect(w.PUBACK)
    done = mosquitto_sub(program, own_plant, "mqttv5", "$share/workers/jobs/#", *kept, "-C", "3")
    assert (done.returncode, done.stdout.split()) == (0, ["0", "1", "2"]), done.stderr


def test_mosquitto_sub_of_3_1_1_cannot_share(own_plant: Plant) -> None:
    program = require_program("mosquitto_sub")
    done = mosquitto_sub(program, own_plant, "mqttv311", "$share/workers/jobs/#", "-i", "worker", "-C", "1", "-W", "1")
    assert done.returncode != 0
    assert done.stdout == ""


def test_paho_clients_share_a_subscription_and_get_its_identifier(own_plant: Plant) -> None:
    own_plant.configure(maximumClientSessionsPerAuthenticationName=3)
    devices = [connect(own_plant, own_plant.sample("robot-1"), user_name="robot-1") for _ in range(3)]
    wanted = Properties(PacketTypes.SUBSCRIBE)  # type: ignore[no-untyped-call]
    wanted.SubscriptionIdentifier = 5
    for device in devices:
        assert device.connack() == (0, "")
        device.client.subscribe("$share/workers/jobs/#", options=SubscribeOptions(qos=1), properties=wanted)
        assert device.subscribed.get(timeout=60) == [1]
    texts = [str(number).encode() for number in range(45)]
    with connected(own_plant, "p") as sender:
        for text in texts:
            sender.send(w.publish("jobs/1", text, qos=1))
            sender.expect(w.PUBACK)
    until(lambda: sum(device.messages.qsize() for device in devices) >= 45, "every message has arrived")
    for device in devices:
        device.disconnect()
    found = [[device.messages.get() for _ in range(device.messages.qsize())] for device in devices]
    assert sorted(message.payload for each in found for message in each) == sorted(texts)
    assert sum(bool(each) for each in found) >= 2
    identifiers = {str(getattr(message.properties, "SubscriptionIdentifier", "")) for each in found for message in each}
    assert identifiers == {"[5]"}
