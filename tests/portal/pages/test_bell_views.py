"""The views of the notifications, and the links to what was changed."""

from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from namespaces.models import Client, Namespace
from portal import activity
from portal.models import Activity, User
from portal.pages.bell import ALL, NEEDS, TEAM, recent
from tests.support.database.factories import make_client, make_namespace, make_team, make_user

pytestmark = pytest.mark.django_db


def change(actor: User, namespace: Namespace, row: Client) -> None:
    of_row: dict[str, Any] = {"kind": row.kind, "object_pk": row.pk, "object_name": row.name, "team": row.team}
    activity.record(actor, verb="Update client", scope=namespace.pk, generation=1, synced=True, **of_row)


@pytest.fixture
def ada() -> User:
    return make_user("ada")


@pytest.fixture
def namespace(ada: User) -> Namespace:
    """Changes of Bob: of a client of Ada's team, one of another team that Azure rejected, and one that is gone."""
    namespace = make_namespace(reader=ada)
    bob, mine, other = make_user("bob"), make_team("Line 1", ada), make_team("Line 2")
    for name, team in (("press-1", mine), ("press-2", other)):
        change(bob, namespace, make_client(namespace, name, team=team))
    activity.settle(
        "namespaces.client", Client.objects.get(name="press-2").pk, 1, Activity.Outcome.FAILED, "QuotaExceeded"
    )
    gone: dict[str, Any] = {"kind": "namespaces.client", "object_pk": 1000, "object_name": "press-3"}
    activity.record(bob, verb="Delete client", scope=namespace.pk, **gone)
    return namespace


@pytest.mark.parametrize(
    ("view", "names"),
    [(ALL, ["press-3", "press-2", "press-1"]), (NEEDS, ["press-2"]), (TEAM, ["press-1"]), ("?", ["press-3", "press-2", "press-1"])],
)  # fmt: skip
def test_a_view_has_what_belongs_to_it(namespace: Namespace, ada: User, view: str, names: list[str]) -> None:
    assert [entry.change.object_name for entry in recent(ada, view) if entry.change] == names


def test_what_was_changed_is_a_link_while_it_is_there(namespace: Namespace, ada: User) -> None:
    browser = Browser()
    browser.force_login(ada)
    page = browser.get(reverse("portal:notifications")).content.decode()
    for name in ("press-1", "press-2"):
        assert f'href="{reverse("namespaces:client_detail", args=[namespace.pk, name])}"' in page
    assert "/press-3/" not in page


def test_what_other_teams_hide_is_no_link(namespace: Namespace, ada: User) -> None:
    """Ada changed the client herself, before it became another team's."""
    Namespace.objects.update(hides_other_teams=True)
    change(ada, namespace, Client.objects.get(name="press-2"))
    urls = {entry.change.object_name: entry.url for entry in recent(ada) if entry.change}
    assert urls["press-1"]
    assert not urls.get("press-2")


def test_only_the_whole_view_marks_as_read(namespace: Namespace, ada: User) -> None:
    browser = Browser()
    browser.force_login(ada)
    notifications = reverse("portal:notifications")
    assert 'id="seen"' in browser.get(notifications).content.decode()
    for view in (NEEDS, TEAM):
        assert 'id="seen"' not in browser.get(notifications, {"show": view}).content.decode()
