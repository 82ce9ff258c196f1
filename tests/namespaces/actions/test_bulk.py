"""Many clients at once: what it sends to Azure is said before, and then it is done."""

import re
from html import unescape
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from namespaces.actions import bulk
from namespaces.actions.clients import update_client
from namespaces.models import Client, Namespace
from portal.models import Activity, User
from sync.models import Lane
from sync.pages.overview import changes, in_words
from sync.push.queue import Queue
from tests.support.browser.browsing import signed_in
from tests.support.browser.editions import editions_of
from tests.support.browser.markup import on_one_line
from tests.support.database.factories import make_client, make_namespace
from tests.sync.arranging import beating

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true", "HX-Target": "pane"}


@pytest.fixture
def factory(ada: User) -> Namespace:
    beating()
    return make_namespace(contributor=ada)


@pytest.fixture
def browser(ada: User) -> Browser:
    return signed_in(ada)


def make_clients(namespace: Namespace, *names: str, **fields: Any) -> list[Client]:
    """Settled ones, as Azure has them."""
    rows = [make_client(namespace, name, **fields) for name in names]
    Client.objects.filter(pk__in=[row.pk for row in rows]).update(synced_generation=1, generation=1, base={"id": "x"})
    return rows


def url(namespace: Namespace) -> str:
    return reverse("namespaces:clients_change", args=[namespace.pk])


def ask(browser: Browser, namespace: Namespace, headers: dict[str, str] | None = None, **asked: Any) -> str:
    response = browser.get(url(namespace), asked, headers=headers or {})
    assert response.status_code == 200
    return unescape(response.content.decode())


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["without JavaScript", "with JavaScript"])
def test_before_many_are_disabled_the_page_says_how_many_and_how_long(
    browser: Browser, factory: Namespace, headers: dict[str, str]
) -> None:
    rows = make_clients(factory, "press-1", "press-2", "press-3")
    text = ask(browser, factory, headers, change="disable", client=[rows[0].pk, rows[2].pk])
    assert 'data-chosen="2"' in text
    assert "press-1, press-3." in text
    numbers = [re.findall(r"\b\d+\b", sentence) for sentence in re.findall(r"<p>([^<]*)</p>", text)]
    assert ["2", "1"] in numbers, "changes to Azure, seconds"
    assert ("<html" in text) is not bool(headers)
    assert not Client.objects.filter(state="Disabled").exists()


def test_thousands_are_told_in_minutes_at_azures_limits(browser: Browser, factory: Namespace) -> None:
    rows = [
        Client(
            namespace=factory,
            name=f"press-{number}",
            authentication_name=f"press-{number}",
            authentication_key=f"press-{number}",
            validation_scheme="SubjectMatchesAuthenticationName",
            synced_generation=1,
        )
        for number in range(1400)
    ]
    Client.objects.bulk_create(rows)
    text = ask(browser, factory, change="delete", which="all")
    assert "and 1,392 more." in text
    assert changes(1400) in text
    assert in_words(120) in text


def test_those_that_are_chosen_are_disabled_at_once_and_before_others(
    browser: Browser, ada: User, factory: Namespace
) -> None:
    rows = make_clients(factory, "press-1", "press-2", "press-3")
    asked = {"change": "disable", "client": [rows[0].pk, rows[1].pk], **editions_of(rows[:2])}
    assert browser.post(url(factory), asked).headers["Location"] == reverse("namespaces:client_list", args=[factory.pk])
    states = dict(Client.objects.values_list("name", "state"))
    assert states == {"press-1": "Disabled", "press-2": "Disabled", "press-3": "Enabled"}
    assert set(Client.objects.filter(state="Disabled").values_list("lane", "generation")) == {(Lane.URGENT_BULK, 2)}
    entries = Activity.objects.filter(verb="Update client", actor=ada, outcome="pending")
    assert {entry.after["state"] for entry in entries if entry.after} == {"Disabled"}
    assert entries.count() == 2


def test_one_that_is_disabled_alone_goes_before_many_and_they_before_other_changes(
    browser: Browser, ada: User, factory: Namespace
) -> None:
    many = make_clients(factory, "press-1", "press-2", "press-3")
    (edited, alone) = make_clients(factory, "edited", "alone")
    edited, alone = Client.objects.get(pk=edited.pk), Client.objects.get(pk=alone.pk)
    update_client(ada, client=edited, **{**editable(edited), "description": "new"})
    browser.post(url(factory), {"change": "disable", "client": [row.pk for row in many], **editions_of(many)})
    update_client(ada, client=alone, **{**editable(alone), "state": "Disabled"})
    order = [candidate.pk for candidate in Queue().take(5)]
    assert order == [alone.pk, *(row.pk for row in many), edited.pk]


