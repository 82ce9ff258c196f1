"""The watch over private keys finds each of them in each form, and ends a run in which one was left somewhere."""

import json
import math
import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from django.utils import timezone

from certificates.samples.chain import ClientName, make_sample_chain
from tests.certificates.brought_secrets import all_key_files, watch_brought_keys
from tests.certificates.uploads import uploads
from tests.key_watch.traces import KeyTraces

ROOT = Path(__file__).resolve().parent.parent.parent
WITHOUT = {"PGP", "Java key store", "an old PKCS#8 with version 1"}  # these hold no key of ours


@pytest.fixture(scope="module")
def traces() -> KeyTraces:
    made = KeyTraces()
    watch_brought_keys(made)
    return made


@pytest.mark.parametrize("how", [bytes, lambda data: repr(data).encode()], ids=["as it is", "in a log"])
def test_a_key_is_found_in_every_container(traces: KeyTraces, how: Callable[[bytes], bytes]) -> None:
    missed = [
        name
        for name, data in all_key_files()
        if not traces.found_in(b"before it " + how(data) + b" and after it", as_brought=True)
    ]
    assert set(missed) - {name for name in missed if "UTF" in name and how is not bytes} <= WITHOUT


@pytest.mark.parametrize("kind", ["EC", "RSA"])
@pytest.mark.parametrize("how", ["PEM", "DER", "hex", "HEX", "colons", "base64", "JSON", "UTF-16"])
def test_a_key_is_found_in_every_notation(traces: KeyTraces, kind: str, how: str) -> None:
    files = dict(all_key_files())
    pem, der = files[f"{kind}: PKCS#8 PEM"], files[f"{kind}: PKCS#8 DER"]
    written = {
        "PEM": pem,
        "DER": der,
        "hex": der.hex().encode(),
        "HEX": der.hex().upper().encode(),
        "colons": der.hex(":").encode(),
        "base64": b64encode(b"." + der),
        "JSON": json.dumps({"said": json.dumps({"key": pem.decode()})}).encode(),
        "UTF-16": pem.decode().encode("utf-16"),
    }
    assert traces.found_in(b"before it " + written[how] + b" and after it")


def test_an_rsa_key_with_a_short_exponent_is_found() -> None:
    made = rsa.generate_private_key(65537, 2048).private_numbers()
    order = math.lcm(made.p - 1, made.q - 1)
    exponent = next(d for d in range((1 << 2000) + 1, 1 << 2001, 2) if math.gcd(d, order) == 1)
    public = rsa.RSAPublicNumbers(pow(exponent, -1, order), made.public_numbers.n)
    halves = exponent % (made.p - 1), exponent % (made.q - 1)
    key = rsa.RSAPrivateNumbers(made.p, made.q, exponent, *halves, made.iqmp, public).private_key()
    traces = KeyTraces()
    traces.add(key)
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    assert traces.found_in(der.hex().encode())


def test_certificates_hold_no_trace_of_a_key(traces: KeyTraces) -> None:
    assert not [upload.id for upload in uploads() if traces.found_in(upload.data, as_brought=True)]


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
    [
        *(("file", "0"), ("file", "1"), ("file for a client", "0"), ("uploaded", "0"), ("output", "1")),
        *(("database", "0"), ("message", "0")),
    ],
)
def test_a_run_that_leaves_a_key_fails_and_says_where(tmp_path: Path, where: str, processes: str) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-n", processes, f"--basetemp={tmp_path / 'run'}"]
    command += ["-p", "no:cacheprovider", "tests/key_watch/leave_a_key.py"]
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
