"""How far an export is: reported to the user who asked for it, under the token of the page."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.urls import reverse

from namespaces.models import Namespace
from portal.models import Activity, User
from portal.web import export_progress
from tests.portal.web.test_csv_files import make_many
from tests.support.browser.browsing import signed_in
from tests.support.database.factories import make_namespace, make_user

pytestmark = pytest.mark.django_db

TOKEN = "0123456789abcdef" * 2
ROWS = 1200


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Namespace:
    monkeypatch.setattr(export_progress, "EVERY", 0)  # kept at each look
    place = make_namespace("factory", reader=make_user("rita"))
    make_many(place, "namespaces:client_csv", ROWS)
    return place


@pytest.fixture
def rita(place: Namespace) -> Browser:
    return signed_in(User.objects.get(username="rita"))


def progress(browser: Browser, token: str = TOKEN) -> dict[str, Any]:
    answer = browser.get(reverse("portal:export_progress", args=[token]))
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def files(place: Namespace) -> dict[str, str]:
    return {
        "csv": reverse("namespaces:client_csv", args=[place.pk]),
        "xlsx": reverse("namespaces:client_export", args=[place.pk, "xlsx"]),
        "json": reverse("namespaces:client_export", args=[place.pk, "json"]),
    }


UNKNOWN = {"state": "unknown", "done": 0, "total": 0}


@pytest.mark.parametrize("ending", ["csv", "json"])
def test_the_rows_written_so_far_are_reported_until_the_file_is_sent(
    rita: Browser, place: Namespace, ending: str
) -> None:
    assert progress(rita) == UNKNOWN
    answer: Any = rita.get(files(place)[ending], {"progress": TOKEN})
    assert progress(rita) == {"state": "running", "done": 0, "total": ROWS}
    pieces = iter(answer.streaming_content)
    next(pieces)
    found = progress(rita)
    assert found["state"] == "running"
    assert 0 < found["done"] < ROWS
    list(pieces)
    assert progress(rita) == {"state": "done", "done": ROWS, "total": ROWS}


def test_a_workbook_is_counted_while_it_is_written_and_done_when_it_is_sent(rita: Browser, place: Namespace) -> None:
    answer: Any = rita.get(files(place)["xlsx"], {"progress": TOKEN})
    pieces = iter(answer.streaming_content)
    next(pieces)
    assert progress(rita) == {"state": "running", "done": ROWS, "total": ROWS}
    list(pieces)
    assert progress(rita)["state"] == "done"


def test_a_download_that_is_broken_off_is_reported_as_stopped(
    rita: Browser, place: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer: Any = rita.get(files(place)["csv"], {"progress": TOKEN})
    next(iter(answer.streaming_content))
    with monkeypatch.context() as patch:  # the end of a request would close the connection, which the test goes on with
        patch.setattr(connection, "close_if_unusable_or_obsolete", lambda: None)
        answer.close()
    assert progress(rita)["state"] == "stopped"


def test_nobody_else_sees_the_progress(rita: Browser, place: Namespace) -> None:
    b"".join(rita.get(files(place)["csv"], {"progress": TOKEN}).streaming_content)  # type: ignore[attr-defined]
    assert progress(rita)["state"] == "done"
    assert progress(signed_in(make_user("eve"))) == UNKNOWN
    assert progress(rita, TOKEN[::-1]) == UNKNOWN


@pytest.mark.parametrize("token", ["", "x", TOKEN.upper(), TOKEN + "0", TOKEN[:-1], "../" * 11, "\x00" * 32])
def test_what_is_no_token_is_not_kept(rita: Browser, place: Namespace, token: str) -> None:
    answer: Any = rita.get(files(place)["csv"], {"progress": token})
    assert sum(piece.count(b"\r\n") for piece in answer.streaming_content) == ROWS + 1
    assert progress(rita) == UNKNOWN


def test_the_same_rows_come_with_and_without_progress(rita: Browser, place: Namespace) -> None:
    asked: tuple[dict[str, str], ...] = ({"q": "press-1"}, {"q": "press-1", "progress": TOKEN})
    answers: list[Any] = [rita.get(files(place)["csv"], query) for query in asked]
    plain, followed = (answer.getvalue() for answer in answers)
    assert plain == followed
    assert progress(rita)["total"] == plain.count(b"\r\n") - 1


def test_the_token_is_not_in_the_activity_log(rita: Browser, place: Namespace) -> None:
    rita.get(files(place)["csv"], {"q": "press", "progress": TOKEN})
    assert Activity.objects.get(verb="Download").after["filter"] == "q=press"


def test_links_to_files_name_the_address_that_reports_their_progress(rita: Browser, place: Namespace) -> None:
    page = rita.get(reverse("namespaces:client_list", args=[place.pk])).content.decode()
    assert page.count(f'data-export="{reverse("portal:export_progress", args=["TOKEN"])}"') == 3
