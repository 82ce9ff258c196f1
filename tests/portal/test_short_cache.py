"""Numbers that every page shows are counted once in a moment, and at once for the user who has changed something."""

from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client as Browser
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from namespaces.models import Client, Namespace
from portal.models import User
from portal.registry import menu_for
from portal.web.own_changes import COOKIE, OwnChangesMiddleware
from sync.pages import backlog
from sync.pages.overview import queue_overview
from tests.support.browser.browsing import signed_in
from tests.support.database.factories import make_client, make_namespace, make_user

pytestmark = pytest.mark.django_db
COUNT_OF_CLIENTS = 'SELECT COUNT(*) AS "__count" FROM "namespaces_client"'


@pytest.fixture(autouse=True)
def _long(settings: Any) -> None:
    settings.SHORT_CACHE_SECONDS = 600  # a slow machine must not count again


@pytest.fixture
def place() -> Namespace:
    return make_namespace("factory", owner=make_user("ada"), contributor=make_user("bob"))


def clients_in_menu(browser: Browser, place: Namespace) -> str:
    """Return the count beside Clients in the menu of a page."""
    text = browser.get(reverse("namespaces:namespace_activity", args=[place.pk])).content.decode()
    return text.partition('id="menu-count-clients">')[2].partition("<")[0]


def create_client(browser: Browser, place: Namespace, name: str) -> None:
    form = {
        "name": name,
        "authentication_name": name,
        "validation_scheme": "SubjectMatchesAuthenticationName",
        "state": "Enabled",
    }
    answer = browser.post(reverse("namespaces:client_create", args=[place.pk]), form)
    assert answer.status_code == 302
    assert Client.objects.filter(namespace=place).named(name).exists()


def test_the_menu_is_counted_once_for_many_pages(place: Namespace) -> None:
    make_client(place)
    ada, bob = signed_in(User.objects.get(username="ada")), signed_in(User.objects.get(username="bob"))
    assert clients_in_menu(ada, place) == "1"
    make_client(place, "sensor-2")  # as an import or another process does
    with CaptureQueriesContext(connection) as asked:
        assert clients_in_menu(bob, place) == "1"
    assert not [query for query in asked.captured_queries if query["sql"].startswith(COUNT_OF_CLIENTS)]


@pytest.mark.django_db(transaction=True)
def test_ones_own_change_is_counted_at_once(place: Namespace) -> None:
    make_client(place)
    ada, bob = signed_in(User.objects.get(username="ada")), signed_in(User.objects.get(username="bob"))
    assert clients_in_menu(ada, place) == clients_in_menu(bob, place) == "1"
    create_client(ada, place, "sensor-2")
    make_client(place, "sensor-3")
    assert clients_in_menu(ada, place) == "3"
    assert clients_in_menu(bob, place) == "3"  # what one has counted serves the others


def test_the_mark_outlives_what_was_counted_before_the_change(settings: Any) -> None:
    settings.SHORT_CACHE_SECONDS = 2
    answer = OwnChangesMiddleware(lambda request: HttpResponse())(RequestFactory().post("/", secure=True))
    mark = answer.cookies[COOKIE]
    assert (mark["max-age"], mark["secure"], mark["httponly"], mark["samesite"]) == (4, True, True, "Lax")


def test_queue_figures_are_shared_by_pages_and_exact_elsewhere(place: Namespace) -> None:
    row = make_client(place, synced_generation=0)
    ada = signed_in(User.objects.get(username="ada"))
    page = reverse("sync:sync_overview", args=[place.pk])
    assert ada.get(page).context["queue"].waiting == 1
    Client.objects.filter(pk=row.pk).update(synced_generation=1)
    assert ada.get(page).context["queue"].waiting == 1
    assert queue_overview(place.pk, place.sight).waiting == 0  # a command, a worker, /metrics
    assert backlog.delays(place.sight) == ()
    ada.cookies[COOKIE] = "1"
    assert ada.get(page).context["queue"].waiting == 0


def test_nothing_is_kept_outside_of_a_request(place: Namespace) -> None:
    for number in range(3):
        counts = {entry.item.label: entry.count for _, entries in menu_for(place.pk, place.sight) for entry in entries}
        assert counts["Clients"] == number
        make_client(place, f"sensor-{number}")
