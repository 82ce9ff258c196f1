"""mosquitto as a bridge with its defaults: it first announces itself as one (`try_private`), then connects in MQTT 3.1.1."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.emulator.mqtt import raw_client as w
from tests.emulator.mqtt.plant import Plant
from tests.emulator.mqtt.raw_client import connected
from tests.support.programs import require_program
from tests.support.waiting import until

NAME = "plant-bridge"


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder whose path leaves room for the name of a socket."""
    with tempfile.TemporaryDirectory(prefix="bridge-") as name:
        yield Path(name)


@contextmanager
def bridge(plant: Plant, folder: Path, *settings: str) -> Iterator[str]:
    """Run mosquitto with a bridge to the plant, as press-07. The value is the Unix socket for its own clients."""
    certificate, key = plant.files(plant.sample("press-07"))
    own = folder / "own"
    lines = [
        f"listener 0 {own}",
        "allow_anonymous true",
        "user root",  # else it cannot read the files when root runs the tests
        "connection azure",
        f"address 127.0.0.1:{plant.endpoint['port']}",
        f"remote_clientid {NAME}",
        "remote_username press-07",
        f"bridge_cafile {plant.endpoint['ca']}",
        f"bridge_certfile {certificate}",
        f"bridge_keyfile {key}",
        "topic line/# both 1",
        *settings,
    ]
    (folder / "bridge.conf").write_text("\n".join(lines) + "\n")
    log = folder / "bridge.log"
    with log.open("wb") as output:
        command = [require_program("mosquitto"), "-v", "-c", str(folder / "bridge.conf")]
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        yield str(own)
    except BaseException as error:
        error.add_note(log.read_text(errors="replace"))
        raise
    finally:
        process.terminate()
        process.wait(60)


def is_connected(plant: Plant) -> bool:
    return any(r["resultType"] == "Succeeded" for r in plant.attempts_of(NAME))


def test_a_bridge_falls_back_and_passes_messages_in_both_directions(own_plant: Plant, short_path: Path) -> None:
    """The time between its attempts is the only setting that is not mosquitto's default, which is 5 to 30 s."""
    with connected(own_plant, "early", "robot-2") as early:
        early.send(w.publish("line/down", b"from the cloud", qos=1, retain=True))
        early.expect(w.PUBACK)
    with bridge(own_plant, short_path, "restart_timeout 1") as own:
        until(lambda: is_connected(own_plant), "the bridge is connected", seconds=30)
        first, second = own_plant.attempts_of(NAME)[:2]
        assert (first["code"], first["resultType"], first["userName"]) == ("mosquitto-bridge", "Failed", "press-07")
        assert (second["resultType"], second["properties"]["protocol"]) == ("Succeeded", "MQTT3")
        with connected(own_plant, "peer", "robot-1") as peer:
            peer.send(w.subscribe("line/up"))
            peer.expect(w.SUBACK)
            local = [
                require_program("mosquitto_pub"),
                "--unix",
                own,
                "-t",
                "line/up",
                "-m",
                "from the plant",
                "-q",
                "1",
            ]
            subprocess.run(local, check=True, timeout=120)
            assert peer.expect(w.PUBLISH).payload() == b"from the plant"
        local = [require_program("mosquitto_sub"), "--unix", own, "-t", "line/down", "-C", "1", "-W", "20"]
        assert subprocess.run(local, stdout=subprocess.PIPE, check=True, timeout=120).stdout == b"from the cloud\n"


@pytest.mark.parametrize("settings", ["try_private false", "bridge_protocol_version mqttv50"])
def test_a_bridge_connects_at_once_with(own_plant: Plant, short_path: Path, settings: str) -> None:
    with bridge(own_plant, short_path, settings):
        until(lambda: own_plant.attempts_of(NAME) != [], "the bridge has tried", seconds=30)
        assert own_plant.attempts_of(NAME)[0]["resultType"] == "Succeeded"
