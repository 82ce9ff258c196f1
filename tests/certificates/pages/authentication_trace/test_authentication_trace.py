"""Test authentication: the same engine as the endpoint, nothing stored, and links to the forms that fix a failure."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography import x509
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from certificates.authentication.engine import authenticate
from certificates.authentication.types import STEP_TITLES
from certificates.pages.authentication_trace import differing, namespace_state
from certificates.pages.presented_chain import PresentedChain
from certificates.samples.chain import ClientName, SampleChain, make_sample_chain
from certificates.x509.certificate import DecodingError, load_certificate
from certificates.x509.reading import read_client_upload, read_upload, to_azure_pem, to_pem
from namespaces.connections.log_import import ConnectionIntake
from namespaces.models import Client, ConnectionAttempt, Namespace
from tests.certificates.uploads import SENSOR
from tests.support.certificates.chains import authority, self_signed
from tests.support.database.factories import make_ca_certificate, make_client, make_namespace, make_user

pytestmark = pytest.mark.django_db

ACCEPTED = 'data-verdict="accepted"'


def failed(code: str) -> str:
    return f'<li class="step failed" data-step="{code}">'


@pytest.fixture
def chain() -> SampleChain:
    return make_sample_chain([ClientName("press-1"), ClientName("press-2")], at=timezone.now())


@pytest.fixture
def namespace(chain: SampleChain) -> Namespace:
    namespace = make_namespace(contributor=make_user("ada"), reader=make_user("rita"))
    make_ca_certificate(namespace, "line-a", der=chain.intermediate.certificate_der)
    make_client(namespace, "press-1")
    return namespace


def codes_of(answer: Any) -> set[str]:
    errors = answer.context["form"].errors.as_data()
    return {error.code for found in errors.values() for error in found}


def try_it(browser: Browser, namespace: Namespace, chain: SampleChain, **more: str) -> str:
    number = more.pop("number", "0")
    file = SimpleUploadedFile("client.crt", chain.clients[int(number)].certificate_pem.encode())
    url = reverse("certificates:test_authentication", args=[namespace.pk])
    answer = browser.post(url, {"file": file, "user_name": "press-1", **more})
    assert answer.status_code == 200, answer.content.decode()
    return answer.content.decode()


def test_an_accepted_client_gets_every_step(ada: Browser, namespace: Namespace, chain: SampleChain) -> None:
    page = try_it(ada, namespace, chain)
    assert ACCEPTED in page
    assert "press-1" in page
    assert re.findall(r'data-step="([^"]+)"', page) == list(STEP_TITLES)


PKCS7 = "-----BEGIN PKCS7-----\nMAA=\n-----END PKCS7-----\n"


@pytest.mark.parametrize(
    ("uploaded", "code"),
    [
        (b"hello", "not-a-certificate"),
        (b"PK\x03\x04", "zip"),
        (PKCS7.encode(), "pkcs7"),
        (SENSOR.pem * 51, "too-many-certificates"),
    ],
    ids=["no certificate", "zip", "pkcs7", "too many"],
)
def test_the_advice_is_about_the_clients_certificate(
    ada: Browser, namespace: Namespace, uploaded: bytes, code: str
) -> None:
    """The advice of Upload certificate is about CA certificates, so it must not appear here."""
    for read, is_about_a_ca in ((read_upload, True), (read_client_upload, False)):
        with pytest.raises(DecodingError) as refusal:
            read(uploaded)
        assert ("CA certificate" in refusal.value.next_step) is is_about_a_ca
    for name, field in (
        ("certificates:test_authentication", "file"),
        ("namespaces:client_create_draft", "certificate"),
    ):
        file = SimpleUploadedFile("client.crt", uploaded)
        page = unescape(ada.post(reverse(name, args=[namespace.pk]), {field: file}).content.decode())
        assert refusal.value.code == code
        assert refusal.value.next_step in page


def test_a_refused_client_gets_the_step_the_connack_and_the_form(
    ada: Browser, namespace: Namespace, chain: SampleChain
) -> None:
    Client.objects.update(state="Disabled")
    page = try_it(ada, namespace, chain)
    assert 'data-verdict="client-enabled"' in page
    assert failed("client-enabled") in page
    assert 'step passed" data-step="client-found"' in page
    assert "CONNACK 0x87" in page
    assert reverse("namespaces:client_update", args=[namespace.pk, "press-1"]) + "#id_state" in page
    assert "CONNACK 5" in try_it(ada, namespace, chain, protocol="3.1.1")


def test_the_moment_decides(ada: Browser, namespace: Namespace, chain: SampleChain) -> None:
    later = timezone.now() + timedelta(days=200)
    page = try_it(ada, namespace, chain, at=later.strftime("%Y-%m-%dT%H:%M"))
    assert 'data-verdict="within-validity"' in page


@pytest.mark.parametrize("at", ["", "9999-12-31T23:59", "0001-01-01T00:00"])
def test_a_certificate_without_expiry_is_tested_as_any_other(ada: Browser, namespace: Namespace, at: str) -> None:
    """RFC 5280 lets a device certificate expire in the last second of the year 9999."""
    line = authority("Line 2 CA", at=timezone.now())
    make_ca_certificate(namespace, "line-b", der=line.der)
    sensor = line.issue("press-1", not_after=datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
    url = reverse("certificates:test_authentication", args=[namespace.pk])
    answer = ada.post(url, {"pem": sensor.pem.decode(), "user_name": "press-1", "at": at})
    assert answer.status_code == 200
    page = answer.content.decode()
    assert 'id="moment-end" data-no-expiry' in page
    assert (ACCEPTED in page) is (at == "")  # at both other times the CA certificate is not valid


def test_an_unknown_client_can_be_created_from_the_certificate(
    ada: Browser, namespace: Namespace, chain: SampleChain
) -> None:
    page = try_it(ada, namespace, chain, number="1", user_name="press-2")
    assert failed("client-found") in page
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


def test_a_tested_certificate_is_stored_for_its_own_client_only(
    ada: Browser, namespace: Namespace, chain: SampleChain
) -> None:
    """Testing the wrong file for a client adds no expiry and no client of that CA."""
    wrong = SimpleUploadedFile("ca.crt", chain.intermediate.certificate_pem.encode())
    url = reverse("certificates:test_authentication", args=[namespace.pk])
    assert ada.post(url, {"file": wrong, "user_name": "press-1"}).status_code == 200
    try_it(ada, namespace, chain, number="1")
    assert not namespace.client_certificates.exists()
    namespace.ca_certificates.all().delete()  # refused, and its own all the same
    assert failed("issuer-found") in try_it(ada, namespace, chain)
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
def test_no_client_is_offered_for_a_name_that_should_not_be_sent(
    ada: Browser, namespace: Namespace, chain: SampleChain, user_name: str
) -> None:
    page = try_it(ada, namespace, chain, user_name=user_name)
    assert reverse("namespaces:client_create", args=[namespace.pk]) not in page


def test_the_clients_certificate_is_found_in_any_order() -> None:
    odd = make_sample_chain([ClientName("press-1", fault="leaf-as-ca")], at=timezone.now()).clients[0]
    line = authority("Line 2 CA").issue("Cell CA", ca=True)
    sensor = line.issue("press-1")
    for der, *others in ([c.der for c in read_upload(odd.certificate_pem.encode())], [sensor.der, line.der]):
        for order in ([der, *others], [*others, der]):
            found = PresentedChain.read("".join(map(to_pem, order)).encode())
            assert found.ders[0] == der
            assert set(found.ders) == {der, *others}


def test_of_two_possible_client_certificates_the_first_counts() -> None:
    root = authority("Plant Root CA")
    sensor, stray = authority("Line 2 CA").issue("press-1"), root.issue("press-2")
    found = PresentedChain.read("".join(to_pem(each.der) for each in (sensor, root, stray)).encode())
    assert found.ders[0] == sensor.der


def keep_attempt(namespace: Namespace, *presented: bytes, sent: bool = True) -> None:
    """Import a refused attempt from the connection log."""
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


def test_an_attempt_without_certificate_is_offered_and_shown(ada: Browser, namespace: Namespace) -> None:
    keep_attempt(namespace)
    url = reverse("certificates:test_authentication", args=[namespace.pk])
    assert f'href="{url}?attempt=7"' in ada.get(url).content.decode()
    page = ada.get(url, {"attempt": 7}).content.decode()
    assert 'data-verdict="certificate-readable"' in page
    assert page.count(failed("certificate-readable")) == 2
    assert 'data-trace="then"' in page
    assert reverse("namespaces:client_create", args=[namespace.pk]) not in page


def test_an_unreadable_certificate_is_not_replaced_by_its_issuer(ada: Browser, namespace: Namespace) -> None:
    line = authority("Line 2 CA", at=timezone.now())
    cut_off = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.19"), b"\x30")  # basic constraints
    odd = line.issue("press-1", ca=None, extensions=[(cut_off, True)])
    keep_attempt(namespace, odd.der, line.der)
    url = reverse("certificates:test_authentication", args=[namespace.pk])
    assert "attempt=7" in ada.get(url).content.decode()
    page = ada.get(url, {"attempt": 7}).content.decode()
    with pytest.raises(DecodingError) as refusal:
        load_certificate(odd.der)
    assert refusal.value.code == "broken-certificate"
    assert unescape(page).count(f"{refusal.value.sentence}</p>") == 3  # the verdict, and its step then and now


def test_an_attempt_without_details_asks_for_the_certificate(ada: Browser, namespace: Namespace) -> None:
    keep_attempt(namespace, sent=False)
    url = reverse("certificates:test_authentication", args=[namespace.pk])
    assert "attempt=7" not in ada.get(url).content.decode()
    assert 'data-verdict="unknown"' in ada.get(url, {"attempt": 7}).content.decode()


def test_a_past_attempt_is_shown_beside_the_verdict_now(ada: Browser, namespace: Namespace, chain: SampleChain) -> None:
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
    then_part, now_part = page.split('data-trace="then"')[1].split('data-trace="now"')
    assert failed("client-enabled") in then_part
    assert 'step passed" data-step="client-found"' in then_part
    assert 'step passed" data-step="client-enabled"' in now_part
    assert ACCEPTED in page
    assert '<option value="3.1.1" selected>' in page
    again = try_it(ada, namespace, chain, attempt="7")
    assert failed("client-enabled") in again
    other = try_it(ada, namespace, chain, attempt="7", number="1", user_name="press-2")  # is no longer this attempt
    assert 'data-trace="then"' not in other
    assert failed("client-enabled") not in other
    assert reverse("namespaces:client_create", args=[namespace.pk]) in other
    missing = ada.get(reverse("certificates:test_authentication", args=[namespace.pk]), {"attempt": "8"})
    assert missing.status_code == 404


def test_a_private_key_is_refused_and_not_sent_back(ada: Browser, namespace: Namespace, chain: SampleChain) -> None:
    key = chain.clients[0].key_pem.decode()
    url = reverse("certificates:test_authentication", args=[namespace.pk])
    for sent in (
        {"pem": chain.clients[0].certificate_pem + key, "user_name": "press-1"},
        {"file": SimpleUploadedFile("a.pem", key.encode()), "user_name": "press-1"},
        {"pem": chain.clients[0].certificate_pem, "user_name": key},
    ):
        answer = ada.post(url, sent)
        assert answer.status_code == 422
        assert "private-key" in codes_of(answer)
        assert key.splitlines()[1] not in answer.content.decode()


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({}, "required"),
        ({"pem": "hello"}, "not-a-certificate"),
        ({"pem": "", "at": "tomorrow"}, "invalid"),
        ({"pem": "", "protocol": "4"}, "invalid_choice"),
        ({"pem": "", "user_name": "x" * 1001}, "max_length"),
    ],
)
def test_invalid_input_is_an_error(ada: Browser, namespace: Namespace, sent: dict[str, str], code: str) -> None:
    answer = ada.post(reverse("certificates:test_authentication", args=[namespace.pk]), sent)
    assert answer.status_code == 422
    assert code in codes_of(answer)


def test_a_reader_may_test_but_is_offered_no_change(client: Browser, namespace: Namespace, chain: SampleChain) -> None:
    client.login(username="rita", password="correct horse battery")
    page = try_it(client, namespace, chain, number="1", user_name="press-2")
    assert reverse("namespaces:client_create", args=[namespace.pk]) not in page


def test_what_differs_is_marked_ignoring_case() -> None:
    assert differing("client1-authnID", "Client1-authn-id") == [("Client1-authn", False), ("-", True), ("id", False)]
    assert differing("a", "ß") == [("ß", False)]


def test_only_the_needed_columns_of_clients_are_read(namespace: Namespace) -> None:
    Client.objects.update(thumbprints=["ab" * 32], base={"properties": {}})
    with CaptureQueriesContext(connection) as asked:
        state = namespace_state(namespace)
    (known,) = state.clients.values()
    assert (known.name, known.thumbprints, known.enabled) == ("press-1", ("ab" * 32,), True)
    assert not any('"namespaces_client"."base"' in query["sql"] for query in asked)


@pytest.mark.parametrize("is_htmx", [False, True])
@pytest.mark.parametrize(
    ("field", "sent", "code"),
    [
        ("id_file", {}, "required"),
        ("id_pem", {"pem": SENSOR.key_pem.decode()}, "private-key"),
        ("id_at", {"pem": SENSOR.pem.decode(), "at": "soon"}, "invalid"),
    ],
)
def test_an_error_is_shown_at_its_field(
    ada: Browser, namespace: Namespace, is_htmx: bool, field: str, sent: dict[str, str], code: str
) -> None:
    url = reverse("certificates:test_authentication", args=[namespace.pk])
    answer = ada.post(url, sent, headers={"HX-Request": "true"} if is_htmx else {})
    page = answer.content.decode()
    assert answer.status_code == 422
    (error,) = answer.context["form"].errors.as_data()[field.removeprefix("id_")]
    assert error.code == code
    (sentence,) = error.messages
    assert sentence in unescape(page.split(f'id="{field}_error"')[1].split("</div>")[0])
    assert unescape(page).count(sentence) == 1
    field_input = page.split(f'id="{field}"')[0].rsplit("<", 1)[1] + page.split(f'id="{field}"')[1].split(">")[0]
    assert f"{field}_error" in field_input.split('aria-describedby="')[1].split('"')[0]
    assert 'aria-invalid="true"' in field_input
    if is_htmx:
        assert (answer["HX-Retarget"], answer["HX-Reswap"]) == ("#test-form", "outerHTML")
        assert '<div id="result" class="stack" aria-live="polite" hx-swap-oob="true"' in page
