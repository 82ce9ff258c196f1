"""No private key that somebody brings, and none that a sample is made with, is found anywhere afterwards."""

import base64
import html
import io
import re
import zipfile
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.certificates.uploads.brought_secrets import watch_brought_keys
from tests.certificates.uploads.key_uploads import key_files
from tests.e2e.demo_process import running_demo
from tests.e2e.session import signed_in
from tests.key_watch.traces import KeyTraces
from tests.support.browser.form_rows import posted_rows
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.long]


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
        answer = session.post(url, data=token | {"name": "with-a-key"}, files={field: ("a.pem", data)}, timeout=60)
        assert answer.status_code < 500, f"{url} {name}"
        assert re.search("private key|key file|key store", answer.text), f"{url} {name}"
    text = data.decode("latin-1")
    if "\0" in text or (not text.isprintable() and "-----" not in text):  # nobody can paste that
        return
    texts = {
        f"{here}/upload-certificate/": ("pem", "description", "name"),
        f"{here}/test-authentication/": ("pem", "user_name"),
        f"{here}/create-client/": ("name", "authentication_name", "description", "thumbprints", "attributes-0-value"),
        f"{here}/sample-certificates/": ("clients-0-name",),
    }
    for url, fields in texts.items():
        answer = session.post(url, data=token | dict.fromkeys(fields, text), timeout=60)
        assert 400 <= answer.status_code < 500, f"{url} {name}"
        assert text not in html.unescape(answer.text), f"{url} {name}"


def make_samples(session: requests.Session, portal: str) -> list[ec.EllipticCurvePrivateKey]:
    url = f"{portal}namespaces/1/sample-certificates/"
    data = {
        "csrfmiddlewaretoken": session.cookies["csrftoken"],
        **posted_rows("clients", [{"name": "press-1"}, {"name": "press-2"}]),
    }
    page = session.post(url, data=data, timeout=60).text
    packed = re.search(r"data:application/zip;base64,([A-Za-z0-9+/=]+)", page)
    assert packed
    keys: list[ec.EllipticCurvePrivateKey] = []
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(packed[1]))) as files:
        for name in files.namelist():
            if name.endswith(".key"):
                key = serialization.load_pem_private_key(files.read(name), None)
                assert isinstance(key, ec.EllipticCurvePrivateKey)
                keys.append(key)
        intermediate = files.read("intermediate_ca.crt")
    x509.load_pem_x509_certificate(intermediate)
    form = {"csrfmiddlewaretoken": session.cookies["csrftoken"], "name": "line-a"}
    session.post(f"{portal}namespaces/1/upload-certificate/", data=form, files={"file": intermediate}, timeout=60)
    until(lambda: "Succeeded" in session.get(f"{portal}namespaces/1/ca-certificates/", timeout=60).text, "it is synced")
    return keys


def test_no_key_is_found_in_database_logs_broker_store_or_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    with running_demo(tmp_path / "state") as demo:
        endpoints = demo.wait_ready()
        with signed_in(endpoints, "dana") as session:
            for name, data in key_files():
                bring_everywhere(session, endpoints["portal"], name, data)
            made = make_samples(session, endpoints["portal"])
        output = demo.output.encode()
    traces = KeyTraces()
    watch_brought_keys(traces)
    for key in made:
        traces.add(key, anywhere=True)
    folders = [tmp_path / "state", temporary]
    assert list(folders[0].rglob("*.sqlite3"))
    assert list(folders[0].rglob("*.log"))
    assert traces.files_with_keys(folders) == []
    assert not traces.found_in(output, as_brought=True)
    (temporary / "left behind").write_bytes(b"one that is there is found: " + dict(key_files())["RSA: OpenSSH"])
    assert [path.name for path in traces.files_with_keys(folders)] == ["left behind"]
    (temporary / "left behind").unlink()
