"""Sample certificates: valid and deliberately faulty ones with their expected results; none are stored."""

import base64
import io
import re
import zipfile
from html import unescape

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from certificates.actions.sample_registration import CA, CLIENT
from certificates.authentication.engine import authenticate
from certificates.pages.authentication_trace import namespace_state
from certificates.pages.presented_chain import PresentedChain
from certificates.samples.chain import MAX_CLIENTS, SAMPLE_FAULTS, TEACHING_NAMES, ClientName, make_sample_chain
from certificates.samples.names import FAULTS_BY_CODE, SUBJECT
from certificates.x509.reading import read_upload
from namespaces.models import Namespace, NamespaceRole, Role
from tests.support.browser.form_rows import posted_rows
from tests.support.database.factories import PASSWORD, make_ca_certificate, make_client, make_namespace, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def namespace() -> Namespace:
    return make_namespace(reader=make_user("rita"))


TEACHING_ROWS = [
    {"name": name.authentication_name, "scheme": name.validation_scheme, "fault": name.fault} for name in TEACHING_NAMES
]


def typed() -> dict[str, str]:
    return posted_rows("clients", TEACHING_ROWS)


def test_one_click_adds_the_training_set(rita: Browser, namespace: Namespace) -> None:
    url = reverse("certificates:sample_certificates_draft", args=[namespace.pk])
    page = rita.post(url, {"teaching_set": "1"}).content.decode()
    for name in TEACHING_NAMES:
        assert f'value="{name.authentication_name}"' in page
    for fault in SAMPLE_FAULTS:
        assert f'<option value="{fault.code}" selected>' in page


def names_in(page: str) -> list[str]:
    """The names in the rows of the form, empty ones included."""
    inputs = re.findall(r'<input[^>]*name="clients-\d+-name"[^>]*>', page)
    return [found[1] if (found := re.search(r'value="([^"]*)"', each)) else "" for each in inputs]


def test_the_training_set_is_added_after_the_entered_rows_and_once(rita: Browser, namespace: Namespace) -> None:
    url = reverse("certificates:sample_certificates_draft", args=[namespace.pk])
    mine = [{"name": "press-1", "scheme": SUBJECT, "fault": "expired"}, {"name": "", "scheme": SUBJECT, "fault": ""}]
    page = rita.post(url, {**posted_rows("clients", mine), "teaching_set": "1"}).content.decode()
    whole = ["press-1", *(name.authentication_name for name in TEACHING_NAMES)]
    assert names_in(page) == whole
    assert re.search(r'value="press-1".*?value="expired" selected', page, re.DOTALL)
    again = posted_rows("clients", [mine[0], *TEACHING_ROWS])
    assert names_in(rita.post(url, {**again, "teaching_set": "1"}).content.decode()) == whole


def test_a_training_set_without_room_keeps_the_entered_rows(rita: Browser, namespace: Namespace) -> None:
    url = reverse("certificates:sample_certificates_draft", args=[namespace.pk])
    mine = [f"press-{number}" for number in range(MAX_CLIENTS - len(TEACHING_NAMES) + 1)]
    rows = posted_rows("clients", [{"name": name} for name in mine])
    page = rita.post(url, {**rows, "teaching_set": "1"}).content.decode()
    assert names_in(page) == mine
    assert 'data-code="too-many"' in page


def test_a_private_key_is_reported_when_a_row_is_added(rita: Browser, namespace: Namespace) -> None:
    url = reverse("certificates:sample_certificates_draft", args=[namespace.pk])
    key = make_sample_chain([ClientName("x")], at=timezone.now()).clients[0].key_pem.decode()
    page = rita.post(url, {**posted_rows("clients", [{"name": key}]), "add_client": "1"}).content.decode()
    assert 'data-code="private-key"' in page
    assert names_in(page) == ["", ""]


def test_every_sample_is_in_the_zip_with_its_expected_result(rita: Browser, namespace: Namespace) -> None:
    page = rita.post(reverse("certificates:sample_certificates", args=[namespace.pk]), typed()).content.decode()
    expected = re.findall(r'data-expected="([^"]+)"', page)
    assert expected == [name.fails_at or "accepted" for name in TEACHING_NAMES]
    assert expected.count("accepted") == 7  # the six schemes, and the name in different case
    packed = re.search(r"data:application/zip;base64,([A-Za-z0-9+/=]+)", page)
    assert packed
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(packed[1]))) as files:
        names = files.namelist()
        assert sum(name.endswith(".key") for name in names) == 2 + len(TEACHING_NAMES)
        assert read_upload(files.read("intermediate_ca.crt"))[0].is_ca


@pytest.mark.parametrize(
    ("rows", "field", "code"),
    [
        ([{"name": "x" * 65}], "scheme", "cannot-be-issued"),
        ([{"name": "press-1"}, {"name": "ü"}], "scheme", "cannot-be-issued"),
        ([{"name": "a", "scheme": "Nothing"}], "scheme", "invalid_choice"),
        ([{"name": "a", "fault": "burnt"}], "fault", "invalid_choice"),
        ([{"name": " "}], "", "required"),
        ([], "", "required"),
        ([{"name": str(n)} for n in range(40)], "", "too-many"),
    ],
)
def test_a_row_that_cannot_be_issued_is_an_error(
    rita: Browser, namespace: Namespace, rows: list[dict[str, str]], field: str, code: str
) -> None:
    url = reverse("certificates:sample_certificates", args=[namespace.pk])
    answer = rita.post(url, posted_rows("clients", rows))
    assert answer.status_code == 422
    page = answer.content.decode()
    hook = f'id="id_clients-{len(rows) - 1}-{field}_error" data-code="{code}"' if field else f'data-code="{code}"'
    assert hook in page
    assert len(re.findall(r"data-(?:code|error)=", page)) == 1
    assert "data:application/zip" not in page


