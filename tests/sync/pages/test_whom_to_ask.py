"""Drift and Sync say whose a row of another team is, and offer decisions only about one's own."""

import re
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from namespaces.models import Client, Namespace
from portal.models import Team, User
from sync.models import Finding
from tests.support.browser.browsing import page
from tests.support.database.factories import make_client, make_namespace, make_team, make_user, owner_of

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 2, 9, tzinfo=UTC)
PAGES = ("sync:drift_list", "sync:sync_overview", "sync:sync_refused")
HINT = "Ask Lea of team Line 2."


@pytest.fixture
def ada() -> User:
    return make_user("ada")


@pytest.fixture
def place(ada: User) -> Namespace:
    """Ada is Contributor and in Line 1. A row of her team, of Line 2 and of no team is rejected, and differs in Azure."""
    namespace = make_namespace("factory", contributor=ada)
    theirs = make_team("Line 2", make_user("zoe"))
    theirs.memberships.create(user=make_user("lea", first_name="Lea"), is_lead=True)
    for name, team in (("mine", make_team("Line 1", ada)), ("other", theirs), ("free", None)):
        differing(namespace, name, team)
    return namespace


def differing(namespace: Namespace, name: str, team: Team | None) -> None:
    client = make_client(namespace, name, team=team)
    Client.objects.filter(pk=client.pk).update(generation=5, parked_code="QuotaExceeded", parked_message="Full.")
    field = {"field": "description", "base": "", "ours": "a", "azure": "b"}
    Finding.objects.create(
        kind="namespaces.client", scope=namespace.pk, name=name, object_pk=client.pk, drift="changed", fields=[field],
        found_at=AT, seen_at=AT,
    )  # fmt: skip


@pytest.mark.parametrize("name", PAGES)
def test_a_row_of_another_team_says_whom_to_ask(place: Namespace, ada: User, name: str) -> None:
    text = page(ada, name, place.pk)
    assert re.findall(r"data-whom-to-ask>([^<]+)<", text) == [HINT]
    assert "data-whom-to-ask" not in page(owner_of(place), name, place.pk)


def test_decisions_are_offered_for_ones_own_rows(place: Namespace, ada: User) -> None:
    chosen = re.findall(r'name="finding"[^>]*aria-label="Choose ([^"]+)"', page(ada, "sync:drift_list", place.pk))
    assert sorted(chosen) == ["free", "mine"]
    retried = re.findall(r'>Retry<span class="visually-hidden"> ([^<]+)<', page(ada, "sync:sync_refused", place.pk))
    assert sorted(retried) == ["free", "mine"]


def test_a_difference_of_another_team_names_the_team(place: Namespace, ada: User) -> None:
    other, mine = (Finding.objects.get(name=name) for name in ("other", "mine"))
    text = page(ada, "sync:drift_detail", place.pk, other.pk)
    assert 'data-owned-by="Line 2"' in text
    assert HINT in text
    assert 'name="decision"' not in text
    assert "data-owned-by" not in page(ada, "sync:drift_detail", place.pk, mine.pk)
    assert 'name="decision"' in page(owner_of(place), "sync:drift_detail", place.pk, other.pk)


@pytest.mark.parametrize("name", ["sync:drift_list", "sync:sync_refused"])
def test_many_rows_of_many_teams_take_no_more_statements(place: Namespace, ada: User, name: str) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as statements:
            page(ada, name, place.pk)
        return len(statements)

    differing(place, "more", make_team("Line 9", make_user("nia")))  # has no lead: its members are read too
    few = asked()
    for number in range(5):
        differing(place, f"more-{number}", make_team(f"Line 1{number}", make_user(f"person-{number}")))
    assert asked() == few
