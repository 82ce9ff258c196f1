"""Walking through a list by *Next* and *Previous*, which ask for the rows after or before a place."""

import base64
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from namespaces.models import Client, Namespace
from namespaces.pages.client_list import CLIENT_LIST
from portal.listing import page_of
from portal.models import User
from tests.support.browser.browsing import signed_in
from tests.support.database.factories import make_client, make_namespace, make_team
from tests.support.database.query_plans import forget_statistics

pytestmark = pytest.mark.django_db

SIZE = 3
START = datetime(2026, 11, 1, tzinfo=UTC)
SORTS = tuple(sign + key for key, (_, expression) in CLIENT_LIST.columns.items() if expression for sign in ("", "-"))
OF_DISABLED = ("name", "-name", "expires", "-expires", "last_seen", "-last_seen")


@pytest.fixture
def namespace(ada: User) -> Namespace:
    """Fourteen clients, with values that several share and values that some miss."""
    namespace = make_namespace(owner=ada)
    teams = [None, make_team("Line A"), make_team("line b")]
    order = list(range(14))
    random.Random(15).shuffle(order)
    for number in order:
        add(namespace, f"sensor-{number:02d}", number, team=teams[number % 3])
    return namespace


def add(namespace: Namespace, name: str, number: int, **fields: Any) -> Client:
    moment = START + timedelta(hours=number // 2, microseconds=number // 4)
    if number % 5 == 4:
        fields["validation_scheme"] = "ThumbprintMatch"
    return make_client(
        namespace,
        name,
        state="Disabled" if number % 2 else "Enabled",
        certificate_issuer="" if number % 4 == 1 else f"CN=Ca {number % 3} Ünï",
        certificate_expires_at=None if number % 3 == 1 else moment,
        last_seen_at=None if number % 4 == 2 else moment,
        **fields,
    )


def rows_of(namespace: Namespace, query: str) -> list[str]:
    return [row.name for row in CLIENT_LIST.rows(namespace, QueryDict(query))]


def page(namespace: Namespace, query: str, place: str) -> Any:
    return page_of(CLIENT_LIST.rows(namespace, QueryDict(query)), QueryDict(f"page={place}"), SIZE)


def forward(namespace: Namespace, query: str) -> Iterator[list[str]]:
    found = page(namespace, query, "1")
    yield [row.name for row in found]
    while found.has_next():
        found = page(namespace, query, found.next_place)
        yield [row.name for row in found]


def backward(namespace: Namespace, query: str) -> Iterator[list[str]]:
    """Walk from the last page to the first, each page as it is read."""
    found = page(namespace, query, "99")
    yield [row.name for row in found]
    while found.has_previous():
        found = page(namespace, query, found.previous_place)
        yield [row.name for row in found]


WALKS = [f"sort={sort}" for sort in SORTS] + [f"state=Disabled&sort={sort}" for sort in OF_DISABLED]


@pytest.mark.parametrize("query", WALKS)
def test_next_and_previous_lead_through_all_rows_in_order(namespace: Namespace, query: str) -> None:
    expected = rows_of(namespace, query)
    there, back = list(forward(namespace, query)), list(backward(namespace, query))
    assert [name for names in there for name in names] == expected
    assert [name for names in reversed(back) for name in names] == expected
    assert all(len(names) == SIZE for names in there[:-1])


@pytest.mark.parametrize("query", WALKS)
@pytest.mark.parametrize("walk", [forward, backward])
def test_rows_that_come_and_go_neither_repeat_nor_hide_others(namespace: Namespace, query: str, walk: Any) -> None:
    """Between two pages, the row at the place is deleted, and rows are added on both sides of it."""
    expected, seen = rows_of(namespace, query), []
    for at, names in enumerate(walk(namespace, query)):
        seen += names
        Client.objects.filter(name=names[-1 if walk is forward else 0]).delete()
        for side in ("a", "z"):
            add(namespace, f"{side}-{at}", at)
    assert len(seen) == len(set(seen))
    assert {name for name in seen if name in expected} == set(expected)


def test_a_place_whose_neighbours_are_all_deleted_leads_to_the_nearest_page(namespace: Namespace) -> None:
    names = rows_of(namespace, "")
    second = page(namespace, "", "2")
    after, before = second.next_place, second.previous_place
    Client.objects.exclude(name__in=names[3:6]).delete()
    for place in (after, before):
        found = page(namespace, "", place)
        assert [row.name for row in found] == names[3:6]
        assert (found.has_previous(), found.has_next(), found.number) == (False, False, 1)


def test_a_page_before_which_rows_were_added_has_a_previous_one(namespace: Namespace) -> None:
    second = page(namespace, "", "2")
    list(second)
    for number in range(4):
        add(namespace, f"a-{number}", number)
    first = page(namespace, "", second.previous_place)
    assert (first.number, first.has_previous()) == (1, True)
    assert [row.name for row in page(namespace, "", first.previous_place)] == ["a-1", "a-2", "a-3"]


TEXTS: list[object] = ["a\x00b", "\ud800", "x" * 601, {}, []]


def written(values: object, *, number: object = 2, way: str = "after") -> str:
    packed = base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")
    return f"{number}.{way}.{packed}"


@pytest.mark.parametrize("sort", ["name", "last_seen", "-expires"])
@pytest.mark.parametrize(
    "place",
    [
        *(written(values) for values in ([], ["sensor-01"], ["x", "y"], [1, 1], ["x", 1, 1], {"a": 1}, "x", None)),
        *(written(["x", pk]) for pk in (None, True, 1.5, 10**18, -(10**30), [1], "1")),
        *(written([text, 1]) for text in TEXTS),
        *(written([text, 1]) for text in ("2026-13-01", "0000-01-01", "2026-11-01 25:00:00", "infinity", "now")),
        *(written(["x", 1], number=number) for number in (0, -1, "x", 10**9)),
        *("2.after.", "2.after.x", "2.after.%25", "2.after." + "W" * 3000, "2.beside.W10", "2.after.W10.x", "2."),
        written(["sensor-99", 1], way="x"),
    ],
)
def test_what_is_no_place_of_this_order_leads_to_a_page_that_exists(
    namespace: Namespace, sort: str, place: str
) -> None:
    names = rows_of(namespace, f"sort={sort}")
    starts = [names[at : at + SIZE] for at in range(0, len(names), SIZE)]
    found = [row.name for row in page(namespace, f"sort={sort}", place)]
    assert found in starts or (sort == "name" and place == written(["now", 1]))  # a name like any other


@pytest.mark.parametrize("sort", SORTS)
def test_a_place_far_away_reads_its_keys_from_an_index(namespace: Namespace, sort: str) -> None:
    """Times and names are found in their index; nothing is skipped, and nothing is sorted."""
    place = page(namespace, f"sort={sort}", "3").next_place
    forget_statistics()
    with CaptureQueriesContext(connection) as asked:
        list(page(namespace, f"sort={sort}", place))
    reads = [query["sql"] for query in asked.captured_queries if "LIMIT" in query["sql"]]
    assert reads
    assert not [sql for sql in reads if "OFFSET" in sql]
    if sort.removeprefix("-") == "team" or connection.vendor != "sqlite":  # which sorts by a name in another table
        return
    for sql in reads:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
            steps = [detail for *_, detail in cursor.fetchall()]
        assert not [step for step in steps if "TEMP B-TREE" in step or step.startswith("SCAN")], (sql, steps)


def test_the_page_offers_next_and_previous_by_place(namespace: Namespace, ada: User) -> None:
    for number in range(60):
        add(namespace, f"more-{number:02d}", 0)
    browser, address = signed_in(ada), reverse("namespaces:client_list", args=[namespace.pk])
    answer = browser.get(address, {"state": "Enabled", "sort": "-last_seen"})
    following = answer.context["grid"].page.next_place
    assert following.startswith("2.after.")
    link = f"?state=Enabled&amp;sort=-last_seen&amp;page={following}"
    assert f'href="{link}" rel="next"' in answer.content.decode()
    second = browser.get(address, {"state": "Enabled", "sort": "-last_seen", "page": following})
    first, then = ([row.name for row in each.context["grid"].page] for each in (answer, second))
    assert not set(first) & set(then)
    assert len(first) + len(then) == Client.objects.filter(namespace=namespace, state="Enabled").count()
    assert f'page={second.context["grid"].page.previous_place}" rel="prev"' in second.content.decode()
