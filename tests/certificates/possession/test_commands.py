"""The lines that the page shows, run as they are: with openssl always, with step where it is installed."""

import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from certificates.possession.commands import Commands, device_commands, proof_commands
from certificates.possession.verification import CA_KEY, DEVICE_KEY, Challenge, verify_proof
from certificates.x509.reading import load_certificate, read_upload
from tests.support.certificates.chains import Identity, authority

NONCE = "5f" * 20


@pytest.fixture(params=["P-256", "RSA 2048"])
def ca(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Identity]:
    made = authority("Line 1 CA", key=request.param, at=timezone.now() - timedelta(days=1))
    device = made.issue("sensor-1", key=request.param)
    for name, each in (("ca", made), ("device", device)):
        (tmp_path / f"{name}.crt").write_bytes(each.pem)
        (tmp_path / f"{name}.key").write_bytes(each.key_pem)
    yield made
    for key in tmp_path.glob("*.key"):
        key.unlink()


def run(commands: Commands, folder: Path) -> bytes:
    for line in commands.lines:
        done = subprocess.run(["sh", "-c", line], cwd=folder, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, (line, done.stderr)
    return (folder / commands.makes).read_bytes()


def kind_of(proof: bytes, ca: Identity) -> str:
    now = timezone.now()
    given = [Challenge(NONCE, now + timedelta(days=1))]
    return verify_proof(read_upload(proof), ca=load_certificate(ca.der), challenges=given, at=now).kind


def of(tool: str) -> Commands:
    return next(each for each in proof_commands(NONCE) if each.tool == tool)


def test_the_lines_for_openssl_make_a_proof(ca: Identity, tmp_path: Path) -> None:
    assert kind_of(run(of("openssl"), tmp_path), ca) == CA_KEY


def test_the_lines_for_a_device_make_its_proof(ca: Identity, tmp_path: Path) -> None:
    assert kind_of(run(device_commands(NONCE), tmp_path), ca) == DEVICE_KEY


def test_the_line_for_step_makes_a_proof(ca: Identity, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if shutil.which("step") is None:
        with capsys.disabled():
            print("\nSKIPPED: step is not installed, so its line for a proof of possession was not run.")
        pytest.skip("step is not installed: its line was not run")
    assert kind_of(run(of("step"), tmp_path), ca) == CA_KEY


def test_each_line_can_be_copied_with_the_nonce_in_it() -> None:
    for each in (*proof_commands(NONCE), device_commands(NONCE)):
        assert NONCE in each.text
        assert all("\n" not in line for line in each.lines)
