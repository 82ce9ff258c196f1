"""Bad input: a clear sentence by its field, a 4xx, nothing stored, the rest of the form kept, and no secret kept."""

import random
import re
import tempfile
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from certificates.models import CACertificate
from certificates.samples.chain import ClientName, make_sample_chain
from namespaces.models import Client, Namespace
from portal.models import Activity
from tests.support.browser.form_rows import posted_rows
from tests.support.database.factories import (
    PASSWORD,
    make_admin,
    make_ca_certificate,
    make_ca_der,
    make_client,
    make_namespace,
    make_user,
)

pytestmark = pytest.mark.django_db
KEY = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
THUMBPRINT = "ab" * 32


@pytest.fixture
def namespace() -> Namespace:
    namespace = make_namespace(contributor=make_user("ada"))
    make_client(namespace, "taken", authentication_name="Taken-Name")
    make_ca_certificate(namespace, "taken-ca")
    return namespace


@pytest.fixture(params=["plain", "htmx"])
def ada(request: pytest.FixtureRequest, client: Browser, namespace: Namespace) -> Browser:
    client.login(username="ada", password=PASSWORD)
    if request.param == "htmx":
        client.defaults["HTTP_HX_REQUEST"] = "true"
    return client


def error_of(page: str, field: str) -> str:
    """What is said by a field, found as a reader's machine finds it: through aria-describedby."""
    tags = re.findall(rf'<(?:input|select|textarea)[^>]*name="{field}"[^>]*>', page)
    ids = " ".join(" ".join(re.findall(r'aria-describedby="([^"]*)"', tag)) for tag in tags).split()
    said = [
        re.search(rf'id="{each}"[^>]*>(.*?)</(?:div|p)>\s*(?:</div>)?', page, re.DOTALL)
        for each in ids
        if "error" in each
    ]
    return unescape(" ".join(found[1] for found in said if found))


def post(browser: Browser, name: str, namespace: Namespace, data: dict[str, Any], *more: Any) -> tuple[int, str]:
    before = (Client.objects.count(), CACertificate.objects.count(), Activity.objects.count())
    answer = browser.post(reverse(name, args=[namespace.pk, *more]), data)
    assert (Client.objects.count(), CACertificate.objects.count(), Activity.objects.count()) == before
    return answer.status_code, answer.content.decode()


CLIENT = {
    "name": "press-1",
    "authentication_name": "press-1",
    "validation_scheme": "SubjectMatchesAuthenticationName",
    "state": "Enabled",
    "description": "of line <A>",
}


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("name", "", "Give the client a name."),
        ("name", "x" * 129, "129 characters; at most 128"),
        ("name", "press 1", "letters"),
        ("name", "pressé", "letters"),
        ("name", ".", "."),
        ("name", "..", "."),
        ("name", "TAKEN", "There is already a client “taken”"),
        ("name", "a\x00b", "Null characters are not allowed"),
        ("authentication_name", "x" * 129, "129 characters; at most 128"),
        ("authentication_name", "taken-NAME", "Client “taken” already has this authentication name"),
        ("validation_scheme", "Whatever", "Choose one of the six validation schemes."),
        ("validation_scheme", "", "required"),
        ("state", "Asleep", "The connection state is Enabled or Disabled."),
        ("description", "x" * 513, "at most 512"),
        ("team", "99", "Choose one of your teams."),
    ],
)
def test_a_client_is_refused_by_the_field_that_is_wrong(
    ada: Browser, namespace: Namespace, field: str, value: str, sentence: str
) -> None:
    status, page = post(ada, "namespaces:client_create", namespace, CLIENT | {field: value})
    assert status == 422
    assert sentence in error_of(page, field), page
    for other in set(CLIENT) - {field, "validation_scheme", "state"}:
        assert unescape(page).count(CLIENT[other]), f"{other} is lost"


@pytest.mark.parametrize(
    ("scheme", "thumbprints", "sentence"),
    [
        ("ThumbprintMatch", [], "thumbprint"),
        ("ThumbprintMatch", [THUMBPRINT, "cd" * 32, "ef" * 32], "at most 2 thumbprints"),
        ("ThumbprintMatch", ["xyz"], "has only the digits"),
        ("ThumbprintMatch", ["ab" * 20], "64"),
        ("DnsMatchesAuthenticationName", [THUMBPRINT], "Thumbprint Match"),
    ],
)
def test_thumbprints_are_refused_where_they_stand(
    ada: Browser, namespace: Namespace, scheme: str, thumbprints: list[str], sentence: str
) -> None:
    data = CLIENT | {"validation_scheme": scheme, "thumbprints": thumbprints}
    status, page = post(ada, "namespaces:client_create", namespace, data)
    assert status == 422
    assert sentence in error_of(page, "thumbprints"), page
    for typed in thumbprints[:2]:
        assert typed in page


@pytest.mark.parametrize(
    ("row", "wrong", "sentence"),
    [
        (("size", "integer", "big"), "value", "An integer has only digits"),
        (("size", "float", "1"), "type", "Choose String, Integer or Array of strings."),
        (("", "string", "x"), "key", "Give this attribute a key."),
        (("tags", "array", '["a", 1]'), "value", "An array may hold only strings."),
    ],
)
def test_an_attribute_is_refused_in_its_row(
    ada: Browser, namespace: Namespace, row: tuple[str, str, str], wrong: str, sentence: str
) -> None:
    key, kind, value = row
    data = CLIENT | posted_rows("attributes", [{"key": key, "type": kind, "value": value}])
    status, page = post(ada, "namespaces:client_create", namespace, data)
    assert status == 422
    assert sentence in error_of(page, f"attributes-0-{wrong}"), page
    assert f'value="{value}"' in unescape(page)


