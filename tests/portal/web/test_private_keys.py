"""No private key in any notation is stored, shown or sent back in an address, whichever field of whichever page it is put in."""

import html
import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import QueryDict
from django.test import Client as Browser
from django.urls import reverse

from namespaces.models import Client, Namespace
from portal.models import Activity
from portal.web.private_keys import PostWithoutKeys
from tests.certificates.uploads import LINE, SENSOR
from tests.certificates.x509.key_notations import CODE, ENCODED, ESCAPED, NOTATIONS, NUMBERS, OF_LANGUAGES, PEM_TEXTS
from tests.certificates.x509.written_keys import Written, keys
from tests.support.browser.form_rows import posted_rows
from tests.support.database.factories import PASSWORD, make_client, make_client_group, make_namespace, make_user

pytestmark = pytest.mark.django_db

GROUPS = {
    "PEM": PEM_TEXTS,
    "escaped": ESCAPED,
    "code": CODE,
    "languages": OF_LANGUAGES,
    "numbers": NUMBERS,
    "encoded": ENCODED,
}
A_FEW = ("PEM", "JSON object", "C array", "hex with colons", "base64 twice", "JSON Web Key")
P_256 = keys()[1]


@pytest.fixture
def namespace() -> Namespace:
    namespace = make_namespace(owner=make_user("ada"))
    make_client(namespace, "press-1")
    make_client_group(namespace, "presses")
    return namespace


@pytest.fixture
def ada(client: Browser, namespace: Namespace) -> Browser:
    client.login(username="ada", password=PASSWORD)
    return client


def shows(page: str, key: Written, text: str) -> bool:
    """Whether the page has the key, or the text that was sent, however it is escaped."""
    plain = html.unescape(page)
    return any(secret in plain for secret in key.secrets) or text in plain or quote(text) in plain


def fields_of_a_client(texts: list[str]) -> dict[str, Any]:
    names = ("name", "authentication_name", "description", "thumbprints")
    rows = [{"key": texts[0], "type": "string", "value": texts[1]}, {"key": "k", "type": "array", "value": texts[2]}]
    fixed = {"validation_scheme": "ThumbprintMatch", "state": "Enabled"}
    return dict(zip(names, texts, strict=True)) | fixed | posted_rows("attributes", rows)


@pytest.mark.parametrize("first", [0, *(pytest.param(first, marks=pytest.mark.long) for first in (1, 2, 3))])
@pytest.mark.parametrize("group", GROUPS)
def test_no_field_of_a_client_takes_a_key(ada: Browser, namespace: Namespace, group: str, first: int) -> None:
    """Every notation in every field, and each kind of key in each field: `first` is the kind in the first."""
    order = [*keys()[first:], *keys()[:first]]
    for name, notation in GROUPS[group].items():
        texts = [notation(key) for key in order]
        answer = ada.post(reverse("namespaces:client_create", args=[namespace.pk]), fields_of_a_client(texts))
        page = answer.content.decode()
        assert answer.status_code == 422, name
        assert page.count('data-code="private-key"') >= 4, name
        assert not any(shows(page, key, text) for key, text in zip(order, texts, strict=True)), name
    assert [client.name for client in Client.objects.all()] == ["press-1"]
    assert not Activity.objects.exists()


POSTED = [
    *[("namespaces:client_create", name) for name in ("name", "authentication_name", "description", "thumbprints", "team")],
    *[("namespaces:client_create_draft", name) for name in ("name", "description", "attributes-0-value")],
    *[("namespaces:client_group_create", name) for name in ("name", "description", "query")],
    *[("namespaces:client_group_create_draft", name) for name in ("query", "operand", "value")],
    *[("namespaces:topic_space_create", name) for name in ("name", "description", "templates-0-text")],
    *[("namespaces:permission_binding_create", name) for name in ("name", "description", "client_group_name")],
    *[("namespaces:role_add", name) for name in ("holder", "role")],
    *[("certificates:ca_certificate_upload", name) for name in ("name", "pem", "description")],
    *[("certificates:test_authentication", name) for name in ("pem", "user_name", "at")],
    *[("certificates:sample_certificates", name) for name in ("clients-0-name", "root_name")],
    ("portal:sign_in", "username"), ("portal:sign_in", "next"), ("portal:theme", "next"),
    ("portal:password_change", "old_password"), ("portal:notifications_seen", "until"),
]  # fmt: skip


