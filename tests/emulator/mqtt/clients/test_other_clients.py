"""aiomqtt and mosquitto_sub, clients that we did not write."""

import asyncio
import subprocess
import uuid

import aiomqtt
import pytest

from tests.emulator.mqtt import raw_client as w
from tests.emulator.mqtt.plant import Plant
from tests.emulator.mqtt.raw_client import client_context, connected
from tests.support.programs import require_program


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


@pytest.mark.parametrize("version", ["mqttv311", "mqttv5"])
def test_mosquitto_sub_receives_what_was_retained(plant: Plant, version: str) -> None:
    program = require_program("mosquitto_sub")
    topic = f"mosquitto/{uuid.uuid4().hex}"
    with connected(plant, uuid.uuid4().hex) as sender:
        sender.send(w.publish(topic, b"kept", qos=1, retain=True))
        sender.expect(w.PUBACK)
    certificate, key = plant.files(plant.sample("robot-2"))
    endpoint = plant.endpoint
    where = ["-h", endpoint["host"], "-p", str(endpoint["port"]), "--cafile", endpoint["ca"]]
    who = ["--cert", certificate, "--key", key, "-u", "robot-2", "-i", uuid.uuid4().hex]
    done = subprocess.run(
        [program, "-V", version, *where, *who, "-t", topic, "-q", "1", "-C", "1", "-W", "15", "-d"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout.splitlines()[-3:].count("kept")) == (0, 1), done.stdout + done.stderr
