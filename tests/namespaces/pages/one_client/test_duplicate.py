"""Create another client, and duplicate one: what they share is filled in, what identifies a client is not."""

import re
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from namespaces.models import Client, Namespace
from portal.models import User
from tests.support.browser.browsing import signed_in
from tests.support.database.factories import make_client, make_namespace, make_team

pytestmark = pytest.mark.django_db


@pytest.fixture
def place(ada: User) -> Namespace:
    return make_namespace(contributor=ada)


@pytest.fixture
def browser(ada: User) -> Browser:
    return signed_in(ada)


def form_like(browser: Browser, place: Namespace, name: str) -> Any:
    return browser.get(reverse("namespaces:client_create", args=[place.pk]), {"like": name})


def test_another_one_starts_from_the_client_before(browser: Browser, ada: User, place: Namespace) -> None:
    team = make_team("Line A", ada)
    make_team("Line B", ada)
    sent = {
        "name": "press-08",
        "authentication_name": "",
        "validation_scheme": "DnsMatchesAuthenticationName",
        "state": "Disabled",
        "description": "Hall 4",
        "team": team.pk,
        "another": "1",
        "attributes-TOTAL_FORMS": "1",
        "attributes-INITIAL_FORMS": "0",
        "attributes-0-key": "floor",
        "attributes-0-type": "integer",
        "attributes-0-value": "2",
    }
    answer = browser.post(reverse("namespaces:client_create", args=[place.pk]), sent)
    assert (answer.status_code, answer.headers["Location"]) == (
        302,
        f"{reverse('namespaces:client_create', args=[place.pk])}?like=press-08",
    )
    form = browser.get(answer.headers["Location"]).context["form"]
    shown = {name: form[name].value() for name in ("name", "authentication_name", "validation_scheme", "state", "team")}
    assert shown == {
        "name": "press-09",
        "authentication_name": None,
        "validation_scheme": "DnsMatchesAuthenticationName",
        "state": "Disabled",
        "team": team.pk,
    }
    page = browser.get(answer.headers["Location"]).content.decode()
    assert re.search(r'name="attributes-0-key"[^>]*value="floor"|value="floor"[^>]*name="attributes-0-key"', page)
    assert Client.objects.count() == 1


def test_thumbprints_are_not_duplicated_and_taken_names_not_proposed(browser: Browser, place: Namespace) -> None:
    make_client(place, "press-8", validation_scheme="ThumbprintMatch", thumbprints=["ab" * 32])
    make_client(place, "Press-9")
    page = form_like(browser, place, "press-8")
    assert "abab" not in page.content.decode()
    assert page.context["form"]["name"].value() == "press-10"
    make_client(place, "gateway")
    assert form_like(browser, place, "gateway").context["form"]["name"].value() == ""


def test_a_client_that_is_not_seen_is_not_duplicated(browser: Browser, place: Namespace) -> None:
    make_client(place, "zulu-1", team=make_team("Zulu"), description="secret")
    Namespace.objects.update(hides_other_teams=True)
    for name in ("zulu-1", "no-such-client", "\x00", "x" * 300):
        page = form_like(browser, place, name)
        assert page.status_code == 200
        assert "secret" not in page.content.decode()


def test_the_page_of_a_client_leads_to_its_duplicate(browser: Browser, place: Namespace) -> None:
    make_client(place, "press-1")
    page = browser.get(reverse("namespaces:client_detail", args=[place.pk, "press-1"])).content.decode()
    assert f"{reverse('namespaces:client_create', args=[place.pk])}?like=press-1" in page
