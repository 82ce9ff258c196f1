"""The notification of a change: in progress until Azure has answered, then its result."""

import html
import re
from typing import Any

import pytest
from django.db.models import F
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from namespaces.models import Client, Namespace, NamespaceConfiguration
from sync.models import editions
from tests.support.browser.form_rows import posted_rows
from tests.support.database.factories import PASSWORD, make_client, make_configuration, make_namespace, make_user

pytestmark = pytest.mark.django_db

POLL = re.compile(r'data-in-progress hx-get="([^"]+)"')


@pytest.fixture
def namespace(client: Browser) -> Namespace:
    namespace = make_namespace(contributor=make_user("ada"))
    client.login(username="ada", password=PASSWORD)
    return namespace


def address_in(answer: Any) -> str:
    found = POLL.search(answer.content.decode())
    return html.unescape(found[1]) if found else ""


def create(browser: Browser, namespace: Namespace) -> str:
    """Create a client, and return the address that the notification on the next page asks."""
    form = {"name": "press-1", "authentication_name": "press-1", "state": "Enabled", **posted_rows("attributes", [])}
    form["validation_scheme"] = "SubjectMatchesAuthenticationName"
    answer = browser.post(reverse("namespaces:client_create", args=[namespace.pk]), form, follow=True)
    assert answer.status_code == 200
    return address_in(answer)


def kind_of(answer: Any) -> str:
    found = re.search(r'class="message (\w+)"', answer.content.decode())
    assert found is not None
    return found[1]


def test_a_new_client_is_in_progress_until_azure_has_it(client: Browser, namespace: Namespace) -> None:
    address = create(client, namespace)
    assert address
    pending = client.get(address)
    assert kind_of(pending) == "info"
    assert "round=2" in address_in(pending)
    Client.objects.update(synced_generation=F("generation"))
    done = client.get(address)
    assert kind_of(done) == "good"
    assert not address_in(done)
    assert "press-1" in done.content.decode()


def test_it_becomes_the_rejection_with_a_link(client: Browser, namespace: Namespace) -> None:
    address = create(client, namespace)
    Client.objects.update(parked_code="AuthorizationFailed", parked_message="No.")
    answer = client.get(address)
    assert kind_of(answer) == "bad"
    assert not address_in(answer)
    assert reverse("namespaces:client_detail", args=[namespace.pk, "press-1"]) in answer.content.decode()


def test_a_deletion_is_done_once_the_row_is_not_there(client: Browser, namespace: Namespace) -> None:
    row = make_client(namespace, "press-1")
    url = reverse("namespaces:client_delete", args=[namespace.pk, row.name])
    answer = client.post(url, {"generation": row.edition, "pk": row.pk}, follow=True)
    address = address_in(answer)
    assert address, answer.content.decode()
    assert address_in(client.get(address))
    Client.objects.all().delete()
    done = client.get(address)
    assert kind_of(done) == "good"
    assert "press-1" in done.content.decode()


def test_a_row_of_another_namespace_is_as_one_that_does_not_exist(client: Browser, namespace: Namespace) -> None:
    elsewhere = make_client(make_namespace("elsewhere"), "secret-1", deleted_at=timezone.now())
    url = reverse("namespaces:client_states", args=[namespace.pk])
    there, nowhere = (client.get(f"{url}?notice={pk}&name=x") for pk in (elsewhere.pk, 10**6))
    assert there.content == nowhere.content
    assert "secret-1" not in there.content.decode()


@pytest.mark.parametrize("query", [{"notice": "x"}, {"notice": ""}, {"notice": "1", "change": "y", "round": "z"}])
def test_odd_addresses_are_answered(client: Browser, namespace: Namespace, query: dict[str, str]) -> None:
    answer = client.get(reverse("namespaces:client_states", args=[namespace.pk]), query)
    assert answer.status_code == 200
    assert not address_in(answer)