@pytest.mark.parametrize("name", A_FEW)
def test_no_posted_field_comes_back(ada: Browser, namespace: Namespace, name: str) -> None:
    rows = {f"{set_name}-TOTAL_FORMS": "1" for set_name in ("attributes", "templates", "clients")}
    for at, (page, field) in enumerate(POSTED):
        key = keys()[at % 4]
        text = NOTATIONS[name](key)
        answer = ada.post(address_of(page, namespace), rows | {field: text})
        assert answer.status_code < 500, (page, field)
        assert not shows(answer.content.decode() + str(answer.headers), key, text), (page, field)
    recorded = str(list(Activity.objects.values()))  # such as refused sign-ins
    assert not any(shows(recorded, key, NOTATIONS[name](key)) for key in keys())
    assert Client.objects.count() == 1


# Each parameter that a page reads, and others.
ADDRESSES = [
    *[("portal:search", name) for name in ("q", "namespace", "whatever")],
    *[("namespaces:client_list", name) for name in ("q", "sort", "page", "team", "state")],
    *[("namespaces:client_create", name) for name in ("name", "authentication_name", "validation_scheme", "thumbprints")],
    *[("certificates:ca_certificate_check_name", name) for name in ("name", "description")],
    *[("namespaces:client_states", name) for name in ("row", "state")],
    *[("namespaces:clients_change", name) for name in ("q", "change")],
    *[("namespaces:client_group_create", name) for name in ("name", "query")],
    *[("namespaces:topic_space_create", name) for name in ("templates", "name")],
    *[("namespaces:permission_binding_create", name) for name in ("topic_space_name", "client_group_name")],
    *[("namespaces:permission_test", name) for name in ("topic", "client", "operation")],
    *[("namespaces:query_builder", name) for name in ("query", "operand", "operator", "value", "join", "answer")],
    *[("namespaces:connection_list", name) for name in ("q", "client", "result", "after")],
    *[("namespaces:namespace_activity", name) for name in ("q", "page")],
    *[("namespaces:role_list", name) for name in ("q",)], *[("namespaces:role_find", name) for name in ("holder",)],
    *[("namespaces:configuration_detail", name) for name in ("source",)],
    *[("certificates:expiries", name) for name in ("within",)], *[("certificates:test_authentication", name) for name in ("attempt",)],
    *[("portal:sign_in", name) for name in ("next",)], *[("portal:bell", name) for name in ("x",)],
    *[("sync:drift_list", name) for name in ("page", "ignored")], *[("sync:sync_overview", name) for name in ("code",)],
]  # fmt: skip


def address_of(page: str, namespace: Namespace) -> str:
    return reverse(page, args=[] if page.startswith("portal:") else [namespace.pk])


@pytest.mark.parametrize("is_signed_in", [True, False], ids=["signed in", "signed out"])
@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}], ids=["plain", "htmx"])
def test_no_address_with_a_key_is_answered(
    ada: Browser, namespace: Namespace, headers: dict[str, str], is_signed_in: bool
) -> None:
    if not is_signed_in:
        ada.logout()
    for at, (page, field) in enumerate(ADDRESSES):
        name, key = A_FEW[at % len(A_FEW)], keys()[at % 4]
        text = NOTATIONS[name](key)
        query = urlencode({"page": "1", field: text})
        answer = ada.get(f"{address_of(page, namespace)}?{query}", headers=headers)
        assert answer.status_code == 400, (page, field, name)
        assert not shows(answer.content.decode() + str(answer.headers), key, text), (page, field, name)
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "default-src" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("group", GROUPS)
def test_an_address_is_refused_with_a_key_in_any_notation(ada: Browser, group: str) -> None:
    for name, notation in GROUPS[group].items():
        text = notation(P_256)
        answer = ada.get(f"/search/?{urlencode({'q': text})}", headers={"HX-Request": "true"})  # a short page
        assert answer.status_code == 400, name
        assert not shows(answer.content.decode(), P_256, text), name


