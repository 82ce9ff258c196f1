"""Drop any certificate: would it connect? The engine's verdict over all namespaces, as four ticks; nothing is stored."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from certificates.pages.certificate_check import KEPT_AS
from certificates.samples.chain import ClientName, SampleChain, make_sample_chain
from namespaces.models import Client, ClientCertificate, Namespace
from portal.models import Activity, Team, User
from tests.support.database.factories import make_ca_certificate, make_client, make_namespace, make_team, make_user

pytestmark = pytest.mark.django_db

PASSED, FAILED, UNKNOWN = "passed", "failed", ""


@pytest.fixture
def chain() -> SampleChain:
    return make_sample_chain([ClientName("press-1"), ClientName("press-2")], at=timezone.now())


@pytest.fixture
def namespace(chain: SampleChain) -> Namespace:
    """A namespace that lets press-1 in."""
    namespace = make_namespace("plant", contributor=make_user("ada"))
    make_ca_certificate(namespace, "line-a", der=chain.intermediate.certificate_der)
    make_client(namespace, "press-1")
    return namespace


def post(browser: Browser, pem: str, **headers: str) -> Any:
    file = SimpleUploadedFile("client.crt", pem.encode())
    return browser.post(reverse("home:certificate_check"), {"file": file}, headers=headers)


def check(browser: Browser, pem: str) -> Any:
    answer = post(browser, pem)
    assert answer.status_code == 200
    return answer.context["checked"]


def ticks(checked: Any) -> dict[str, str]:
    return {tick.label: tick.outcome for tick in checked.ticks}


def test_a_client_that_is_let_in_has_four_ticks(ada: Browser, namespace: Namespace, chain: SampleChain) -> None:
    checked = check(ada, chain.clients[0].certificate_pem)
    assert (checked.accepted, checked.namespace, checked.client) == (True, namespace, "press-1")
    assert ticks(checked) == dict.fromkeys(("Issuer", "Validity", "Name", "Enabled"), PASSED)


def test_a_whole_chain_is_checked_as_its_client(ada: Browser, namespace: Namespace, chain: SampleChain) -> None:
    pem = chain.intermediate.certificate_pem + chain.clients[0].certificate_pem
    assert check(ada, pem).client == "press-1"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"state": "Disabled"}, {"Validity": PASSED, "Enabled": FAILED, "Issuer": UNKNOWN}),
        ({"validation_scheme": "UriMatchesAuthenticationName"}, {"Issuer": PASSED, "Name": FAILED, "Enabled": PASSED}),
        ({"authentication_name": "other", "authentication_key": "other"}, {"Name": FAILED, "Enabled": UNKNOWN}),
    ],
    ids=["disabled", "another scheme", "no such client"],
)
def test_the_tick_of_what_fails_is_a_cross(
    ada: Browser, namespace: Namespace, chain: SampleChain, change: dict[str, str], expected: dict[str, str]
) -> None:
    Client.objects.update(**change)
    checked = check(ada, chain.clients[0].certificate_pem)
    assert checked.accepted is False
    assert expected.items() <= ticks(checked).items()


def test_an_untrusted_issuer_is_found_although_name_and_state_are_right(ada: Browser, namespace: Namespace) -> None:
    stranger = make_sample_chain([ClientName("press-1")], at=timezone.now()).clients[0]
    found = ticks(check(ada, stranger.certificate_pem))
    assert found == {"Issuer": FAILED, "Validity": PASSED, "Name": UNKNOWN, "Enabled": PASSED}


def test_the_namespace_where_it_comes_furthest_is_named(ada: Browser, namespace: Namespace, chain: SampleChain) -> None:
    user = User.objects.get(username="ada")
    make_namespace("another", contributor=user)
    second = make_namespace("zone", contributor=user)
    make_ca_certificate(second, "line-a", der=chain.intermediate.certificate_der)
    make_client(second, "press-1")
    checked = check(ada, chain.clients[0].certificate_pem)
    assert checked.namespace == namespace
    assert [each.name for each in checked.others] == ["zone"]
    Client.objects.filter(namespace=namespace).update(state="Disabled")
    assert check(ada, chain.clients[0].certificate_pem).namespace == second


def test_a_client_by_thumbprint_needs_no_issuer(ada: Browser, namespace: Namespace) -> None:
    own = make_sample_chain([ClientName("press-9")], at=timezone.now()).clients[0]
    make_client(namespace, "by-hand", validation_scheme="ThumbprintMatch", thumbprints=[own.thumbprint])
    checked = check(ada, own.certificate_pem)
    assert (checked.accepted, checked.client) == (True, "by-hand")


def test_an_address_is_found_in_another_notation(ada: Browser, namespace: Namespace) -> None:
    scheme = "IpMatchesAuthenticationName"
    chain = make_sample_chain([ClientName("2001:db8::1", scheme)], at=timezone.now())
    make_ca_certificate(namespace, "line-b", der=chain.intermediate.certificate_der)
    make_client(namespace, "by-address", authentication_name="2001:0DB8:0:0::1", validation_scheme=scheme)
    checked = check(ada, chain.clients[0].certificate_pem)
    assert (checked.accepted, checked.client) == (True, "by-address")


def test_a_ca_certificate_is_trusted_or_not(ada: Browser, namespace: Namespace, chain: SampleChain) -> None:
    trusted = check(ada, chain.intermediate.certificate_pem)
    assert (trusted.is_ca, trusted.accepted, trusted.trusted_as, trusted.namespace) == (True, True, "line-a", namespace)
    unknown = check(ada, chain.root.certificate_pem)
    assert (unknown.is_ca, unknown.accepted, unknown.namespace) == (True, False, None)


def test_a_private_key_is_refused_and_nothing_comes_back(
    ada: Browser, namespace: Namespace, chain: SampleChain
) -> None:
    key = chain.clients[0].key_pem.decode()
    for answer in (
        post(ada, key),
        ada.post(reverse("home:certificate_check"), {"pem": key}),
        post(ada, chain.clients[0].certificate_pem + key),
    ):
        assert answer.status_code == 422
        codes = {each.code for found in answer.context["form"].errors.as_data().values() for each in found}
        assert "private-key" in codes
        assert key.splitlines()[1].encode() not in answer.content
    assert KEPT_AS not in ada.session


@pytest.mark.parametrize("text", ["", "hello", "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate_is_refused_at_the_field(ada: Browser, namespace: Namespace, text: str) -> None:
    answer = post(ada, text, **{"HX-Request": "true"})
    assert answer.status_code == 422
    assert answer["HX-Retarget"] == "#check-form"
    assert "file" in answer.context["form"].errors


def test_nothing_is_stored_but_the_ticks_in_the_session(ada: Browser, namespace: Namespace, chain: SampleChain) -> None:
    before = Activity.objects.count()
    for _ in range(5):
        check(ada, chain.clients[0].certificate_pem)
    assert (Activity.objects.count(), ClientCertificate.objects.count()) == (before, 0)
    kept = ada.session[KEPT_AS]
    assert len(kept) == 3
    assert set(kept[0]) == {"subject", "is_ca", "accepted", "ticks", "namespace"}
    assert len(ada.get(reverse("home:home")).context["last"]) == 3


def test_last_results_about_a_namespace_that_is_no_longer_seen_are_not_shown(
    ada: Browser, namespace: Namespace, chain: SampleChain
) -> None:
    check(ada, chain.clients[0].certificate_pem)
    namespace.roles.all().delete()
    assert ada.get(reverse("home:certificate_check")).context["last"] == []


def test_many_namespaces_cost_no_more_questions_than_one(
    ada: Browser, namespace: Namespace, chain: SampleChain
) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as asked:
            check(ada, chain.clients[0].certificate_pem)
        return len(asked)

    count()
    before = count()
    for number in range(5):
        more = make_namespace(f"more-{number}", contributor=User.objects.get(username="ada"))
        make_ca_certificate(more, "line-a", der=chain.intermediate.certificate_der)
        make_client(more, "press-1")
    assert count() == before


def test_what_another_team_hides_is_not_found(ada: Browser, namespace: Namespace, chain: SampleChain) -> None:
    Client.objects.update(team=make_team("Line 2", make_user("bob")))
    namespace.ca_certificates.update(team=Team.objects.get(name="Line 2"))
    Namespace.objects.update(hides_other_teams=True)
    answer = post(ada, chain.clients[0].certificate_pem)
    assert ticks(answer.context["checked"])["Name"] == FAILED
    assert b"line-a" not in answer.content
    assert check(ada, chain.intermediate.certificate_pem).accepted is False


def test_someone_without_a_namespace_gets_no_verdict(chain: SampleChain) -> None:
    make_user("eve")
    browser = Browser()
    browser.force_login(User.objects.get(username="eve"))
    checked = check(browser, chain.clients[0].certificate_pem)
    assert (checked.namespace, set(ticks(checked).values())) == (None, {UNKNOWN})