@pytest.fixture
def ada(client: Browser, namespace: Namespace) -> Browser:
    NamespaceRole.objects.create(namespace=namespace, role=Role.CONTRIBUTOR, user=make_user("ada"))
    client.login(username="ada", password=PASSWORD)
    return client


def hidden(page: str) -> dict[str, list[str]]:
    """Return the fields that the button submits."""
    form = page.split('id="sample-next"')[1].split("</form>")[0]
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form):
        found.setdefault(name, []).append(unescape(value))
    return found


@pytest.mark.parametrize("is_htmx", [True, False])
def test_one_click_registers_the_training_set(ada: Browser, namespace: Namespace, is_htmx: bool) -> None:
    page = ada.post(reverse("certificates:sample_certificates", args=[namespace.pk]), typed()).content.decode()
    packed = re.search(r"data:application/zip;base64,([A-Za-z0-9+/=]+)", page)
    assert packed
    sent = hidden(page)
    assert "PRIVATE KEY" not in str(sent)
    url = reverse("certificates:sample_certificates_register", args=[namespace.pk])
    answer = ada.post(url, sent, headers={"HX-Request": "true"} if is_htmx else {})
    assert answer.status_code == 200
    assert ("<html" in answer.content.decode()) is not is_htmx
    ca = namespace.ca_certificates.get()
    assert ca.name == "sample-intermediate"
    assert namespace.clients.count() == len(TEACHING_NAMES)
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(packed[1]))) as files:
        assert read_upload(files.read("intermediate_ca.crt"))[0].thumbprint_sha256 == ca.thumbprint
        of_clients = [each for each in files.namelist() if each.endswith(".crt") and not each.endswith("_ca.crt")]
        for file, name in zip(of_clients, TEACHING_NAMES, strict=True):
            presented = PresentedChain.read(files.read(file))
            decision = authenticate(
                presented=presented.ders[0],
                chain=presented.ders[1:],
                user_name=name.authentication_name,
                state=namespace_state(namespace),
                at=timezone.now(),
            )
            assert (decision.failing.code if decision.failing else "") == name.fails_at
    again = ada.post(url, sent).context["registrations"]
    assert {(each.kind, each.code) for each in again} == {(CA, "duplicate"), (CLIENT, "taken")}
    assert (namespace.ca_certificates.count(), namespace.clients.count()) == (1, len(TEACHING_NAMES))


def test_a_refused_client_does_not_stop_the_others(ada: Browser, namespace: Namespace) -> None:
    make_client(namespace, "press-1")
    make_ca_certificate(namespace, "sample-intermediate")
    intermediate = make_sample_chain([ClientName("press-1")], at=timezone.now()).intermediate
    sent = {
        "intermediate": intermediate.certificate_pem,
        "client_name": ["press-1", "press-2", "", "x@y", "." * 200],
        "client_scheme": ["ThumbprintMatch", SUBJECT, SUBJECT, "Nothing", SUBJECT],
        "client_thumbprint": ["zz", "", "", "", ""],
    }
    answer = ada.post(reverse("certificates:sample_certificates_register", args=[namespace.pk]), sent)
    assert set(namespace.clients.values_list("name", flat=True)) == {"press-1", "press-2"}
    assert namespace.ca_certificates.filter(name="sample-intermediate-2").exists()
    created = [(each.kind, each.name) for each in answer.context["registrations"] if not each.code]
    assert created == [(CA, "sample-intermediate-2"), (CLIENT, "press-2")]
    assert answer.content.decode().count("<dt>Client ") == 4
    url = reverse("certificates:sample_certificates_register", args=[namespace.pk])
    for wrong in ("", "hello", intermediate.key_pem.decode()):
        answer = ada.post(url, {"intermediate": wrong, "client_name": intermediate.key_pem.decode()})
        assert all(each.code for each in answer.context["registrations"])
        assert intermediate.key_pem.decode().splitlines()[1] not in answer.content.decode()


def test_links_beside_the_keys_open_in_a_new_tab(ada: Browser, namespace: Namespace) -> None:
    page = ada.post(reverse("certificates:sample_certificates", args=[namespace.pk]), typed()).content.decode()
    made = page.split('id="sample-chain"')[1].split("</section>")[0]
    leading = [tag for tag in re.findall(r"<(?:a|form)\b[^>]*>", made) if "download=" not in tag]
    assert len(leading) == 3
    assert all('target="_blank"' in tag for tag in leading)


def test_a_name_in_different_case_is_accepted(rita: Browser, namespace: Namespace) -> None:
    page = rita.post(reverse("certificates:sample_certificates", args=[namespace.pk]), typed()).content.decode()
    assert page.count('data-expected="accepted"') == 7
    assert FAULTS_BY_CODE["wrong-case"].explanation in unescape(page)
    assert "Accepted.<" not in page  # an expected result without more to say is the status alone
    assert 'id="sample-next"' not in page  # a reader registers nothing