def test_a_key_in_lines_of_several_parameters_is_refused(ada: Browser) -> None:
    query = urlencode([("q", line) for line in P_256.pem.splitlines()])
    assert ada.get(f"/search/?{query}").status_code == 400


@pytest.mark.parametrize("name", A_FEW)
@pytest.mark.parametrize("before", ["/", "/namespaces/1/clients/", "/static/", "/nowhere/"])
@pytest.mark.parametrize("secure", [False, True])
def test_a_path_with_a_key_is_refused_and_leads_nowhere(
    ada: Browser, name: str, before: str, secure: bool, settings: Any
) -> None:
    settings.SECURE_SSL_REDIRECT = secure
    text = NOTATIONS[name](P_256)
    answer = ada.get(f"{before}{quote(text, safe='')}")
    assert answer.status_code in {400, 404, 301}
    assert not shows(answer.content.decode() + str(answer.headers), P_256, text)


def test_the_address_is_described_for_people_and_machines(ada: Browser) -> None:
    page = ada.get(f"/search/?q={quote(P_256.pem)}").content.decode()
    assert 'data-code="private-key"' in page


def test_headers_with_a_key_do_not_come_back(client: Browser, namespace: Namespace) -> None:
    here = f"http://testserver/namespaces/1/clients/?q={quote(P_256.pem, safe='')}"
    answer = client.get("/namespaces/", headers={"HX-Request": "true", "HX-Current-URL": here, "Referer": here})
    assert not shows(str(answer.headers) + answer.content.decode(), P_256, here)


def test_a_name_of_a_file_that_is_a_key_does_not_come_back(ada: Browser, namespace: Namespace) -> None:
    name = NOTATIONS["hex"](P_256)
    for page, field in (
        ("certificates:ca_certificate_upload", "file"),
        ("namespaces:client_create_draft", "certificate"),
    ):
        file = SimpleUploadedFile(f"{name}.pem", SENSOR.pem)
        answer = ada.post(reverse(page, args=[namespace.pk]), {field: file})
        assert not shows(answer.content.decode(), P_256, name)


def test_a_json_web_key_in_rows_of_attributes_is_refused(ada: Browser, namespace: Namespace) -> None:
    jwk = json.loads(NOTATIONS["JSON Web Key"](P_256))
    rows = [{"key": name, "type": "string", "value": value} for name, value in jwk.items()]
    data = {
        "name": "press-9",
        "authentication_name": "press-9",
        "validation_scheme": "SubjectMatchesAuthenticationName",
    }
    where = reverse("namespaces:client_create", args=[namespace.pk])
    answer = ada.post(where, data | {"state": "Enabled"} | posted_rows("attributes", rows))
    assert answer.status_code == 422
    assert jwk["d"] not in answer.content.decode()
    assert Client.objects.count() == 1


def test_a_certificate_in_a_description_is_stored_as_typed(ada: Browser, namespace: Namespace) -> None:
    data = {
        "name": "press-9",
        "authentication_name": "press-9",
        "validation_scheme": "SubjectMatchesAuthenticationName",
    }
    for at, text in enumerate([LINE.pem.decode()[:500], SENSOR.thumbprint, "vehicles/${client.authenticationName}/#"]):
        sent = data | {
            "name": f"press-9{at}",
            "authentication_name": f"press-9{at}",
            "state": "Enabled",
            "description": text,
        }
        answer = ada.post(reverse("namespaces:client_create", args=[namespace.pk]), sent)
        assert answer.status_code == 302
    assert Client.objects.filter(name__startswith="press-9").count() == 3


def test_posted_data_without_keys_stays_as_it_is() -> None:
    data = QueryDict("a=1&a=2&b=of+line+4")
    clean = PostWithoutKeys.of(data)
    assert dict(clean.lists()) == dict(data.lists())
    assert list(clean.fields_with_a_key) == []
