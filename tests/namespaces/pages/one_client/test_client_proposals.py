"""Create client, started from the client's certificate: what is proposed, what is warned of, and what stays."""

import re
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from certificates.samples.chain import ClientName, SampleCertificate, make_sample_chain
from certificates.x509.reading import load_certificate
from namespaces.forms.client_proposal import propose_for, warnings_of
from namespaces.models import Client, Namespace
from tests.support.browser.markup import on_one_line
from tests.support.database.factories import PASSWORD, make_ca_certificate, make_client, make_namespace, make_user

pytestmark = pytest.mark.django_db

WARNING = r'class="message warning" data-code="([^"]+)"'  # the code of each warning on a page


@pytest.fixture
def namespace(client: Browser) -> Namespace:
    namespace = make_namespace(contributor=make_user("ada"))
    client.login(username="ada", password=PASSWORD)
    return namespace


def sample(
    name: str = "press-1", fault: str = "", scheme: str = "SubjectMatchesAuthenticationName"
) -> SampleCertificate:
    return make_sample_chain([ClientName(name, scheme, fault)], at=timezone.now()).clients[0]


def propose(browser: Browser, namespace: Namespace, certificate: SampleCertificate, **typed: str) -> str:
    file = SimpleUploadedFile("from the <press>.crt", certificate.certificate_pem.encode())
    url = reverse("namespaces:client_create_draft", args=[namespace.pk])
    return browser.post(url, {**typed, "certificate": file}).content.decode()


def fields_of(page: str) -> dict[str, Any]:
    """What the form would send if Create was pressed now."""
    inputs = re.findall(r'<input[^>]*name="([\w-]+)"[^>]*value="([^"]*)"', page)
    fields: dict[str, Any] = {name: unescape(value) for name, value in inputs if name != "thumbprints"}
    fields["thumbprints"] = [value for name, value in inputs if name == "thumbprints"]
    (fields["validation_scheme"],) = re.findall(r'<option value="(\w+Name|ThumbprintMatch)" selected>', page)
    return {**fields, "state": "Enabled"}


def test_a_chain_in_any_order_proposes_its_clients_certificate(client: Browser, namespace: Namespace) -> None:
    chain = make_sample_chain([ClientName("press-1")], at=timezone.now())
    parts = [chain.root, chain.intermediate, chain.clients[0]]
    for order in (parts, parts[::-1], [parts[1], parts[2], parts[0]]):
        file = SimpleUploadedFile("chain.pem", "".join(part.certificate_pem for part in order).encode())
        url = reverse("namespaces:client_create_draft", args=[namespace.pk])
        fields = fields_of(client.post(url, {"certificate": file}).content.decode())
        assert (fields["authentication_name"], fields["thumbprints"][0]) == ("press-1", chain.clients[0].thumbprint)


def create(browser: Browser, namespace: Namespace, fields: dict[str, Any]) -> Any:
    return browser.post(reverse("namespaces:client_create", args=[namespace.pk]), fields)


def test_the_proposal_fills_in_names_scheme_and_thumbprint_and_shows_the_file(
    client: Browser, namespace: Namespace
) -> None:
    certificate = sample()
    page = propose(client, namespace, certificate)
    fields = fields_of(page)
    assert (fields["name"], fields["authentication_name"]) == ("press-1", "press-1")
    assert fields["thumbprints"] == [certificate.thumbprint, ""]
    assert "data-drop-name>from the &lt;press&gt;.crt<" in on_one_line(page)
    assert "data-typed" in page  # the authentication name that was read does not follow the client name


@pytest.mark.parametrize("name", ["sensor-5@plant.example", "PRESS-9"])
def test_a_client_name_that_would_not_do_is_not_proposed(client: Browser, namespace: Namespace, name: str) -> None:
    make_client(namespace, "press-9")
    fields = fields_of(propose(client, namespace, sample(name)))
    assert fields["authentication_name"] == name
    assert "name" not in fields


def test_a_client_name_that_was_typed_stays(client: Browser, namespace: Namespace) -> None:
    assert fields_of(propose(client, namespace, sample(), name="my-press"))["name"] == "my-press"


def test_what_is_proposed_can_be_created_as_it_stands_and_takes_no_thumbprint(
    client: Browser, namespace: Namespace
) -> None:
    fields = fields_of(propose(client, namespace, sample()))
    assert create(client, namespace, fields).status_code == 302
    made = Client.objects.get()
    assert (made.name, made.validation_scheme, made.thumbprints) == ("press-1", "SubjectMatchesAuthenticationName", [])


def test_switching_to_thumbprint_match_finds_the_thumbprint_filled_in(client: Browser, namespace: Namespace) -> None:
    certificate = sample()
    fields = fields_of(propose(client, namespace, certificate)) | {"validation_scheme": "ThumbprintMatch"}
    assert create(client, namespace, fields).status_code == 302
    assert Client.objects.get().thumbprints == [certificate.thumbprint]


def test_a_thumbprint_that_somebody_typed_still_does_not_go_with_another_scheme(
    client: Browser, namespace: Namespace
) -> None:
    fields = fields_of(propose(client, namespace, sample())) | {"thumbprints": ["ab" * 32]}
    answer = create(client, namespace, fields)
    assert answer.status_code == 422
    assert 'id="id_thumbprints_error" data-code="not-with-this-scheme"' in answer.content.decode()


@pytest.mark.parametrize(
    ("fault", "warned", "by_thumbprint"),
    [
        ("expired", "expired", True),
        ("not-yet-valid", "not-yet-valid", True),
        ("sha-1", "weak-hash", False),
        ("wrong-purpose", "wrong-purpose", False),
        ("", "", False),
    ],
)
def test_what_will_be_refused_is_warned_of(
    client: Browser, namespace: Namespace, fault: str, warned: str, by_thumbprint: bool
) -> None:
    expected = [warned] if warned else []
    assert re.findall(WARNING, propose(client, namespace, sample(fault=fault))) == expected
    proposal = propose_for(load_certificate(sample(fault=fault).certificate_der), uploaded={})
    warnings = warnings_of(replace(proposal, validation_scheme="ThumbprintMatch"), at=timezone.now())
    assert [warning.code for warning in warnings] == (expected if by_thumbprint else [])


def test_the_proposal_stays_when_the_form_comes_back_with_an_error_or_one_row_more(
    client: Browser, namespace: Namespace
) -> None:
    make_ca_certificate(namespace)
    make_client(namespace, "taken")
    fields = fields_of(propose(client, namespace, sample(fault="expired"))) | {"name": "taken"}
    draft = reverse("namespaces:client_create_draft", args=[namespace.pk])
    for page in (create(client, namespace, fields), client.post(draft, {**fields, "add_attribute": "1"})):
        text = page.content.decode()
        assert 'data-code="proposed"' in text
        assert re.findall(WARNING, text) == ["expired"]
        assert "from the &lt;press&gt;.crt<" in on_one_line(text)
        assert fields_of(text)["proposed_certificate"] == fields["proposed_certificate"]


@pytest.mark.parametrize("sent", ["x", "-----BEGIN CERTIFICATE-----", "A" * 300_000, "\x00\ud7ff"])
def test_a_certificate_that_cannot_be_read_when_it_comes_back_is_left_out(
    client: Browser, namespace: Namespace, sent: str
) -> None:
    answer = create(client, namespace, {"proposed_certificate": sent})
    assert answer.status_code == 422
    assert 'data-code="proposed"' not in answer.content.decode()
