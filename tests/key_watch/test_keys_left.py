"""The key watch finds every private key in every format, and fails a run that leaves one behind."""

import json
import math
import os
import re
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from django.utils import timezone

from certificates.samples.chain import ClientName, make_sample_chain
from tests.certificates.uploads import uploads
from tests.certificates.uploads.brought_secrets import watch_brought_keys
from tests.certificates.uploads.key_uploads import key_files
from tests.key_watch.plugin import KEYS_LEFT
from tests.key_watch.traces import KeyTraces
from tests.support.certificates.seeded_keys import rsa_key

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
        for name, data in key_files()
        if not traces.found_in(b"before it " + how(data) + b" and after it", as_brought=True)
    ]
    assert set(missed) - {name for name in missed if "UTF" in name and how is not bytes} <= WITHOUT


@pytest.mark.parametrize("kind", ["EC", "RSA"])
@pytest.mark.parametrize("how", ["PEM", "DER", "hex", "HEX", "colons", "base64", "JSON", "UTF-16"])
def test_a_key_is_found_in_every_notation(traces: KeyTraces, kind: str, how: str) -> None:
    files = dict(key_files())
    pem, der = files[f"{kind}: PKCS#8 PEM"], files[f"{kind}: PKCS#8 DER"]
    written = {
        "PEM": pem,
        "DER": der,
        "hex": der.hex().encode(),
        "HEX": der.hex().upper().encode(),
        "colons": der.hex(":").encode(),
        "base64": b64encode(b"." + der),
        "JSON": json.dumps({"text": json.dumps({"key": pem.decode()})}).encode(),
        "UTF-16": pem.decode().encode("utf-16"),
    }
    assert traces.found_in(b"before it " + written[how] + b" and after it")


@pytest.mark.parametrize("others", [b"", b"'", b'"', b"'\""], ids=["alone", "with '", 'with "', "with both"])
def test_a_file_is_found_in_a_log_with_any_two_bytes_side_by_side(others: bytes) -> None:
    for first in b"\\'\"\n\0nx\xff":
        for second in b"\\'\"\n\0nx\xff":
            traces = KeyTraces()
            pair = bytes([first, second])
            data = b"0123456789" + bytes(range(97, 118)) + pair + bytes(range(65, 97))
            traces.add_file(data, public=bytes(range(65, 97)))
            assert traces.found_in(repr(others + data).encode(), as_brought=True), pair
            assert traces.found_in(data, as_brought=True), pair


def test_an_rsa_key_with_a_short_exponent_is_found() -> None:
    made = rsa_key(2048, "with a short exponent").private_numbers()
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


# Each place, and what the report says of a key that is left there.
FOUND = {
    "file": "the file *emulator.log.",
    "uploaded": "the file *store.sqlite3.",
    "output": "Captured stdout call of tests/key_watch/leave_a_key.py::test_that_leaves_a_key[[]output].",
    "database": "database default.",
    "message": "*.msg.",
}


@pytest.mark.parametrize(
    ("places", "processes", "code"),
    [
        (("file", "uploaded"), "0", KEYS_LEFT),
        (("file", "output"), "1", KEYS_LEFT),
        (("database", "message"), "0", pytest.ExitCode.TESTS_FAILED),
    ],
)
def test_a_run_that_leaves_a_key_fails_and_names_the_place(
    tmp_path: Path, places: tuple[str, ...], processes: str, code: int
) -> None:
    ended = run_that_leaves_a_key(tmp_path, places, processes)
    assert ended.returncode == code, ended.stdout + ended.stderr
    said = set(re.findall(r"^(?:E +AssertionError: )?A private key is left in (.+)$", ended.stdout, re.MULTILINE))
    named = {place for place in places for text in said if fnmatch(text, FOUND[place])}
    assert named == set(places), ended.stdout
    assert all(any(fnmatch(text, FOUND[place]) for place in places) for text in said), ended.stdout


def test_a_key_in_a_file_for_a_client_is_no_leak(tmp_path: Path) -> None:
    ended = run_that_leaves_a_key(tmp_path, ("file for a client",), "0")
    assert ended.returncode == 0, ended.stdout + ended.stderr


def run_that_leaves_a_key(folder: Path, places: tuple[str, ...], processes: str) -> subprocess.CompletedProcess[str]:
    """Run `leave_a_key.py`, and delete what it left: that is no leak of this run."""
    command = [sys.executable, "-m", "pytest", "-q", "-n", processes, f"--basetemp={folder / 'run'}"]
    command += ["-p", "no:cacheprovider", "tests/key_watch/leave_a_key.py"]
    environment = {**os.environ, "LEAVE_A_KEY_IN": ",".join(places), "PYTEST_ADDOPTS": ""}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    for path in folder.rglob("*"):
        if path.is_file():
            path.unlink()
    return ended
