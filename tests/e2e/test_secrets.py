"""No private key that somebody brings, and none that a sample is made with, is found anywhere afterwards."""

import base64
import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12

from tests.e2e.demo_process import running_demo
from tests.e2e.session import signed_in
from tests.waiting import until

pytestmark = pytest.mark.e2e
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def forms_of(key: Key) -> dict[str, bytes]:
    """The key in every container that people bring."""
    return {
        "pkcs8.pem": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        "traditional.pem": key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()),
        "openssh.pem": key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()),
        "pkcs8.der": key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        "key.p12": pkcs12.serialize_key_and_certificates(b"k", key, None, None, NoEncryption()),
    }


def needles_of(key: Key) -> Iterator[bytes]:
    """What must not be found: the secret number as bytes, hex and base64, and every line of its PEM forms."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        number = key.private_numbers().private_value.to_bytes(32, "big")
    else:
        number = key.private_numbers().d.to_bytes(256, "big")[:64]
    yield number[:24]
    yield number.hex()[:40].encode()
    yield number.hex()[:40].upper().encode()
    for shift in range(3):  # wherever the number begins in a base64 text
        yield base64.b64encode(b"\0" * shift + number)[4:36]
    for name, text in forms_of(key).items():
        if name.endswith(".pem"):
            body = [line for line in text.splitlines() if not line.startswith(b"-----") and len(line) >= 32]
            secret_lines = body if isinstance(key, ec.EllipticCurvePrivateKey) else body[4:-1]
            yield from secret_lines[:3]


def bring_everywhere(session: requests.Session, portal: str, name: str, data: bytes) -> None:
    """Hand a key to every place that takes a file or a text."""
    here = f"{portal}namespaces/1"
    token = {"csrfmiddlewaretoken": session.cookies["csrftoken"]}
    places = {
        f"{here}/upload-certificate/": "file",
        f"{here}/upload-certificate/check-file/": "file",
        f"{here}/test-authentication/": "file",
        f"{here}/create-client/draft/": "certificate",
    }
    for url, field in places.items():
        answer = session.post(url, data=token | {"name": "with-a-key"}, files={field: (name, data)}, timeout=10)
        assert answer.status_code < 500, url
        assert "private key" in answer.text, url
    if not name.endswith(".pem"):
        return
    text = data.decode()
    texts = {
        f"{here}/upload-certificate/": ("pem", "description", "name"),
        f"{here}/test-authentication/": ("pem", "user_name"),
        f"{here}/create-client/": ("name", "authentication_name", "description", "thumbprints", "attribute_value"),
        f"{here}/sample-certificates/": ("client_name",),
    }
    for url, fields in texts.items():
        for field in fields:
            answer = session.post(url, data=token | {field: text}, timeout=10)
            assert 400 <= answer.status_code < 500, f"{url} {field}"
            assert text.splitlines()[1] not in answer.text, f"{url} {field}"


def make_samples(session: requests.Session, portal: str) -> list[Key]:
    url = f"{portal}namespaces/1/sample-certificates/"
    data = {"csrfmiddlewaretoken": session.cookies["csrftoken"], "client_name": ["press-1", "press-2"]}
    page = session.post(url, data=data, timeout=10).text
    packed = re.search(r"data:application/zip;base64,([A-Za-z0-9+/=]+)", page)
    assert packed
    keys: list[Key] = []
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(packed[1]))) as files:
        for name in files.namelist():
            if name.endswith(".key"):
                key = serialization.load_pem_private_key(files.read(name), None)
                assert isinstance(key, ec.EllipticCurvePrivateKey)
                keys.append(key)
        intermediate = files.read("intermediate_ca.crt")
    x509.load_pem_x509_certificate(intermediate)
    form = {"csrfmiddlewaretoken": session.cookies["csrftoken"], "name": "line-a"}
    session.post(f"{portal}namespaces/1/upload-certificate/", data=form, files={"file": intermediate}, timeout=10)
    until(lambda: "Succeeded" in session.get(f"{portal}namespaces/1/ca-certificates/", timeout=10).text, "it is synced")
    return keys


def test_no_key_is_found_in_database_logs_broker_store_or_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    brought: list[Key] = [ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)]
    with running_demo(tmp_path / "state") as demo:
        endpoints = demo.wait_ready()
        with signed_in(endpoints, "dana") as session:
            for key in brought:
                for name, data in forms_of(key).items():
                    bring_everywhere(session, endpoints["portal"], name, data)
            made = make_samples(session, endpoints["portal"])
        output = demo.output.encode()
    needles = {needle for key in (*brought, *made) for needle in needles_of(key)}
    assert len(needles) > 50
    files = [path for folder in (tmp_path / "state", temporary) for path in folder.rglob("*") if path.is_file()]
    assert any(path.suffix == ".sqlite3" for path in files)
    found = [path.name for path in files for needle in needles if needle in path.read_bytes()]
    assert not found
    assert not any(needle in output for needle in needles)
