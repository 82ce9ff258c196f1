"""The commands of README and guide, run as they are written: each form of a chain connects to the emulator."""

import re
import shlex
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from certificates.authentication.engine import ClientRecord, NamespaceState, TrustedCA, authenticate
from certificates.x509.reading import read_upload
from tests.documents.pages import PAGES, ROOT, SAMPLE_CHAIN, without_line_breaks
from tests.emulator.mqtt.plant import Plant, make_plant
from tests.support.azure.emulator_process import EmulatorProcess
from tests.support.programs import require_program

NAME = "press-1"


def make_chain(form: str, folder: Path) -> Path:
    """Run the commands of a form, and return the folder with its files."""
    text = SAMPLE_CHAIN[form]
    if form == "step" and shutil.which("step") is None:
        pytest.skip("The step CLI is not installed: its commands were not run.")
    if form == "openssl":
        require_program("openssl")
    text = text.replace(".venv/bin/python manage.py", f"{sys.executable} {ROOT / 'manage.py'}")
    run = subprocess.run(["sh", "-e", "-c", text], cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 0, run.stderr
    return folder / "chain" if form == "sample-chain" else folder


@pytest.fixture(scope="module")
def guide(emulator: EmulatorProcess, tmp_path_factory: pytest.TempPathFactory) -> Plant:
    """A namespace in which the guide is followed: its client is registered, its CA certificate is not uploaded yet."""
    made = make_plant(emulator, tmp_path_factory.mktemp("guide"))
    made.put_client(NAME, authenticationName=NAME)
    return made


@pytest.mark.parametrize("form", ["sample-chain", "openssl", "step"])
def test_each_form_of_a_chain_connects(guide: Plant, tmp_path: Path, form: str) -> None:
    folder = make_chain(form, tmp_path)
    (ca,) = read_upload((folder / "intermediate_ca.crt").read_bytes())
    leaf = read_upload((folder / f"{NAME}.crt").read_bytes())[0]
    client = ClientRecord(NAME, NAME, "SubjectMatchesAuthenticationName")
    state = NamespaceState((TrustedCA("intermediate", ca.der),), {NAME: client})
    decision = authenticate(presented=leaf.der, user_name=NAME, state=state, at=datetime.now(UTC))
    assert decision.accepted, decision.reason
    guide.upload(form, ca.der)
    run = subprocess.run(connect_command(guide), cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 0, run.stdout + run.stderr


def connect_command(plant: Plant) -> list[str]:
    """Return the command of README's guide, with host, port and CA file of this emulator."""
    (text,) = re.findall(r"```\n +(mosquitto_pub.*?)```", without_line_breaks(PAGES["README.md"]), re.DOTALL)
    endpoint, words = plant.endpoint, shlex.split(text)
    for option, value in (("-h", endpoint["host"]), ("-p", str(endpoint["port"])), ("--cafile", endpoint["ca"])):
        words[words.index(option) + 1] = value
    return [require_program(words[0]), *words[1:]]


def test_every_form_of_the_page_is_run() -> None:
    assert set(SAMPLE_CHAIN) == {"sample-chain", "openssl", "step"}
