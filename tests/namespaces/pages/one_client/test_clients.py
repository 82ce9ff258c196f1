"""The pages of a client: what they offer, and to whom."""

from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from namespaces.actions.clients import create_client
from namespaces.models import Namespace
from portal.models import User
from tests.support.browser.form_rows import posted_rows
from tests.support.browser.markup import on_one_line
from tests.support.database.factories import PASSWORD, make_client, make_namespace, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def namespace(client: Browser) -> Namespace:
    namespace = make_namespace(contributor=make_user("ada"), reader=make_user("rea"))
    make_client(namespace, "press-1")
    client.login(username="ada", password=PASSWORD)
    return namespace


def page_of(browser: Browser, namespace: Namespace, page: str, *, name: str = "press-1") -> str:
    return browser.get(reverse(f"namespaces:{page}", args=[namespace.pk, name])).content.decode()


def offers_edit(text: str, namespace: Namespace) -> bool:
    return f'class="command" href="{reverse("namespaces:client_update", args=[namespace.pk, "press-1"])}"' in text


@pytest.mark.parametrize(
    "page", ["client_detail", "client_activity", "client_json", "client_commands", "client_try", "client_update"]
)
def test_who_may_edit_a_client_is_offered_it_on_each_of_its_pages(
    client: Browser, namespace: Namespace, page: str
) -> None:
    assert offers_edit(page_of(client, namespace, page), namespace)


def test_who_may_only_read_is_offered_no_edit(client: Browser, namespace: Namespace) -> None:
    client.login(username="rea", password=PASSWORD)
    assert not offers_edit(page_of(client, namespace, "client_detail"), namespace)


def test_a_client_that_is_being_deleted_is_not_offered_for_editing(client: Browser, namespace: Namespace) -> None:
    make_client(namespace, "press-2", deleted_at=timezone.now())
    assert "/press-2/update/" not in page_of(client, namespace, "client_detail", name="press-2")


def test_the_tab_of_the_properties_shows_them_and_the_form_is_marked_as_edit(
    client: Browser, namespace: Namespace
) -> None:
    page = page_of(client, namespace, "client_update")
    assert page.count('aria-current="page"') == 2  # the menu's entry, and Edit
    detail = reverse("namespaces:client_detail", args=[namespace.pk, "press-1"])
    assert f'<a href="{detail}" data-tab="detail">' in on_one_line(page)


def test_a_filter_without_hits_can_be_cleared(client: Browser, namespace: Namespace) -> None:
    url = reverse("namespaces:client_list", args=[namespace.pk])
    page = client.get(url, {"q": "nowhere"}).content.decode()
    assert 'data-empty="filtered"' in page
    assert f'<a class="button primary" href="{url}">' in page


def test_the_az_commands_of_a_client_name_it(client: Browser, namespace: Namespace) -> None:
    page = page_of(client, namespace, "client_commands")
    assert "az resource create --id /subscriptions/" in page
    assert "/clients/press-1 --api-version " in page


def test_what_is_wrong_with_the_attributes_is_said_by_them_and_once(client: Browser, namespace: Namespace) -> None:
    """The page says only that nothing is saved."""
    url = reverse("namespaces:client_update", args=[namespace.pk, "press-1"])
    typed = {"validation_scheme": "SubjectMatchesAuthenticationName", "state": "Enabled"}
    bad = posted_rows("attributes", [{"key": "floor", "type": "integer", "value": "two"}])
    large = posted_rows("attributes", [{"key": "a", "type": "string", "value": "x" * 5000}])
    for attributes in (bad, large):
        whole = client.post(url, typed | attributes).content.decode()
        page = whole[whole.index("<main") : whole.index("</main>")]
        assert page.count('role="alert"') == 1
        assert 'data-code="not-saved" role="alert"' in page
        assert page.count('class="error"') == 1


def test_an_object_of_the_activity_log_is_a_link_while_it_is_there(client: Browser, namespace: Namespace) -> None:
    ada = User.objects.get(username="ada")
    names: dict[str, Any] = {"name": "press-3", "authentication_name": "press-3", "team": None}
    made = create_client(ada, namespace=namespace, validation_scheme="SubjectMatchesAuthenticationName", **names)
    url = reverse("namespaces:namespace_activity", args=[namespace.pk])
    link = f'<a href="{reverse("namespaces:client_detail", args=[namespace.pk, "press-3"])}">press-3</a>'
    assert link in client.get(url).content.decode()
    made.delete()
    page = client.get(url).content.decode()
    assert "press-3" in page
    assert link not in page
