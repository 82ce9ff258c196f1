"""Entries say where they come from, and downloads and denied changes are entries too."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from certificates.actions.ca_certificates import upload_ca_certificate
from certificates.x509.reading import load_certificate
from namespaces.models import Namespace
from portal import activity
from portal.models import Activity, User
from portal.pages.bell import recent, unread_count
from portal.sign_in.records import record_failures
from tests.certificates.pages.test_sample_pages import typed
from tests.support.browser.browsing import signed_in
from tests.support.database.factories import make_ca_certificate, make_ca_der, make_client, make_namespace, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    return make_user("ada")


@pytest.fixture
def factory(ada: User) -> Namespace:
    return make_namespace("factory", owner=ada, reader=make_user("reader"))


def entry(kind: str) -> Activity:
    return Activity.objects.get(kind=kind)


def test_an_entry_has_address_and_id_of_its_request(ada: User) -> None:
    headers = {"X-Request-ID": "from-the-proxy-1", "X-Forwarded-For": "203.0.113.9"}
    url = reverse("portal:sign_out_everywhere")
    answer = signed_in(ada).post(url, headers=headers, REMOTE_ADDR="192.0.2.7")
    assert answer.status_code == 302
    made = entry(activity.SESSIONS)
    assert (made.address, made.request_id) == ("192.0.2.7", "from-the-proxy-1"), "no proxy is trusted"
    assert answer.headers["X-Request-ID"] == made.request_id


def test_an_address_behind_a_trusted_proxy_counts(ada: User, settings: Any) -> None:
    settings.TRUSTED_PROXIES = ["192.0.2.7"]
    headers = {"X-Forwarded-For": "198.51.100.1, 203.0.113.9"}
    signed_in(ada).post(reverse("portal:sign_out_everywhere"), headers=headers, REMOTE_ADDR="192.0.2.7")
    assert entry(activity.SESSIONS).address == "203.0.113.9"


def test_what_no_request_makes_has_neither(ada: User) -> None:
    made = activity.record(ada, verb="v", kind="k.k", object_pk=1, object_name="n", reason="because")
    assert (made.address, made.request_id, made.reason) == ("", "", "because")


@pytest.mark.parametrize(
    ("url_name", "file_name"),
    [
        ("namespaces:client_csv", "factory-clients.csv"),
        ("namespaces:activity_csv", "factory-activity.csv"),
        ("namespaces:connection_csv", "factory-connections.csv"),
    ],
)
def test_a_file_is_recorded_with_its_filter(factory: Namespace, url_name: str, file_name: str) -> None:
    browser = signed_in(User.objects.get(username="reader"))
    url = f"{reverse(url_name, args=[factory.pk])}?q=press"
    browser.head(url)
    assert not Activity.objects.filter(kind=activity.DOWNLOADS).exists()
    answer: Any = browser.get(url)
    b"".join(answer)
    made = entry(activity.DOWNLOADS)
    assert (made.actor_name, made.scope, made.scope_name, made.object_name) == (
        "reader",
        factory.pk,
        "factory",
        file_name,
    )
    assert made.after == {"page": url_name, "filter": "q=press"}
    assert made.request_id == answer.headers["X-Request-ID"]


def test_a_certificate_and_sample_keys_are_downloads(ada: User, factory: Namespace) -> None:
    certificate = make_ca_certificate(factory, "line-a")
    browser = signed_in(ada)
    browser.get(reverse("certificates:ca_certificate_pem", args=[factory.pk, certificate.name]))
    url = reverse("certificates:sample_certificates", args=[factory.pk])
    browser.get(url)
    browser.post(url, {})  # the form again, with an error
    browser.post(url, typed())
    names = Activity.objects.filter(kind=activity.DOWNLOADS).order_by("pk").values_list("object_name", flat=True)
    assert list(names) == ["line-a.pem", "sample-certificates.zip"]


def test_a_file_that_may_not_be_read_is_no_download(factory: Namespace) -> None:
    url = reverse("namespaces:client_csv", args=[factory.pk])
    assert signed_in(make_user("stranger")).get(url).status_code == 404
    assert Browser().get(url).status_code == 302
    assert not Activity.objects.exists()


def test_a_denied_change_is_recorded_once_a_minute(factory: Namespace) -> None:
    make_client(factory, "press-1")
    browser = signed_in(User.objects.get(username="reader"))
    url = reverse("namespaces:client_delete", args=[factory.pk, "press-1"])
    assert browser.get(url).status_code == 403
    assert not Activity.objects.exists(), "nothing was to be changed"
    for _ in range(3):
        assert browser.post(url, {"name": "press-1"}).status_code == 403
    browser.post(reverse("namespaces:client_delete", args=[factory.pk, "press-2"]), {"name": "press-2"})
    made = Activity.objects.get(kind=activity.DENIED, object_name="press-1")
    assert (made.actor_name, made.scope_name, made.object_name) == ("reader", "factory", "press-1")
    assert made.after == {"page": "namespaces:client_delete"}
    assert made.reason


def test_a_change_where_one_sees_nothing_is_recorded_there(factory: Namespace) -> None:
    stranger = make_user("stranger")
    browser = signed_in(stranger)
    for pk in (factory.pk, factory.pk + 1):
        url = reverse("namespaces:client_delete", args=[pk, "press-1"])
        assert browser.post(url, {"name": "press-1"}).status_code == 404
    made = entry(activity.DENIED)
    assert (made.actor, made.scope, made.scope_name) == (stranger, factory.pk, "factory")


def test_failed_sign_ins_have_the_address_they_came_from(ada: User) -> None:
    Browser().post(reverse("portal:sign_in"), {"username": "ada", "password": "wrong"}, REMOTE_ADDR="192.0.2.8")
    record_failures(timezone.now() + timedelta(minutes=3))
    made = entry(activity.SESSIONS)
    assert (made.verb, made.address, made.object_pk) == ("Failed sign-in", "192.0.2.8", ada.pk)


def test_certificates_are_named_by_their_thumbprint(ada: User, factory: Namespace) -> None:
    certificate = load_certificate(make_ca_der())
    named: dict[str, Any] = {"namespace": factory, "team": None, "name": "line-a", "description": ""}
    upload_ca_certificate(ada, certificate=certificate, **named)
    made = entry("certificates.cacertificate")
    assert (made.after or {})["thumbprint"] == certificate.thumbprint_sha256
    assert "CERTIFICATE" not in str(list(Activity.objects.values("before", "after")))


def test_neither_is_news_for_others(ada: User, factory: Namespace) -> None:
    reader = User.objects.get(username="reader")
    for kind in (activity.DOWNLOADS, activity.DENIED):
        activity.record(reader, verb="v", kind=kind, object_pk=None, object_name="n", scope=factory.pk)
    assert (unread_count(ada), recent(ada)) == (0, [])
