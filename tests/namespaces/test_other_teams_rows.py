"""Rows of other teams: lists say whom to ask, and attempts to change hidden ones are recorded."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from namespaces.models import Namespace
from portal.activity import DENIED
from portal.models import Activity, Team, User
from tests.support.browser.browsing import signed_in
from tests.support.database.factories import make_client, make_namespace, make_team, make_user, owner_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    return make_user("ada", first_name="Ada", last_name="Byron")


@pytest.fixture
def place(ada: User) -> Namespace:
    """Ada is Contributor and in Line 1. Line 2 has the lead Lea and the member Zoe."""
    namespace = make_namespace("factory", contributor=ada)
    theirs = make_team("Line 2", make_user("zoe", first_name="Zoe"))
    theirs.memberships.create(user=make_user("lea", first_name="Lea", last_name="Lead"), is_lead=True)
    make_client(namespace, "mine", team=make_team("Line 1", ada))
    make_client(namespace, "other", team=theirs)
    make_client(namespace, "free")
    return namespace


def said_to(user: User, namespace: Namespace) -> dict[str, str]:
    """Return the hints of the list by the name of the row."""
    page = signed_in(user).get(reverse("namespaces:client_list", args=[namespace.pk])).content.decode()
    rows = re.findall(r'data-row="([^"]+)".*?</tr>', page, re.DOTALL)
    parts = re.split(r'data-row="[^"]+"', page)[1:]
    hints = [re.search(r'title="([^"]+)" data-whom-to-ask', part) for part in parts]
    return {name: hint[1] for name, hint in zip(rows, hints, strict=True) if hint}


def test_a_list_says_whom_to_ask_about_rows_of_others(place: Namespace, ada: User) -> None:
    assert said_to(ada, place) == {"other": "Ask Lea Lead of team Line 2."}
    assert said_to(owner_of(place), place) == {}
    make_team("Nightshift")
    make_client(place, "lonely", team=Team.objects.get(name="Nightshift"))
    assert said_to(ada, place)["lonely"] == "Team Nightshift has no members."


def test_many_teams_take_no_more_statements(place: Namespace, ada: User) -> None:
    make_client(place, "more", team=make_team("Line 9", make_user("nia")))

    def asked() -> int:
        with CaptureQueriesContext(connection) as statements:
            said_to(ada, place)
        return len(statements)

    few = asked()
    for number in range(5):
        make_client(place, f"more-{number}", team=make_team(f"Line 1{number}", make_user(f"person-{number}")))
    assert asked() == few


def test_an_attempt_to_change_a_hidden_row_is_recorded_for_owners(place: Namespace, ada: User) -> None:
    Namespace.objects.update(hides_other_teams=True)
    browser = signed_in(ada)
    pages = ("client_delete", "client_update", "client_retry")
    for page in pages:
        for name in ("other", "nothing-there"):
            url = reverse(f"namespaces:{page}", args=[place.pk, name])
            browser.get(url)
            assert browser.post(url).status_code == 404
    denied = Activity.objects.filter(kind=DENIED).order_by("pk")
    assert [(entry.object_name, (entry.after or {})["page"]) for entry in denied] == [
        ("other", f"namespaces:{page}") for page in pages
    ]
    log = reverse("namespaces:namespace_activity", args=[place.pk])
    assert "Denied" not in browser.get(log).content.decode()
    assert "Denied" in signed_in(owner_of(place)).get(log).content.decode()
