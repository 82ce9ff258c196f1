"""A namespace that judges certificates ahead of the clock: every page judges so, and says so."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import QueryDict
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from certificates.actions.ca_certificates import upload_ca_certificate
from certificates.notices.expiries import announce_expiries
from certificates.pages.ca_usage import impact_of
from certificates.pages.certificate_check import check_certificate
from certificates.pages.presented_chain import PresentedChain
from certificates.pages.replacement import replacement_of
from certificates.samples.chain import ClientName, SampleChain, make_sample_chain
from certificates.x509.certificate import load_certificate
from namespaces.connections.client_certificates import Showing, remember
from namespaces.models import Namespace
from namespaces.pages.overview.health import summarize_all
from namespaces.rules.errors import RuleError
from portal.models import Notice, User
from tests.support.browser.form_rows import posted_rows
from tests.support.database.factories import make_ca_certificate, make_client, make_namespace, make_user

pytestmark = pytest.mark.django_db

AHEAD = timedelta(days=250)  # sample certificates of clients are valid for 100 days, their CA for 200


@pytest.fixture
def chain() -> SampleChain:
    return make_sample_chain([ClientName("press-1")], at=timezone.now())


@pytest.fixture
def user() -> User:
    return make_user("ada")


def planted(name: str, user: User, chain: SampleChain) -> Namespace:
    namespace = make_namespace(name, contributor=user)
    make_ca_certificate(namespace, "line-a", der=chain.intermediate.certificate_der)
    make_client(namespace, "press-1")
    shown = (load_certificate(chain.clients[0].certificate_der),)
    remember(namespace.pk, [Showing("press-1", shown, timezone.now(), True)])
    return namespace


@pytest.fixture
def ordinary(user: User, chain: SampleChain) -> Namespace:
    return planted("ordinary", user, chain)


@pytest.fixture
def namespace(user: User, chain: SampleChain) -> Namespace:
    found = planted("moved", user, chain)
    Namespace.objects.filter(pk=found.pk).update(judged_ahead=AHEAD)
    found.refresh_from_db(fields=["judged_ahead"])
    return found


def page(browser: Browser, name: str, namespace: Namespace, *args: Any, **query: str) -> Any:
    return browser.get(reverse(name, args=[namespace.pk, *args]), query)


def both(ordinary: Namespace, namespace: Namespace, seen: Any) -> tuple[Any, Any]:
    return seen(ordinary), seen(namespace)


def test_health_and_needs(ada: Browser, ordinary: Namespace, namespace: Namespace) -> None:
    def found(each: Namespace) -> tuple[str, str]:
        context = page(ada, "namespaces:namespace_overview", each).context
        return context["summary"].health.code, context["attention"].first.code

    assert both(ordinary, namespace, found) == (("healthy", "not-known"), ("expired", "ca-expired"))
    summaries = summarize_all([ordinary, namespace], timezone.now())
    assert [each.health.code for each in summaries] == ["healthy", "expired"]
    assert [each.next_expiry is not None for each in summaries] == [True, True]


def test_home(ada: Browser, ordinary: Namespace, namespace: Namespace) -> None:
    answer = ada.get(reverse("home:home"))
    needs = {(each.namespace.name, each.need.code) for each in answer.context["needs"].shown}
    assert needs == {("moved", "ca-expired")}
    assert [row.expires_soon for row in answer.context["rows"]] == [True, False]
    assert answer.content.decode().count("data-judged-ahead") == 1


def test_what_expires_soon_is_counted_by_each_moment(ada: Browser, ordinary: Namespace, namespace: Namespace) -> None:
    Namespace.objects.filter(pk=namespace.pk).update(judged_ahead=timedelta(days=85))
    tiles = ada.get(reverse("home:home")).context["tiles"]
    assert (tiles.expiring_cas, tiles.expiring_clients) == (0, 1)
    Namespace.objects.filter(pk=namespace.pk).update(judged_ahead=timedelta(days=185))
    tiles = ada.get(reverse("home:home")).context["tiles"]
    assert (tiles.expiring_cas, tiles.expiring_clients) == (1, 0)


def test_lists_and_bars(ada: Browser, ordinary: Namespace, namespace: Namespace) -> None:
    def found(each: Namespace) -> tuple[bool, bool, bool]:
        cas = page(ada, "certificates:ca_certificate_list", each).content.decode()
        detail = page(ada, "certificates:ca_certificate_detail", each, "line-a").content.decode()
        clients = page(ada, "namespaces:client_list", each, expires="expired").content.decode()
        return 'class="validity bad' in cas, 'data-validity="bad"' in detail, 'data-row="press-1"' in clients

    assert both(ordinary, namespace, found) == ((False, False, False), (True, True, True))


def test_expiries(ada: Browser, ordinary: Namespace, namespace: Namespace) -> None:
    def found(each: Namespace) -> int:
        answer = page(ada, "certificates:expiries", each)
        return sum(row.not_after <= answer.context["now"] for row in answer.context["expiries"])

    assert both(ordinary, namespace, found) == (0, 2)


def test_authentication(ada: Browser, ordinary: Namespace, namespace: Namespace, chain: SampleChain) -> None:
    def found(each: Namespace) -> tuple[str, bool]:
        url = reverse("certificates:test_authentication", args=[each.pk])
        answer = ada.post(url, {"pem": chain.clients[0].certificate_pem, "user_name": "press-1"})
        return answer.context["test"].decision.code, "data-judged-at" in answer.content.decode()

    assert both(ordinary, namespace, found) == (("accepted", False), ("within-validity", True))


def test_the_doctor(ada: Browser, ordinary: Namespace, namespace: Namespace, chain: SampleChain) -> None:
    later = make_sample_chain([ClientName("press-2")], at=timezone.now(), label="Other").intermediate

    def found(each: Namespace) -> int:
        file = SimpleUploadedFile("ca.crt", later.certificate_pem.encode())
        url = reverse("certificates:ca_certificate_upload", args=[each.pk])
        answer = ada.post(url, {"file": file, "name": "other"})
        if answer.status_code == 422:
            assert answer.context["form"].upload_problem.code == "expired"
        return answer.status_code

    assert both(ordinary, namespace, found) == (302, 422)
    with pytest.raises(RuleError) as refused:
        upload_ca_certificate(
            User.objects.get(username="ada"),
            namespace=namespace,
            team=None,
            name="third",
            description="",
            certificate=load_certificate(later.certificate_der),
        )
    assert refused.value.code == "expired"


def test_certificates_dropped_on_home(namespace: Namespace, ordinary: Namespace, chain: SampleChain) -> None:
    leaf = PresentedChain((chain.clients[0].certificate_der,))
    for places, accepted in (([namespace], False), ([namespace, ordinary], True)):
        checked = check_certificate(places, leaf, at=timezone.now())
        assert checked is not None
        assert checked.accepted is accepted
    ca = PresentedChain((chain.intermediate.certificate_der,))
    found = [check_certificate([each], ca, at=timezone.now()) for each in (ordinary, namespace)]
    assert [each.accepted for each in found if each] == [True, False]


def test_a_ca_that_expires_by_then_is_no_replacement(namespace: Namespace, chain: SampleChain) -> None:
    old = namespace.ca_certificates.get()
    for label, ahead in (("By then", timedelta()), ("After then", AHEAD)):
        made = make_sample_chain([ClientName("x")], at=timezone.now(), label=label, ahead=ahead)
        make_ca_certificate(namespace, label.lower().replace(" ", "-"), der=made.intermediate.certificate_der)
    old.namespace = namespace
    assert [each.name for each in replacement_of(old, impact_of(old), QueryDict(), at=timezone.now()).choices] == [
        "after-then"
    ]


def test_samples_are_valid_at_both_moments(ada: Browser, namespace: Namespace) -> None:
    fields = posted_rows("clients", [{"name": "press-2", "scheme": "SubjectMatchesAuthenticationName", "fault": ""}])
    answer = ada.post(reverse("certificates:sample_certificates", args=[namespace.pk]), fields)
    leaf = load_certificate(answer.context["chain"].clients[0].certificate_der)
    now = timezone.now()
    assert leaf.not_before < now < namespace.judged_at(now) < leaf.not_after


def test_reminders_and_calendars_go_by_the_clock(ada: Browser, namespace: Namespace) -> None:
    announce_expiries(timezone.now())
    assert not Notice.objects.exists()
    made = ada.post(reverse("certificates:expiry_feed_make", args=[namespace.pk]))
    calendar = ada.get(made.context["address"]).content.decode()
    assert calendar.count("BEGIN:VEVENT") == 2
