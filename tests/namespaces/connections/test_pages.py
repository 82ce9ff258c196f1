"""Who connected, as the pages show it."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from certificates.authentication.engine import NamespaceState, authenticate
from certificates.authentication.types import ClientRecord
from certificates.samples.chain import ClientName, make_sample_chain
from certificates.x509.reading import to_pem
from namespaces.connections.attempts import protocol_label
from namespaces.models import ConnectionAttempt, Namespace
from tests.support.browser.markup import on_one_line
from tests.support.database.factories import PASSWORD, make_client, make_namespace, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def namespace(client: Browser, settings: Any) -> Namespace:
    settings.CONNECTION_LOG_GATEWAY = "sync.capabilities.connection_log.ArmConnectionLog"
    namespace = make_namespace(reader=make_user("rea"))
    client.login(username="rea", password=PASSWORD)
    return namespace


def make_attempt(namespace: Namespace, cursor: int = 1, **fields: Any) -> ConnectionAttempt:
    values = {
        "at": timezone.now(),
        "accepted": True,
        "client_name": "press-1",
        "protocol": "MQTT5",
        "record": {},
        **fields,
    }
    return ConnectionAttempt.objects.create(namespace=namespace, cursor=cursor, **values)


def list_of(browser: Browser, namespace: Namespace, **asked: str) -> str:
    return browser.get(reverse("namespaces:connection_list", args=[namespace.pk]), asked).content.decode()


@pytest.mark.parametrize("asked", [{"q": "nowhere"}, {"verdict": "refused"}])
def test_a_filter_without_hits_says_so_and_can_be_cleared(
    client: Browser, namespace: Namespace, asked: dict[str, str]
) -> None:
    make_attempt(namespace)
    page = list_of(client, namespace, **asked)
    assert 'data-empty="filtered"' in page
    assert f'href="{reverse("namespaces:connection_list", args=[namespace.pk])}"' in page
    assert 'data-empty="none"' not in page


def test_without_a_filter_an_empty_list_says_that_nobody_came(client: Browser, namespace: Namespace) -> None:
    for asked in ({}, {"verdict": "no verdict"}):
        page = list_of(client, namespace, **asked)
        assert 'data-empty="none"' in page
        assert 'data-empty="filtered"' not in page


@pytest.mark.parametrize(
    ("sent", "shown"),
    [("MQTT5", "MQTT 5"), ("MQTT3-WS", "MQTT 3.1.1 over WebSocket"), ("", ""), ("mqtt9", "mqtt9")],
)
def test_a_protocol_is_shown_in_the_words_of_the_other_pages(sent: str, shown: str) -> None:
    assert protocol_label(sent) == shown


def test_the_column_of_clients_holds_clients_and_says_of_user_names_that_they_are(
    client: Browser, namespace: Namespace
) -> None:
    make_attempt(namespace, 1, client_name="", user_name="stranger", accepted=False)
    make_attempt(namespace, 2, client_name="press-1", user_name="press-1")
    make_attempt(namespace, 3, client_name="press-2", user_name="")
    listed = on_one_line(list_of(client, namespace)).partition('<table class="grid stacked">')[2]
    cells = re.findall(r"<td>(.*?)</td><td>no certificate</td>", listed)
    names = [re.sub(r"<span class=\"second\".*", "", cell) for cell in cells]
    assert names == ["press-2", "press-1", '<span class="quiet">none</span>']
    assert [re.findall(r'data-user-name="([^"]*)"', cell) for cell in cells] == [[""], [], ["stranger"]]


def test_one_attempt_has_a_heading_of_its_own_and_its_facts_in_one_list(client: Browser, namespace: Namespace) -> None:
    attempt = make_attempt(namespace, 1, client_name="", user_name="stranger", accepted=False, protocol="MQTT3")
    page = client.get(reverse("namespaces:connection_detail", args=[namespace.pk, attempt.cursor])).content.decode()
    assert re.search(r"<h1>Connection attempt <span[^>]*>\| stranger</span></h1>", page)
    assert page.count('<dl class="facts">') == 1
    assert "MQTT 3.1.1" in page


def trace_of(browser: Browser, attempt: ConnectionAttempt) -> list[str]:
    """The codes of the steps that the page of an attempt shows."""
    url = reverse("namespaces:connection_detail", args=[attempt.namespace_id, attempt.cursor])
    return re.findall(r'data-step="([^"]*)"', browser.get(url).content.decode())


@pytest.mark.parametrize(
    "code", ["ip-forbidden", "authentication-method", "mosquitto-bridge", "connect-rate", "another"]
)
def test_a_refusal_beside_the_certificate_is_a_step_of_the_trace(
    client: Browser, namespace: Namespace, code: str
) -> None:
    record = {"code": code, "resultSignature": "ClientError", "decision": None}
    assert trace_of(client, make_attempt(namespace, accepted=False, record=record)) == [code]


def test_azures_word_alone_is_a_step_too(client: Browser, namespace: Namespace) -> None:
    record = {"resultSignature": "IpForbidden"}
    assert trace_of(client, make_attempt(namespace, accepted=False, record=record)) == ["IpForbidden"]
    assert trace_of(client, make_attempt(namespace, 2, accepted=True, record=record)) == []
    assert trace_of(client, make_attempt(namespace, 3, accepted=False, record={})) == []


@pytest.mark.parametrize("has_link", [False, True])
def test_the_fix_is_above_the_folded_details(client: Browser, has_link: bool) -> None:
    at = datetime(2026, 6, 1, 12, tzinfo=UTC)
    kim = make_user("kim")
    place = make_namespace("place", contributor=kim) if has_link else make_namespace("place", reader=kim)
    client.login(username="kim", password=PASSWORD)
    leaf = make_sample_chain([ClientName("press-1")], at=at).clients[0].certificate_der
    registered = ClientRecord("press-1", "press-1", "SubjectMatchesAuthenticationName", (), True)
    state = NamespaceState((), {"press-1": registered})
    decision = authenticate(presented=leaf, user_name="press-1", state=state, at=at)
    make_client(place, "press-1")
    attempt = make_attempt(
        place,
        accepted=False,
        code=decision.code,
        record={"decision": decision.as_dict(), "presentedChain": [to_pem(leaf)]},
    )
    page = client.get(reverse("namespaces:connection_detail", args=[place.pk, attempt.cursor])).content.decode()
    fix, facts, steps = (page.index(mark) for mark in (f'data-fix="{decision.code}"', "facts-folded", "steps-folded"))
    assert fix < facts < steps
    assert not re.search(r"<details[^>]* open", page[fix:])
    upload = reverse("certificates:ca_certificate_upload", args=[place.pk])
    assert (f'href="{upload}"' in page[fix:facts]) == has_link
    assert page.count('class="step-fix"') == 0, "the fix is not repeated"


def test_an_aborted_handshake_is_no_refusal_in_its_trace(client: Browser, namespace: Namespace) -> None:
    record = {"code": "tls-closed", "resultSignature": "TlsError", "decision": None}
    attempt = make_attempt(namespace, accepted=False, code="tls-closed", client_name="", record=record)
    page = client.get(reverse("namespaces:connection_detail", args=[namespace.pk, attempt.cursor])).content.decode()
    assert 'class="message info" data-code="aborted"' in page
    assert "data-step" not in page
