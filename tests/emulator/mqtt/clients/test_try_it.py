"""The programs of *Try it*, run as they are shown: they connect and publish, whatever a client is called."""

import shutil
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from namespaces.connections.sample_programs import Trial, programs
from tests.emulator.mqtt import raw_client as w
from tests.emulator.mqtt.plant import Plant
from tests.emulator.mqtt.raw_client import connected
from tests.support.programs import NODE_FOLDER, require_node, require_program

HOSTILE = {
    "quotes": """it's "the" “one”""",
    "substitution": "$(touch stolen) `touch stolen` ${HOME} $HOME",
    "history": "!! !$ !x",
    "leading dash": "--help",
    "spaces": "  two  spaces ",
    "backslashes": "\\\\ \\n \\u0041 \\",
    "emoji": "line-😀 🏭",
    "separators": "a;b&c|d<e>f*?[g]{h}~i%s%%",
    "separator of lines": "first\u2028second\u202ethird",
    "comment": "*/ // # <!-- '''",
}
NO_WILDCARDS = str.maketrans({"+": "-", "#": "-"})
LONGEST = "-" + "x" * 127


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder in which the programs run, with an unpleasant name of its own."""
    made = tmp_path / "it's $(touch stolen) “here” 😀"
    made.mkdir()
    return made


def trial_of(plant: Plant, folder: Path, client_name: str, name: str) -> Trial:
    """A client that is found by its thumbprint, with its files where the programs look for them."""
    certificate, key = plant.files(plant.sample("press-07"))
    client = f"{client_name}{uuid.uuid4().hex[:4]}"[-128:]
    unique = f"{name}{uuid.uuid4().hex[:4]}"[:128]
    endpoint = plant.endpoint
    trust = folder / "ca.pem"
    shutil.copy(endpoint["ca"], trust)
    trial = Trial(endpoint["host"], endpoint["port"], str(trust), client, unique, f"t/{unique}".translate(NO_WILDCARDS))
    shutil.copy(certificate, folder / f"{trial.file_name}.crt")
    shutil.copy(key, folder / f"{trial.file_name}.key")
    scheme = {"validationScheme": "ThumbprintMatch", "allowedThumbprints": [plant.sample("press-07").thumbprint]}
    plant.put_client(client, authenticationName=unique, clientCertificateAuthentication=scheme)
    return trial


def command_of(anchor: str, text: str, folder: Path) -> list[str]:
    if anchor == "mosquitto":
        require_program("mosquitto_pub")
        return ["bash", "-c", text]
    if anchor == "paho":
        (folder / "try.py").write_text(text, encoding="utf-8")
        return [sys.executable, "try.py"]
    node = require_node("mqtt")
    (folder / "node_modules").symlink_to(NODE_FOLDER / "node_modules")
    (folder / "try.js").write_text(text, encoding="utf-8")
    return [node, "try.js"]


@pytest.mark.parametrize("anchor", ["mosquitto", "paho", "mqttjs"])
@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_program_publishes_whatever_the_client_is_called(plant: Plant, folder: Path, anchor: str, name: str) -> None:
    publishes(plant, folder, anchor, trial_of(plant, folder, "-device:", name))


@pytest.mark.parametrize("anchor", ["mosquitto", "paho", "mqttjs"])
def test_a_program_publishes_for_the_longest_client_name(plant: Plant, folder: Path, anchor: str) -> None:
    trial = trial_of(plant, folder, LONGEST, "longest")
    assert len(trial.client_name) == 128
    publishes(plant, folder, anchor, trial)


def publishes(plant: Plant, folder: Path, anchor: str, trial: Trial) -> None:
    """It ends well, and exactly what it should publish arrives."""
    text = next(each.text for each in programs(trial) if each.anchor == anchor)
    with connected(plant, uuid.uuid4().hex, "robot-1") as reader:
        reader.send(w.subscribe(trial.topic))
        assert reader.expect(w.SUBACK).codes() == [1]
        ran = subprocess.run(
            command_of(anchor, text, folder), cwd=folder, capture_output=True, text=True, timeout=60, check=False
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        message = reader.expect(w.PUBLISH)
    assert (message.topic, message.payload()) == (trial.topic, b"hello")
    assert not list(folder.rglob("stolen"))
    (attempt,) = [r for r in plant.log() if r["clientName"] == trial.client_name and "/connect" in r["operationName"]]
    assert attempt["properties"]["sessionName"] == trial.session
