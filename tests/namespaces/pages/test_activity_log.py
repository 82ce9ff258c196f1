"""The pages of the activity log: filters, places in the chain, and who sees what."""

import csv
import io
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from namespaces.models import Namespace
from portal import activity
from portal.models import Activity, User
from tests.portal.evidence.arranging import seal
from tests.support.browser.browsing import signed_in
from tests.support.database.factories import make_admin, make_namespace, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    return make_user("ada", first_name="Ada", last_name="Lovelace")


@pytest.fixture
def factory(ada: User) -> Namespace:
    return make_namespace("factory", owner=ada, reader=make_user("rita"))


@pytest.fixture
def _log(ada: User, factory: Namespace) -> None:
    rows: list[dict[str, Any]] = [
        {"object_name": "press-1", "verb": "Create client", "outcome": "succeeded"},
        {"object_name": "press-2", "verb": "Update client", "outcome": "failed", "actor_name": "Rita"},
        {"object_name": "oven-1", "verb": "Delete client", "outcome": "pending", "reason": "Replaced by press-9"},
    ]
    for number, values in enumerate(rows, 1):
        defaults = {"actor": ada, "actor_name": ada.display_name, "kind": "namespaces.client", "scope": factory.pk}
        origin = {"request_id": f"request-{number}", "address": f"192.0.2.{number}", "scope_name": "factory"}
        at = datetime(2026, 3, number, 23, 59, 59, tzinfo=UTC)
        Activity.objects.create(at=at, **(defaults | origin | values))


def shown(who: str, url: str, /, **query: str) -> list[str]:
    """Return the objects on the page, newest first."""
    text = signed_in(User.objects.get(username=who)).get(url, query).content.decode()
    return re.findall(r"\b(?:press|oven)-\d\b(?=\s*(?:<span class=\"second\">in|</td>))", text)


def log_of(namespace: Namespace) -> str:
    return reverse("namespaces:namespace_activity", args=[namespace.pk])


@pytest.mark.usefixtures("_log")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["oven-1", "press-2", "press-1"]),
        ({"q": "press"}, ["oven-1", "press-2", "press-1"]),
        ({"q": "ress-1"}, ["press-1"]),
        ({"q": "request-2"}, ["press-2"]),
        ({"q": "request-"}, []),
        ({"person": "lovelace"}, ["oven-1", "press-1"]),
        ({"person": "ada"}, ["oven-1", "press-2", "press-1"]),
        ({"action": "update"}, ["press-2"]),
        ({"result": "pending"}, ["oven-1"]),
        ({"since": "2026-03-02"}, ["oven-1", "press-2"]),
        ({"until": "2026-03-02"}, ["press-2", "press-1"]),
        ({"since": "2026-03-02", "until": "2026-03-02", "person": "rita"}, ["press-2"]),
        ({"q": "nothing"}, []),
        ({"q": "\x00press-2\x00"}, ["press-2"]),
    ],
)
def test_the_filter_narrows_page_and_file(factory: Namespace, query: dict[str, str], expected: list[str]) -> None:
    assert shown("rita", log_of(factory), **query) == expected
    make_admin()
    assert shown("admin", reverse("namespaces:portal_activity"), **query) == expected
    assert [row["Object"] for row in file_of("rita", factory, **query) if row["What"] != "Download"] == expected


@pytest.mark.usefixtures("_log")
@pytest.mark.parametrize(
    ("within", "since", "expected"),
    [
        ("1h", "", ["oven-1"]),
        ("24h", "", ["oven-1"]),
        ("7d", "", ["oven-1", "press-2", "press-1"]),
        ("30d", "2026-03-02", ["oven-1", "press-2"]),
    ],
)
def test_a_period_ends_now(
    factory: Namespace, monkeypatch: pytest.MonkeyPatch, within: str, since: str, expected: list[str]
) -> None:
    monkeypatch.setattr(timezone, "now", lambda: datetime(2026, 3, 4, 0, 30, tzinfo=UTC))
    assert shown("rita", log_of(factory), within=within, since=since) == expected


