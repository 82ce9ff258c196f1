"""Expiry dates as a page and as a calendar feed, whose secret address works only as long as the user's role."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone
from icalendar import Calendar

from certificates.models import ExpiryFeed
from certificates.samples.chain import ClientName, SampleChain, make_sample_chain
from certificates.x509.reading import load_certificate
from namespaces.connections.client_certificates import Showing, remember
from namespaces.models import Namespace, NamespaceRole
from portal.models import Activity, User
from portal.templatetags.portal import time_left, validity
from tests.support.database.factories import (
    PASSWORD,
    make_admin,
    make_ca_certificate,
    make_client,
    make_namespace,
    make_user,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def chain() -> SampleChain:
    return make_sample_chain([ClientName("press-1"), ClientName("gone")], at=timezone.now())


@pytest.fixture
def namespace(chain: SampleChain) -> Namespace:
    namespace = make_namespace(reader=make_user("rita"))
    make_ca_certificate(namespace, "line-a", der=chain.intermediate.certificate_der)
    make_client(namespace, "press-1")
    for leaf, name in zip(chain.clients, ("press-1", "gone"), strict=True):
        certificate = load_certificate(leaf.certificate_der)
        remember(namespace.pk, [Showing(name, (certificate,), timezone.now(), has_connected=True)])
    return namespace


@pytest.fixture
def rita(client: Browser, namespace: Namespace) -> Browser:
    client.login(username="rita", password=PASSWORD)
    return client


def make_address(browser: Browser, namespace: Namespace) -> str:
    answer = browser.post(reverse("certificates:expiry_feed_make", args=[namespace.pk]))
    found = re.search(r'<code id="feed-address">http://testserver([^<]+)</code>', answer.content.decode())
    assert found, answer.content.decode()
    return found[1]


def test_the_page_lists_cas_and_certificates_of_registered_clients(
    rita: Browser, namespace: Namespace, chain: SampleChain
) -> None:
    page = rita.get(reverse("certificates:expiries", args=[namespace.pk])).content.decode()
    assert "line-a" in page
    assert "press-1" in page
    assert "CN=gone" not in page, "a client that is no longer registered expires for nobody"
    soon = rita.get(reverse("certificates:expiries", args=[namespace.pk]), {"within": "30"}).content.decode()
    assert 'data-empty="period"' in soon


def test_the_feed_needs_no_sign_in_and_has_each_expiry(rita: Browser, namespace: Namespace) -> None:
    answer = Browser().get(make_address(rita, namespace))
    assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
    events = Calendar.from_ical(answer.content).walk("VEVENT")
    ca = namespace.ca_certificates.get()
    client = namespace.client_certificates.get(client_name="press-1")
    assert {str(event["uid"]).split("-")[0] for event in events} == {ca.thumbprint, client.thumbprint}
    for event, name in zip(sorted(events, key=lambda event: str(event["summary"])), ("line-a", "press-1"), strict=True):
        assert {name, "(factory)"} <= set(str(event["summary"]).split())
    assert ca.not_after is not None
    assert ca.not_after.date() in {event.decoded("dtstart") for event in events}
    assert ExpiryFeed.objects.get().read_at is not None


def test_the_secret_is_kept_as_a_hash_only(rita: Browser, namespace: Namespace) -> None:
    secret = make_address(rita, namespace).rsplit("/", 1)[1].removesuffix(".ics")
    feed = ExpiryFeed.objects.get()
    assert secret not in str(feed.__dict__)
    assert secret not in str(list(Activity.objects.values_list()))
    assert secret not in rita.get(reverse("certificates:expiries", args=[namespace.pk])).content.decode()


def test_replacing_or_revoking_an_address_disables_it(rita: Browser, namespace: Namespace) -> None:
    first, second = make_address(rita, namespace), make_address(rita, namespace)
    assert Browser().get(first).status_code == 404
    assert Browser().get(second).status_code == 200
    rita.post(reverse("certificates:expiry_feed_revoke", args=[namespace.pk]))
    assert Browser().get(second).status_code == 404


def test_the_feed_ends_with_the_role_and_with_the_account(rita: Browser, namespace: Namespace) -> None:
    address = make_address(rita, namespace)
    role = NamespaceRole.objects.get()
    role.delete()
    assert Browser().get(address).status_code == 404
    NamespaceRole.objects.create(namespace=namespace, user=role.user, role=role.role)
    assert Browser().get(address).status_code == 200
    User.objects.update(is_active=False)
    assert Browser().get(address).status_code == 404


def test_the_feed_ends_when_an_owner_removes_the_role(rita: Browser, namespace: Namespace) -> None:
    address = make_address(rita, namespace)
    owner = Browser()
    owner.force_login(make_admin())
    owner.post(reverse("namespaces:role_delete", args=[namespace.pk, NamespaceRole.objects.get().pk]))
    assert Browser().get(address).status_code == 404


def test_a_guessed_address_is_not_found(namespace: Namespace) -> None:
    assert Browser().get(reverse("certificates:expiry_feed", args=["guess"])).status_code == 404


def test_certificates_that_expired_long_ago_are_left_out(rita: Browser, namespace: Namespace) -> None:
    namespace.ca_certificates.update(not_after=timezone.now() - timedelta(days=31))
    assert "line-a" not in Browser().get(make_address(rita, namespace)).content.decode()
    namespace.ca_certificates.update(not_after=timezone.now() - timedelta(days=3))
    page = rita.get(reverse("certificates:expiries", args=[namespace.pk])).content.decode()
    assert f'data-thumbprint="{namespace.ca_certificates.get().thumbprint}"' in page
    assert time_left(timezone.now() - timedelta(days=3), timezone.now()).text in page


@pytest.mark.parametrize("last", [datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)])
def test_a_certificate_without_expiry_has_no_days_left(rita: Browser, namespace: Namespace, last: datetime) -> None:
    namespace.ca_certificates.update(not_after=last)
    assert "line-a" not in Browser().get(make_address(rita, namespace)).content.decode()
    shown = rita.get(reverse("certificates:ca_certificate_list", args=[namespace.pk]))
    assert b"data-no-expiry" in shown.content
    bar = validity(timezone.now() - timedelta(days=1), last)
    assert bar is not None
    assert (bar.percent, bar.kind, bar.text) == (100, "good", time_left(last).text)
    assert not re.search(r"\d", bar.text)


@pytest.mark.parametrize(
    ("begins", "lasts", "percent", "kind"),
    [
        (-10, 100, 90, "good"),
        (-346, 365, 5, "warning"),
        (-97, 100, 3, "bad"),
        (-999, 1000, 2, "bad"),
        (-30, 20, 0, "bad"),
    ],
)
def test_the_bar_shows_what_is_left_of_a_validity(begins: int, lasts: int, percent: int, kind: str) -> None:
    at = datetime(2026, 6, 1, 12, tzinfo=UTC)
    begin = at + timedelta(days=begins)
    bar = validity(begin, begin + timedelta(days=lasts), at)
    assert bar is not None
    assert (bar.percent, bar.kind) == (percent, kind)


@pytest.mark.parametrize(("days_left", "kind"), [(40, "good"), (20, "warning"), (3, "bad"), (-3, "bad")])
def test_a_ca_certificate_warns_on_its_page_before_it_expires(
    rita: Browser, namespace: Namespace, chain: SampleChain, days_left: int, kind: str
) -> None:
    fresh = load_certificate(chain.intermediate.certificate_der)
    made = timezone.now() - (fresh.not_after - fresh.not_before) + timedelta(days=days_left, hours=1)
    aged = make_sample_chain([ClientName("press-2")], at=made).intermediate.certificate_der
    make_ca_certificate(namespace, "line-b", der=aged)
    page = rita.get(reverse("certificates:ca_certificate_detail", args=[namespace.pk, "line-b"])).content.decode()
    assert f'data-validity="{kind}"' in page
    assert re.findall(r'data-code="(ca-\w+)"', page) == (
        ["ca-expired"] if days_left < 0 else ["ca-expires"] if kind != "good" else []
    )
