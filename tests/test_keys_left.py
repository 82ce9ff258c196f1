"""The watch over private keys finds each of them in each form, and ends a run in which one was left somewhere."""

import os
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.utils import timezone

from certificates.issuing import ClientName, make_sample_chain
from tests.certificates.brought_secrets import all_key_files, watch_brought_keys
from tests.certificates.uploads import uploads
from tests.key_traces import KeyTraces

ROOT = Path(__file__).resolve().parent.parent
# What holds no key of ours, or holds it packed: nothing in it could be recognised in what was made of it either.
WITHOUT = {"PuTTY", "PGP", "Java key store", "an old PKCS#8 with version 1", "ZIP with a key file"}
WITHOUT |= {"ZIP with a PKCS#12 file in a folder", "EC: cut off"}


@pytest.fixture(scope="module")
def traces() -> KeyTraces:
    made = KeyTraces()
    watch_brought_keys(made)
    return made


@pytest.mark.parametrize("name", [name for name, _ in all_key_files() if name not in WITHOUT])
def test_a_key_is_found_in_every_container_in_whatever_way_it_was_written_down(traces: KeyTraces, name: str) -> None:
    data = dict(all_key_files())[name]
    written = {"as it is": data, "in a log": repr(data).encode()}
    if name.endswith((" DER", "passphrase", "PKCS#12")) and b"-----" not in data:
        written |= {"hex": data.hex().upper().encode(), "base64": b64encode(b"." + data)}
    missed = [how for how, text in written.items() if not traces.found_in(b"before it " + text + b" and after it")]
    assert not missed or (name.endswith("as UTF-16") and missed == ["in a log"])


def test_certificates_hold_no_trace_of_a_key(traces: KeyTraces) -> None:
    assert not [upload.id for upload in uploads() if traces.found_in(upload.data)]


def test_one_of_many_sample_keys_is_found() -> None:
    traces = KeyTraces()
    chain = make_sample_chain([ClientName(f"press-{number}") for number in range(20)], at=timezone.now())
    for client in chain.clients:
        key = load_pem_private_key(client.key_pem, None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        traces.add(key)
    assert all(traces.found_in(client.key_pem) for client in chain.clients)
    assert not traces.found_in(chain.intermediate.certificate_pem.encode())


@pytest.mark.parametrize(
    ("where", "processes"),
    [("file", "0"), ("file", "1"), ("uploaded", "0"), ("output", "1"), ("database", "0"), ("file for a client", "0")],
)
def test_a_run_that_leaves_a_key_fails_and_says_where(tmp_path: Path, where: str, processes: str) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-n", processes, f"--basetemp={tmp_path / 'run'}"]
    command += ["-p", "no:cacheprovider", "tests/leave_a_key.py"]
    environment = {**os.environ, "LEAVE_A_KEY_IN": where, "PYTEST_ADDOPTS": ""}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    if where == "file for a client":
        assert ended.returncode == 0, ended.stdout + ended.stderr
    else:
        assert ended.returncode == 1, ended.stdout + ended.stderr
        assert "A private key is left in" in ended.stdout
    for path in tmp_path.rglob("*"):
        if path.is_file():
            path.unlink()  # what was left on purpose is no leak of this run
