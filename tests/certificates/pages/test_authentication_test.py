"""Test authentication: the page asks the same engine as the endpoint, keeps nothing, and leads to the form that helps."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from certificates.authentication.engine import authenticate
from certificates.pages.authentication_test import NO_END, differing, namespace_state
from certificates.pages.presented_chain import Presented
from certificates.samples.chain import ClientName, SampleChain, make_sample_chain
from certificates.x509.reading import read_upload, to_azure_pem, to_pem
from namespaces.connections.log_import import ConnectionIntake
from namespaces.models import Client, ConnectionAttempt, Namespace
from tests.certificates.uploads import SENSOR
from tests.support.chains import authority, self_signed
from tests.support.factories import make_ca_certificate, make_client, make_namespace, make_user

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


PKCS7 = "-----BEGIN PKCS7-----\nMAA=\n-----END PKCS7-----\n"
BRING_IT = "Bring the client's own certificate, as a .pem, .cer or .crt file."


@pytest.mark.parametrize(
    ("brought", "next_step"),
    [
        (b"hello", BRING_IT),
        (b"PK\x03\x04", BRING_IT),
        (PKCS7.encode(), "Then bring the client's certificate."),
        (SENSOR.pem * 51, "Bring only the client's certificate with its chain."),
    ],
    ids=["no certificate", "zip", "pkcs7", "too many"],
)
def test_what_is_no_clients_certificate_is_answered_with_what_to_bring_here(
    ada: Browser, namespace: Namespace, brought: bytes, next_step: str
) -> None:
    """The advice of Upload certificate would send people for the CA's, which is the other page's."""
    for name, field in (
        ("certificates:test_authentication", "file"),
        ("namespaces:client_create_draft", "certificate"),
    ):
        file = SimpleUploadedFile("client.crt", brought)
        page = unescape(ada.post(reverse(name, args=[namespace.pk]), {field: file}).content.decode())
        assert next_step in page
        assert "ring the CA certificate" not in page


def test_a_refused_client_is_told_the_step_the_answer_it_gets_and_the_form_that_helps(
    ada: Browser, namespace: Namespace, chain: SampleChain
) -> None:
    Client.objects.update(state="Disabled")
    page = try_it(ada, namespace, chain)
    assert "The client press-1 is disabled." in page
    assert "<h3>Client not enabled<" in page
    assert "<h3>Client found<" in page
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
    assert ("Accepted." in page) is (at == "")  # at both other times the CA certificate is not valid


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


def test_what_was_tested_is_remembered_as_its_clients_and_nobody_elses(
    ada: Browser, namespace: Namespace, chain: SampleChain
) -> None:
    """Somebody who tests the wrong file for a client gets no reminder of its end, and no client below that CA."""
    wrong = SimpleUploadedFile("ca.crt", chain.intermediate.certificate_pem.encode())
    url = reverse("certificates:test_authentication", args=[namespace.pk])
    assert ada.post(url, {"file": wrong, "user_name": "press-1"}).status_code == 200
    try_it(ada, namespace, chain, number="1")
    assert not namespace.client_certificates.exists()
    namespace.ca_certificates.all().delete()  # refused, and its own all the same
    assert "Issuer not found" in try_it(ada, namespace, chain)
    (shown,) = namespace.client_certificates.all()
    assert (shown.client_name, shown.thumbprint) == ("press-1", chain.clients[0].thumbprint)


@pytest.mark.parametrize("is_uploaded", [False, True])
def test_a_self_signed_certificate_makes_a_thumbprint_client(
    ada: Browser, namespace: Namespace, is_uploaded: bool
) -> None:
    alone = self_signed("press-9", at=timezone.now())
    if is_uploaded:
        make_ca_certificate(namespace, "mine", der=alone.der)
    url = reverse("certificates:test_authentication", args=[namespace.pk])
    page = ada.post(url, {"pem": alone.pem.decode(), "user_name": "press-9"}).content.decode()
    assert f"validation_scheme=ThumbprintMatch&amp;name=press-9&amp;thumbprints={alone.thumbprint}" in page
    file = SimpleUploadedFile("press-9.crt", alone.pem)
    draft = ada.post(reverse("namespaces:client_create_draft", args=[namespace.pk]), {"certificate": file})
    assert '<option value="ThumbprintMatch" selected>' in draft.content.decode()


@pytest.mark.parametrize("user_name", ["s" * 129, " press-1 ", "press\n1"])
def test_no_client_is_made_with_a_name_that_should_not_be_sent(
    ada: Browser, namespace: Namespace, chain: SampleChain, user_name: str
) -> None:
    assert "Create client" not in try_it(ada, namespace, chain, user_name=user_name)


def test_the_clients_certificate_is_found_in_whatever_order_the_file_has() -> None:
    odd = make_sample_chain([ClientName("press-1", fault="leaf-as-ca")], at=timezone.now()).clients[0]
    line = authority("Line 2 CA").issue("Cell CA", ca=True)
    sensor = line.issue("press-1")
    for der, *others in ([c.der for c in read_upload(odd.certificate_pem.encode())], [sensor.der, line.der]):
        for order in ([der, *others], [*others, der]):
            found = Presented.read("".join(map(to_pem, order)).encode())
            assert found.ders[0] == der
            assert set(found.ders) == {der, *others}


def test_of_two_that_could_be_the_clients_the_first_is_taken_as_tls_programs_do() -> None:
    root = authority("Plant Root CA")
    sensor, stray = authority("Line 2 CA").issue("press-1"), root.issue("press-2")
    found = Presented.read("".join(to_pem(each.der) for each in (sensor, root, stray)).encode())
    assert found.ders[0] == sensor.der


def keep_attempt(namespace: Namespace, *presented: bytes, sent: bool = True) -> None:
    """A refused attempt as the connection log brings it in."""
    now = timezone.now()
    decision = authenticate(
        presented=presented[0] if presented else None,
        chain=presented[1:],
        user_name="press-1",
        state=namespace_state(namespace),
        at=now,
    )
    record = {
        "cursor": 7,
        "time": now.isoformat(),
        "resultType": "Failed",
        "userName": "press-1",
        "presentedChain": [to_azure_pem(der) for der in presented],
        "decision": decision.as_dict(),
    }
    if not sent:
        record |= {"presentedChain": [], "decision": None}
    ConnectionIntake().take(namespace.pk, [record], 7)


def test_an_attempt_without_a_certificate_is_offered_and_shown_then_and_now(ada: Browser, namespace: Namespace) -> None:
    keep_attempt(namespace)
    url = reverse("certificates:test_authentication", args=[namespace.pk])
    assert f'href="{url}?attempt=7"' in ada.get(url).content.decode()
    page = ada.get(url, {"attempt": 7}).content.decode()
    assert page.count("The client presented no certificate.</p>") == 3  # the verdict, its step now, and the step then
    assert "Then" in page
    assert "Create client" not in page


def test_an_attempt_with_an_unreadable_certificate_is_not_judged_by_its_issuer(
    ada: Browser, namespace: Namespace
) -> None:
    line = authority("Line 2 CA", at=timezone.now())
    odd = line.issue("press-1", serial=b"\x85")
    keep_attempt(namespace, odd.der, line.der)
    url = reverse("certificates:test_authentication", args=[namespace.pk])
    assert "attempt=7" in ada.get(url).content.decode()
    page = ada.get(url, {"attempt": 7}).content.decode()
    assert page.count("serial number is zero or negative, which RFC 5280 forbids.</p>") == 3


def test_an_attempt_of_which_nothing_is_told_asks_for_the_certificate(ada: Browser, namespace: Namespace) -> None:
    keep_attempt(namespace, sent=False)
    url = reverse("certificates:test_authentication", args=[namespace.pk])
    assert "attempt=7" not in ada.get(url).content.decode()
    assert "does not tell what was presented" in ada.get(url, {"attempt": 7}).content.decode()


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
    assert "<h3>Client not enabled<" in page
    assert "<h3>Client found<" in page
    assert "Connected as press-1." in page
    assert '<option value="3.1.1" selected>' in page
    again = try_it(ada, namespace, chain, attempt="7")
    assert "The client press-1 is disabled." in again
    other = try_it(ada, namespace, chain, attempt="7", number="1", user_name="press-2")  # is no longer this attempt
    assert "The client press-1 is disabled." not in other
    assert "Create client from this certificate" in re.sub(r"<svg.*?</svg>", "", other, flags=re.DOTALL)
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


def test_what_a_namespace_holds_is_read_without_what_the_decision_does_not_need(namespace: Namespace) -> None:
    Client.objects.update(thumbprints=["ab" * 32], base={"properties": {}})
    with CaptureQueriesContext(connection) as asked:
        state = namespace_state(namespace)
    (known,) = state.clients.values()
    assert (known.name, known.thumbprints, known.enabled) == ("press-1", ("ab" * 32,), True)
    assert not any('"namespaces_client"."base"' in query["sql"] for query in asked)


@pytest.mark.parametrize("is_htmx", [False, True])
@pytest.mark.parametrize(
    ("field", "sent", "says"),
    [
        ("id_file", {}, "Choose the client"),
        ("id_pem", {"pem": SENSOR.key_pem.decode()}, "That is a private key."),
        ("id_at", {"pem": SENSOR.pem.decode(), "at": "soon"}, "Write the moment as"),
    ],
)
def test_a_mistake_stands_by_its_field(
    ada: Browser, namespace: Namespace, is_htmx: bool, field: str, sent: dict[str, str], says: str
) -> None:
    url = reverse("certificates:test_authentication", args=[namespace.pk])
    answer = ada.post(url, sent, headers={"HX-Request": "true"} if is_htmx else {})
    page = answer.content.decode()
    assert answer.status_code == 422
    errors = page.split(f'id="{field}_error"')[1].split("</div>")[0]
    assert says in errors
    assert page.count(says) == 1
    field_input = page.split(f'id="{field}"')[0].rsplit("<", 1)[1] + page.split(f'id="{field}"')[1].split(">")[0]
    assert f"{field}_error" in field_input.split('aria-describedby="')[1].split('"')[0]
    assert 'aria-invalid="true"' in field_input
    if is_htmx:
        assert (answer["HX-Retarget"], answer["HX-Reswap"]) == ("#test-form", "outerHTML")
        assert '<div id="result" class="stack" aria-live="polite" hx-swap-oob="true"' in page
