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
from tests.support.factories import make_client, make_namespace

pytestmark = pytest.mark.django_db
SIZE = 4
TEMPLATES = Path(__file__).resolve().parent.parent.parent / "templates"
TEMPLATES = Path(__file__).resolve().parent.parent.parent / "templates"


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


def test_a_list_of_nothing_has_one_empty_page() -> None:
    page = page_of(Client.objects.none(), QueryDict("page=2"), SIZE)
    assert (list(page), page.number, page.paginator.count) == ([], 1, 0)


def test_an_icon_is_drawn_as_the_package_draws_it() -> None:
    used = {name for path in TEMPLATES.rglob("*.html") for name in re.findall(r'lucide "([a-z-]+)"', path.read_text())}
    assert len(used) > 30
    for name in sorted(used):
        for size, attributes in ((16, {"class": "icon", "aria_hidden": "true"}), (None, {"title": '"<&'})):
            assert drawn_icons.lucide(name, size=size, **attributes) == lucide(name, size=size, **attributes)
