"""HEAD returns what GET returns, without its body, at every URL that GET serves."""

from typing import Any

import pytest
from django.http import HttpResponse, StreamingHttpResponse
from django.test import Client as Browser
from django.test import RequestFactory
from django.urls import reverse

from certificates.actions.calendar_feeds import create_calendar_feed
from lab.models import BrowserDevice
from namespaces.models import ClientImport, Namespace
from portal.models import Activity, User
from portal.serving.head_requests import HeadMiddleware
from tests.portal.access.place import arguments, place
from tests.portal.test_access_table import OTHER_KEYS, TABLE
from tests.support.database.factories import make_client

__all__ = ["place"]
pytestmark = pytest.mark.django_db
GET_URLS = sorted({name for name, (method, _) in TABLE.items() if method == "GET"} | OTHER_KEYS)
POST_URLS = sorted(name for name, (method, _) in TABLE.items() if method == "POST")
KEPT = ("Content-Type", "Location", "Cache-Control", "Content-Disposition", "Vary")


@pytest.fixture
def browser(place: Namespace) -> Browser:
    browser = Browser()
    admin = User.objects.get(username="admin")
    browser.force_login(admin)
    ClientImport.objects.update(user=admin)
    BrowserDevice.objects.update(owner=admin)
    return browser


def url_of(name: str, namespace: Namespace) -> str:
    if name == "certificates:expiry_feed":
        return reverse(name, args=[create_calendar_feed(User.objects.get(username="reader"), namespace=namespace)])
    return reverse(name, kwargs=arguments(name, namespace.pk))


@pytest.mark.parametrize("name", GET_URLS)
def test_head_returns_what_get_returns(browser: Browser, place: Namespace, name: str) -> None:
    url = url_of(name, place)
    expected: Any = browser.get(url)
    answer: Any = browser.head(url)
    assert answer.status_code == expected.status_code
    assert {each: answer.headers.get(each) for each in KEPT} == {each: expected.headers.get(each) for each in KEPT}
    assert b"".join(answer) == b""


@pytest.mark.parametrize("name", POST_URLS)
def test_head_changes_nothing_where_only_post_is_served(browser: Browser, place: Namespace, name: str) -> None:
    before = Activity.objects.count()
    answer = browser.head(reverse(name, kwargs=arguments(name, place.pk)))
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert Activity.objects.count() == before


@pytest.mark.parametrize("name", ["sync:sync_retry", "sync:sync_discard"])
def test_head_only_asks_where_post_changes(browser: Browser, place: Namespace, name: str) -> None:
    client = make_client(place, "rejected", generation=2, parked_code="InvalidRequest", parked_message="No.")
    assert browser.head(reverse(name, args=[place.pk])).status_code == 200
    client.refresh_from_db()
    assert client.parked_code == "InvalidRequest"
    assert not Activity.objects.filter(object_name="rejected").exists()


def test_the_length_of_a_page_is_kept() -> None:
    answer: Any = HeadMiddleware(lambda request: HttpResponse(b"seven!!"))(RequestFactory().head("/"))
    assert (answer.headers["Content-Length"], answer.content) == ("7", b"")


def test_a_stream_is_closed_unread() -> None:
    class Stream:
        closed = False

        def __iter__(self) -> "Stream":
            return self

        def __next__(self) -> bytes:
            raise AssertionError("the stream was read")

        def close(self) -> None:
            self.closed = True

    stream = Stream()
    answer = HeadMiddleware(lambda request: StreamingHttpResponse(stream))(RequestFactory().head("/"))
    assert b"".join(answer) == b""
    answer.close()
    assert stream.closed


def test_get_keeps_its_body() -> None:
    answer: Any = HeadMiddleware(lambda request: HttpResponse(b"seven!!"))(RequestFactory().get("/"))
    assert answer.content == b"seven!!"
