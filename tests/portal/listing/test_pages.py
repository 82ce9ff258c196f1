"""Lists page by page."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Lower
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext
from lucide.templatetags.lucide import lucide

from namespaces.models import Client, Namespace
from portal.listing import page_of
from portal.templatetags import drawn_icons
from tests.support.database.factories import make_client, make_namespace

pytestmark = pytest.mark.django_db
SIZE = 4
TEMPLATES = Path(__file__).resolve().parents[3] / "templates"
TEMPLATES = Path(__file__).resolve().parents[3] / "templates"


@pytest.fixture
def place() -> Namespace:
    place = make_namespace()
    for number in range(10):
        make_client(place, f"sensor-{number}")
    return place


@pytest.mark.parametrize("order", ["name", "-name"])
@pytest.mark.parametrize(("asked", "shown"), [("1", 0), ("2", 4), ("3", 8), ("99", 8), ("x", 0)])
def test_each_page_has_the_rows_of_its_place(place: Namespace, order: str, asked: str, shown: int) -> None:
    rows: Any = Client.objects.with_findings().filter(namespace=place).order_by(order, "pk")
    page = page_of(rows, QueryDict(f"page={asked}"), SIZE)
    assert [row.name for row in page] == [row.name for row in rows][shown : shown + SIZE]
    assert page.paginator.count == 10
    assert page.has_next() is (shown < 8)


def test_a_late_page_skips_rows_without_making_them(place: Namespace) -> None:
    """The subquery of `with_findings` is only in the statement that names the rows of the page."""
    rows: Any = Client.objects.with_findings().filter(namespace=place).order_by(Lower("name").desc(), "pk")
    with CaptureQueriesContext(connection) as asked:
        list(page_of(rows, QueryDict("page=2"), SIZE))
    skipping = [query["sql"] for query in asked.captured_queries if "OFFSET" in query["sql"]]
    assert len(skipping) == 1
    assert "sync_finding" not in skipping[0]


@pytest.mark.parametrize(
    ("asked", "shown", "follows"), [("1", 0, True), ("2", 4, True), ("3", 8, False), ("4", 4, True), ("x", 0, True)]
)
def test_pages_go_on_beyond_the_rows_that_were_counted(place: Namespace, asked: str, shown: int, follows: bool) -> None:
    """Ten rows of which six were counted: the count is "more than 6", and Next leads to the end."""
    rows: Any = Client.objects.filter(namespace=place).order_by("name", "pk")
    page = page_of(rows, QueryDict(f"page={asked}"), SIZE, most=6)
    assert [row.name for row in page] == [row.name for row in rows][shown : shown + SIZE]
    assert page.has_next() is follows
    assert (page.start_index(), page.end_index()) == (shown + 1, shown + len(page))
    assert not follows or page.next_page_number() == page.number + 1
    paginator: Any = page.paginator
    assert (paginator.count, paginator.is_more) == (6, True)


@pytest.mark.parametrize("most", [0, 10, 11])
def test_all_rows_are_counted_where_there_are_no_more(place: Namespace, most: int) -> None:
    page: Any = page_of(Client.objects.filter(namespace=place).order_by("pk"), QueryDict("page=3"), SIZE, most=most)
    assert (page.paginator.count, page.paginator.is_more, page.has_next()) == (10, False, False)


@pytest.mark.parametrize("asked", ["0", "-1", "1" + "0" * 9 + "1", "9" * 30, "9" * 5000])
def test_a_page_that_cannot_be_is_the_nearest_one(place: Namespace, asked: str) -> None:
    page = page_of(Client.objects.filter(namespace=place).order_by("pk"), QueryDict(f"page={asked}"), SIZE, most=6)
    assert page.number in {1, 2}


def test_a_list_of_nothing_has_one_empty_page() -> None:
    page = page_of(Client.objects.none(), QueryDict("page=2"), SIZE)
    assert (list(page), page.number, page.paginator.count) == ([], 1, 0)


def test_an_icon_is_drawn_as_the_package_draws_it() -> None:
    used = {name for path in TEMPLATES.rglob("*.html") for name in re.findall(r'lucide "([a-z-]+)"', path.read_text())}
    assert len(used) > 30
    for name in sorted(used):
        for size, attributes in ((16, {"class": "icon", "aria_hidden": "true"}), (None, {"title": '"<&'})):
            assert drawn_icons.lucide(name, size=size, **attributes) == lucide(name, size=size, **attributes)