@pytest.mark.usefixtures("_log")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("since", "yesterday"),
        ("until", "2026-02-30"),
        ("since", "0001-01-01"),
        ("until", "9999-12-31"),
        ("result", "x"),
        ("within", "a while"),
    ],
)
def test_a_wrong_filter_is_explained_and_the_rest_is_kept(factory: Namespace, name: str, value: str) -> None:
    browser = signed_in(User.objects.get(username="rita"))
    answer = browser.get(log_of(factory), {name: value, "q": "oven"})
    text = answer.content.decode()
    assert answer.status_code == 422
    assert len(re.findall(r'aria-invalid="true"', text)) == 1
    assert 'value="oven"' in text
    url = reverse("namespaces:activity_csv", args=[factory.pk])
    assert browser.get(url, {name: value}).status_code == 400


@pytest.mark.usefixtures("_log")
def test_the_page_shows_the_place_in_the_chain(factory: Namespace) -> None:
    browser = signed_in(User.objects.get(username="rita"))
    places = r'data-place="(\d*)"'
    assert re.findall(places, browser.get(log_of(factory)).content.decode()) == ["", "", ""]
    seal()
    assert re.findall(places, browser.get(log_of(factory)).content.decode()) == ["5", "3", "1"]


@pytest.mark.usefixtures("_log")
def test_where_people_work_from_is_for_owners_and_administrators(factory: Namespace) -> None:
    make_admin()
    url = log_of(factory)
    pages = {name: signed_in(User.objects.get(username=name)).get(url).content.decode() for name in ("rita", "ada")}
    assert ["data-origin" in page for page in pages.values()] == [False, True]
    assert ["192.0.2.1" in page for page in pages.values()] == [False, True]
    assert (
        "192.0.2.1"
        in signed_in(User.objects.get(username="admin")).get(reverse("namespaces:portal_activity")).content.decode()
    )
    assert "Address" not in file_of("rita", factory)[0]
    assert file_of("ada", factory, q="press-1")[0]["Address"] == "192.0.2.1"


@pytest.mark.usefixtures("_log")
def test_the_file_has_the_places_and_the_reason(factory: Namespace) -> None:
    seal()
    rows = {row["Object"]: row for row in file_of("rita", factory)}
    row = rows["press-2"]
    assert (row["Place in the chain"], row["Place of the outcome"]) == ("3", "4")
    row = rows["oven-1"]
    assert (row["Place in the chain"], row["Place of the outcome"], row["Reason"]) == ("5", "", "Replaced by press-9")


@pytest.mark.usefixtures("_log")
def test_the_log_of_the_portal_is_for_administrators_and_has_everything(factory: Namespace) -> None:
    make_admin()
    other = make_namespace("other")
    activity.record(None, verb="v", kind="k.k", object_pk=1, object_name="press-7", scope=other.pk, scope_name="other")
    activity.record(None, verb="v", kind=activity.SESSIONS, object_pk=1, object_name="press-8")
    url = reverse("namespaces:portal_activity")
    assert shown("admin", url) == ["press-8", "press-7", "oven-1", "press-2", "press-1"]
    assert shown("admin", url, q="other") == ["press-7"]
    assert signed_in(User.objects.get(username="ada")).get(url).status_code == 403
    answer: Any = signed_in(User.objects.get(username="admin")).get(reverse("namespaces:portal_activity_csv"))
    rows = list(csv.DictReader(io.StringIO(b"".join(answer).decode("utf-8-sig"))))
    assert [row["Namespace"] for row in rows] == ["", "", "other", "factory", "factory", "factory"]
    assert [row["What"] for row in rows][:1] == ["Download"], "this file is in it too"


def file_of(who: str, namespace: Namespace, /, **query: str) -> list[dict[str, str]]:
    url = reverse("namespaces:activity_csv", args=[namespace.pk])
    answer: Any = signed_in(User.objects.get(username=who)).get(url, query)
    rows = csv.DictReader(io.StringIO(b"".join(answer).decode("utf-8-sig")))
    return [row for row in rows if row["What"] != "Download" or not query]