def test_attributes_of_4_kb_are_too_many(ada: Browser, namespace: Namespace) -> None:
    data = CLIENT | posted_rows("attributes", [{"key": "k", "type": "string", "value": "v" * 5000}])
    status, page = post(ada, "namespaces:client_create", namespace, data)
    assert status == 422
    assert "4" in page
    assert "KB" in page


@pytest.mark.parametrize("name", ["ab", "x" * 51, "a_b", "TAKEN-CA", "", "-.-", "naïve"])
def test_a_certificate_name_is_refused_by_its_field(ada: Browser, namespace: Namespace, name: str) -> None:
    file = SimpleUploadedFile("ca.crt", make_ca_der())
    data = {"name": name, "file": file, "description": "kept"}
    status, page = post(ada, "certificates:ca_certificate_upload", namespace, data)
    assert status == 422
    assert len(error_of(page, "name")) > 10
    assert 'value="kept"' in page
    assert "BEGIN CERTIFICATE" in page, "what was read of the file is lost"


LEAF = make_sample_chain([ClientName("press-1")], at=timezone.now())


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (random.Random(3000).randbytes(3000), "binary"),
        (b"<!doctype html><html><body>Sign in</body></html>", "html"),
        (LEAF.intermediate.certificate_pem.replace("M", "\x00", 1).encode(), "nul-byte"),
        (b"x" * (20 * 1024 * 1024), "too-large"),
        (LEAF.clients[0].certificate_pem.encode(), "leaf"),
        ((LEAF.root.certificate_pem + LEAF.intermediate.certificate_pem).encode(), "several-certificates"),
        (KEY.encode(), "private-key"),
    ],
    ids=["empty", "junk", "html", "nul", "20 MB", "leaf", "two", "key"],
)
def test_a_file_is_refused_with_its_code(ada: Browser, namespace: Namespace, data: bytes, code: str) -> None:
    sent = {"name": "line-a", "file": SimpleUploadedFile("ca.pem", data), "description": "kept"}
    status, page = post(ada, "certificates:ca_certificate_upload", namespace, sent)
    assert status in {413, 422}
    assert f'data-problem="{code}"' in page
    assert error_of(page, "file")
    assert 'value="line-a"' in page
    assert 'value="kept"' in page


def test_uploads_are_held_in_memory(
    ada: Browser, namespace: Namespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "no-such-folder"))  # a temporary file would raise
    for size in (10, 900_000, 20_000_000):
        file = SimpleUploadedFile("ca.pem", b"x" * size)
        status, _ = post(ada, "certificates:ca_certificate_upload", namespace, {"name": "line-a", "file": file})
        assert status in {413, 422}


@pytest.mark.parametrize(
    ("page", "field"),
    [
        ("namespaces:client_create", "name"),
        ("namespaces:client_create", "authentication_name"),
        ("namespaces:client_create", "description"),
        ("namespaces:client_create", "thumbprints"),
        ("namespaces:client_create", "attributes-0-key"),
        ("namespaces:client_create", "attributes-0-value"),
        ("certificates:ca_certificate_upload", "name"),
        ("certificates:ca_certificate_upload", "pem"),
        ("certificates:ca_certificate_upload", "description"),
        ("certificates:test_authentication", "pem"),
        ("certificates:test_authentication", "user_name"),
        ("certificates:sample_certificates", "clients-0-name"),
    ],
)
def test_a_private_key_in_any_field_is_refused_and_does_not_come_back(
    ada: Browser, namespace: Namespace, page: str, field: str, caplog: pytest.LogCaptureFixture
) -> None:
    status, text = post(ada, page, namespace, (CLIENT if "client" in page else {}) | {field: KEY})
    assert status == 422
    assert 'data-code="private-key"' in text
    secret = KEY.splitlines()[1]
    assert secret not in text
    assert secret not in caplog.text


def test_an_unknown_namespace_and_somebody_elses_are_not_found(ada: Browser, namespace: Namespace) -> None:
    other = make_namespace("elsewhere")
    for pk in (other.pk, 999_999_999, 10**18):
        for page in ("client_list", "client_create", "namespace_overview", "connection_list"):
            answer = ada.get(reverse(f"namespaces:{page}", args=[pk]))
            assert answer.status_code == 404
            assert 'data-code="not-found"' in answer.content.decode()


@pytest.mark.parametrize(
    ("resource_id", "sentence"),
    [
        ("", "paste its resource id"),
        ("hello", "resource id"),
        ("/subscriptions/x/resourceGroups/y/providers/Microsoft.EventGrid/topics/z", "is not an Event Grid namespace"),
        ("/" * 401, "400"),
    ],
)
def test_a_namespace_that_cannot_be_is_refused(
    client: Browser, namespace: Namespace, resource_id: str, sentence: str
) -> None:
    make_admin()
    client.login(username="admin", password=PASSWORD)
    answer = client.post(reverse("namespaces:namespace_connect"), {"resource_id": resource_id})
    assert answer.status_code == 422
    assert sentence in error_of(answer.content.decode(), "resource_id")
    assert Namespace.objects.count() == 1


def test_grids_take_any_search_text_and_page(ada: Browser, namespace: Namespace) -> None:
    for query in ("\x00", "%", "_", "'", "😀" * 300, "\\"):
        for page in ("namespaces:client_list", "certificates:ca_certificate_list", "namespaces:connection_list"):
            answer = ada.get(
                reverse(page, args=[namespace.pk]), {"q": query, "page": query, "sort": query, "team": query}
            )
            assert answer.status_code == 200