def test_a_retry_is_in_progress_until_azure_has_it(client: Browser, namespace: Namespace) -> None:
    row = make_client(namespace, "press-1")
    Client.objects.update(generation=2, synced_generation=1, parked_code="Conflict", parked_message="No.")
    answer = client.post(reverse("namespaces:client_retry", args=[namespace.pk, row.name]), follow=True)
    address = address_in(answer)
    assert address_in(client.get(address))
    Client.objects.update(synced_generation=F("generation"))
    assert kind_of(client.get(address)) == "good"


@pytest.fixture
def configuration(namespace: Namespace) -> NamespaceConfiguration:
    return make_configuration(namespace)


def save_configuration(browser: Browser, row: NamespaceConfiguration) -> str:
    url = reverse("namespaces:configuration_detail", args=[row.namespace_id])
    form = {"enabled": "on", "max_sessions": "2", "max_expiry_hours": "3", "generation": row.edition}
    answer = browser.post(url, form, follow=True)
    assert answer.redirect_chain, answer.context["form"].errors
    return address_in(answer)


def test_the_configuration_is_in_progress_until_azure_has_it(
    client: Browser, configuration: NamespaceConfiguration
) -> None:
    address = save_configuration(client, configuration)
    assert address_in(client.get(address))
    NamespaceConfiguration.objects.update(synced_generation=F("generation"))
    done = client.get(address)
    assert kind_of(done) == "good"
    assert not address_in(done)


def test_a_rejected_configuration_leads_to_its_page(client: Browser, configuration: NamespaceConfiguration) -> None:
    address = save_configuration(client, configuration)
    NamespaceConfiguration.objects.update(parked_code="AuthorizationFailed", parked_message="No.")
    answer = client.get(address)
    assert kind_of(answer) == "bad"
    page = reverse("namespaces:configuration_detail", args=[configuration.namespace_id])
    assert f'href="{page}"' in answer.content.decode()


def disable(browser: Browser, namespace: Namespace, count: int) -> str:
    """Disable this many new clients at once, and return the address that the notification asks."""
    rows = [make_client(namespace, f"press-{number}") for number in range(count)]
    url = reverse("namespaces:clients_change", args=[namespace.pk])
    asked = {"change": "disable", "client": [row.pk for row in rows]}
    posted = asked | {"generations": editions.written({row.pk: row.edited_generation for row in rows})}
    answer = browser.post(url, posted, follow=True)
    assert set(Client.objects.values_list("state", flat=True)) == {"Disabled"}
    return address_in(answer)


def test_a_change_of_many_counts_until_azure_has_all(client: Browser, namespace: Namespace) -> None:
    address = disable(client, namespace, 3)
    pending = client.get(address)
    assert kind_of(pending) == "info"
    assert "0 of 3" in pending.content.decode()
    Client.objects.filter(name="press-0").update(synced_generation=F("generation"))
    Client.objects.filter(name="press-1").update(parked_code="AuthorizationFailed", parked_message="No.")
    partly = client.get(address_in(pending))
    assert kind_of(partly) == "info"
    assert "1 of 3" in partly.content.decode()
    Client.objects.filter(name="press-2").update(synced_generation=F("generation"))
    end = client.get(address)
    assert kind_of(end) == "bad"
    assert not address_in(end)
    rejected = re.search(r'href="([^"]+)"', end.content.decode())
    assert rejected is not None
    listed = client.get(html.unescape(rejected[1])).content.decode()
    assert "press-1" in listed
    assert "press-2" not in listed


def test_a_change_of_many_ends_well(client: Browser, namespace: Namespace) -> None:
    address = disable(client, namespace, 2)
    Client.objects.update(synced_generation=F("generation"))
    done = client.get(address)
    assert kind_of(done) == "good"
    assert not address_in(done)


def test_another_person_learns_nothing_of_a_change_of_many(client: Browser, namespace: Namespace) -> None:
    address = disable(client, namespace, 2)
    client.logout()
    make_user("eve", is_superuser=True)
    client.login(username="eve", password=PASSWORD)
    answer = client.get(address)
    assert answer.status_code == 200
    assert not address_in(answer)
    assert "Disable" not in answer.content.decode()