def editable(row: Client) -> dict[str, Any]:
    names = ("validation_scheme", "thumbprints", "state", "description", "attributes")
    return {name: getattr(row, name) for name in names}


def test_enabling_many_gives_way_to_single_changes(browser: Browser, factory: Namespace) -> None:
    make_clients(factory, "press-1", "press-2", state="Disabled")
    make_clients(factory, "press-3")
    text = ask(browser, factory, change="enable", which="all")
    assert 'data-chosen="2" data-unchanged="1"' in text
    browser.post(
        url(factory), {"change": "enable", "which": "all", **editions_of(Client.objects.filter(state="Disabled"))}
    )
    assert not Client.objects.filter(state="Disabled").exists()
    assert set(Client.objects.unsettled().values_list("name", "lane")) == {
        ("press-1", Lane.BULK),
        ("press-2", Lane.BULK),
    }


def test_all_that_match_the_filter_are_deleted_and_no_others(browser: Browser, factory: Namespace) -> None:
    make_clients(factory, "press-1", "press-2", "roof-1")
    make_clients(make_namespace("other"), "press-9")
    text = ask(browser, factory, change="delete", which="all", q="press")
    assert 'name="q" value="press"' in text
    seen = editions_of(factory.clients.filter(name__startswith="press"))
    browser.post(url(factory), {"change": "delete", "which": "all", "q": "press", **seen})
    assert set(Client.objects.filter(deleted_at__isnull=False).values_list("name", flat=True)) == {"press-1", "press-2"}


def test_where_others_match_by_now_it_is_asked_again(browser: Browser, factory: Namespace) -> None:
    rows = make_clients(factory, "press-1", "press-2", "press-3")
    response = browser.post(url(factory), {"change": "delete", "which": "all", **editions_of(rows[:2])})
    assert 'data-chosen="3"' in response.content.decode()
    assert not Client.objects.filter(deleted_at__isnull=False).exists()


def test_below_the_question_the_page_is_that_of_the_clients_with_their_ticks(
    browser: Browser, factory: Namespace
) -> None:
    rows = make_clients(factory, "press-1", "press-2", "press-3")
    text = ask(browser, factory, change="disable", which="chosen", client=[rows[0].pk, rows[2].pk])
    assert '<span class="page-name">| Clients</span>' in text
    assert re.findall(r'name="client" value="(\d+)" checked', on_one_line(text)) == [str(rows[0].pk), str(rows[2].pk)]
    every = ask(browser, factory, change="disable", which="all")
    assert '<option value="all" selected>' in every


@pytest.mark.parametrize(
    "asked",
    [
        {"change": "disable"},
        {"change": "disable", "client": ["x", "-1", "9" * 40, "²"]},
        {"change": "explode", "which": "all"},
        {"which": "all"},
        {"change": "enable", "which": "all"},
    ],
)
def test_where_nothing_is_chosen_nothing_happens(browser: Browser, factory: Namespace, asked: dict[str, Any]) -> None:
    make_clients(factory, "press-1")
    for send in (browser.get, browser.post):
        assert send(url(factory), asked).status_code == 302
    assert not Client.objects.unsettled().exists()


def test_a_client_of_another_namespace_is_never_touched(browser: Browser, factory: Namespace) -> None:
    (strange,) = make_clients(make_namespace("other"), "press-9")
    browser.post(url(factory), {"change": "delete", "client": strange.pk, **editions_of([strange])})
    assert Client.objects.get().deleted_at is None


@pytest.mark.django_db(transaction=True)
def test_many_are_changed_in_transactions_that_leave_room_for_others(
    ada: User, factory: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "AT_ONCE", 2)
    rows = make_clients(factory, *(f"press-{number}" for number in range(5)))
    pks = [row.pk for row in rows]
    assert bulk.change_clients(ada, namespace=factory, change=bulk.CHANGES["disable"], pks=pks).done == 5
    assert bulk.change_clients(ada, namespace=factory, change=bulk.CHANGES["disable"], pks=pks).left == tuple(pks)
    assert Activity.objects.count() == 5


def test_the_list_offers_it_to_those_who_may(browser: Browser, factory: Namespace) -> None:
    (row,) = make_clients(factory, "press-1")
    text = browser.get(reverse("namespaces:client_list", args=[factory.pk])).content.decode()
    assert f'form="change-clients" name="client" value="{row.pk}"' in text
