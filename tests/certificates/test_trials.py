"""Test authentication: the page asks the same engine as the endpoint, keeps nothing, and leads to the form that helps."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from certificates.authentication import authenticate
from certificates.issuing import ClientName, SampleChain, make_sample_chain
from certificates.trials import NO_END, differing, namespace_state
from namespaces.models import Client, ConnectionAttempt, Namespace
from tests.chains import authority
from tests.factories import make_ca_certificate, make_client, make_namespace, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def chain() -> SampleChain:
    return make_sample_chain([ClientName("press-1"), ClientName("press-2")], at=timezone.now())


@pytest.fixture
def namespace(chain: SampleChain) -> Namespace:
    namespace = make_namespace(contributor=make_user("ada"), reader=make_user("rita"))
    make_ca_certificate(namespace, "line-a", der=chain.intermediate.certificate_der)
    make_client(namespace, "press-1")
    return namespace


@pytest.fixture
def ada(client: Browser, namespace: Namespace) -> Browser:
    client.login(username="ada", password="correct horse battery")
    return client


def try_it(browser: Browser, namespace: Namespace, chain: SampleChain, **more: str) -> str:
    number = more.pop("number", "0")
    file = SimpleUploadedFile("client.crt", chain.clients[int(number)].certificate_pem.encode())
    url = reverse("certificates:test_authentication", args=[namespace.pk])
    answer = browser.post(url, {"file": file, "user_name": "press-1", **more})
    assert answer.status_code == 200, answer.content.decode()
    return answer.content.decode()


def test_a_client_that_would_be_let_in_is_told_so_with_every_step(
    ada: Browser, namespace: Namespace, chain: SampleChain
) -> None:
    page = try_it(ada, namespace, chain)
    assert "Accepted." in page
    assert "Connected as press-1." in page
    assert "Chain verified to an uploaded CA" in page


def test_a_refused_client_is_told_the_step_the_answer_it_gets_and_the_form_that_helps(
    ada: Browser, namespace: Namespace, chain: SampleChain
) -> None:
    Client.objects.update(state="Disabled")
    page = try_it(ada, namespace, chain)
    assert "The client press-1 is disabled." in page
    assert "CONNACK 0x87" in page
    assert reverse("namespaces:client_update", args=[namespace.pk, "press-1"]) + "#id_state" in page
    assert "CONNACK 5" in try_it(ada, namespace, chain, protocol="3.1.1")


def test_the_moment_decides(ada: Browser, namespace: Namespace, chain: SampleChain) -> None:
    later = timezone.now() + timedelta(days=200)
    page = try_it(ada, namespace, chain, at=later.strftime("%Y-%m-%dT%H:%M"))
    assert "The certificate expired on" in page


@pytest.mark.parametrize("at", ["", "9999-12-31T23:59", "0001-01-01T00:00"])
def test_a_certificate_without_a_well_defined_end_is_tested_as_any_other(
    ada: Browser, namespace: Namespace, at: str
) -> None:
    """RFC 5280 lets a device's own certificate end with the last second that can be written."""
    line = authority("Line 2 CA", at=timezone.now())
    make_ca_certificate(namespace, "line-b", der=line.der)
    sensor = line.issue("press-1", not_after=NO_END)
    url = reverse("certificates:test_authentication", args=[namespace.pk])
    answer = ada.post(url, {"pem": sensor.pem.decode(), "user_name": "press-1", "at": at})
    assert answer.status_code == 200
    page = answer.content.decode()
    assert "the certificate has no end" in page
    assert "Accepted." in page or at


def test_an_unknown_client_can_be_created_from_what_was_presented(
    ada: Browser, namespace: Namespace, chain: SampleChain
) -> None:
    page = try_it(ada, namespace, chain, number="1", user_name="press-2")
    assert "No client has the authentication name press-2." in page
    url = page.split('href="' + reverse("namespaces:client_create", args=[namespace.pk]))[1].split('"')[0]
    query = parse_qs(urlsplit(url.replace("&amp;", "&")).query)
    assert query == {
        "name": ["press-2"],
        "authentication_name": ["press-2"],
        "validation_scheme": ["SubjectMatchesAuthenticationName"],
    }
    form = ada.get(reverse("namespaces:client_create", args=[namespace.pk]), query).content.decode()
    assert 'value="press-2"' in form
    assert '<option value="SubjectMatchesAuthenticationName" selected>' in form


def test_a_past_attempt_stands_beside_the_verdict_now(ada: Browser, namespace: Namespace, chain: SampleChain) -> None:
    Client.objects.update(state="Disabled")
    then = authenticate(
        presented=chain.clients[0].certificate_der,
        user_name="press-1",
        state=namespace_state(namespace),
        at=datetime.now(UTC),
    )
    ConnectionAttempt.objects.create(
        namespace=namespace,
        cursor=7,
        at=timezone.now(),
        accepted=False,
        code=then.code,
        reason=then.reason,
        user_name="press-1",
        protocol="MQTT3",
        thumbprint=chain.clients[0].thumbprint,
        record={"presentedChain": [chain.clients[0].certificate_pem], "decision": then.as_dict()},
    )
    Client.objects.update(state="Enabled")
    page = ada.get(reverse("certificates:test_authentication", args=[namespace.pk]), {"attempt": 7}).content.decode()
    assert "The client press-1 is disabled." in page
    assert "Connected as press-1." in page
    assert '<option value="3.1.1" selected>' in page
    missing = ada.get(reverse("certificates:test_authentication", args=[namespace.pk]), {"attempt": "8"})
    assert missing.status_code == 404


def test_a_private_key_is_refused_and_does_not_come_back(
    ada: Browser, namespace: Namespace, chain: SampleChain
) -> None:
    key = chain.clients[0].key_pem.decode()
    url = reverse("certificates:test_authentication", args=[namespace.pk])
    for sent in (
        {"pem": chain.clients[0].certificate_pem + key, "user_name": "press-1"},
        {"file": SimpleUploadedFile("a.pem", key.encode()), "user_name": "press-1"},
        {"pem": chain.clients[0].certificate_pem, "user_name": key},
    ):
        answer = ada.post(url, sent)
        assert answer.status_code == 422
        assert "private key" in answer.content.decode()
        assert key.splitlines()[1] not in answer.content.decode()


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        ({}, "Choose the client"),
        ({"pem": "hello"}, "certificate"),
        ({"pem": "", "at": "tomorrow"}, "year-month-day"),
        ({"pem": "", "protocol": "4"}, "Choose MQTT 5 or MQTT 3.1.1."),
        ({"pem": "", "user_name": "x" * 1001}, "at most 1000 characters"),
    ],
)
def test_bad_input_is_told_by_its_field(
    ada: Browser, namespace: Namespace, sent: dict[str, str], sentence: str
) -> None:
    answer = ada.post(reverse("certificates:test_authentication", args=[namespace.pk]), sent)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()


def test_a_reader_may_test_but_is_offered_no_change(client: Browser, namespace: Namespace, chain: SampleChain) -> None:
    client.login(username="rita", password="correct horse battery")
    page = try_it(client, namespace, chain, number="1", user_name="press-2")
    assert "Create client" not in page


def test_what_differs_is_marked_ignoring_case() -> None:
    assert differing("client1-authnID", "Client1-authn-id") == [("Client1-authn", False), ("-", True), ("id", False)]
    assert differing("a", "ß") == [("ß", False)]
