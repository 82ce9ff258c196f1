"""The files of a list beside CSV: XLSX, whose cells are text only, and JSON, with the values as they are stored."""

import csv
import io
import json
import re
import tracemalloc
import zipfile
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from python_calamine import CalamineWorkbook

from namespaces.models import Client, Namespace
from portal import activity
from portal.models import Activity, User
from portal.web import exports
from portal.web.exports import text_cell, xlsx_response
from tests.portal.web.test_csv_files import make_attempts, make_many
from tests.support.database.factories import (
    make_admin,
    make_ca_certificate,
    make_client,
    make_client_group,
    make_namespace,
    make_permission_binding,
    make_team,
    make_topic_space,
    make_user,
)

AT = datetime(2026, 3, 1, 12, 30, 1, 500, tzinfo=UTC)


@pytest.fixture
def place(db: None) -> Namespace:
    return make_namespace("factory", reader=make_user("rita"))


@pytest.fixture
def rita(client: Browser, place: Namespace) -> Browser:
    client.force_login(User.objects.get(username="rita"))
    return client


def download(browser: Browser, place: Namespace, ending: str, name: str = "client", **query: str) -> Any:
    app = "certificates" if name == "ca_certificate" else "namespaces"
    answer: Any = browser.get(reverse(f"{app}:{name}_export", args=[place.pk, ending]), query)
    assert answer.status_code == 200
    return answer


def download_of(browser: Browser, name: str, args: list[Any], query: dict[str, str]) -> Any:
    answer = browser.get(reverse(name, args=args), query)
    assert answer.status_code == 200
    return answer


def rows_of(answer: Any) -> list[list[Any]]:
    book = CalamineWorkbook.from_filelike(io.BytesIO(answer.getvalue()))
    return book.get_sheet_by_index(0).to_python(skip_empty_area=False)


def test_a_workbook_has_the_rows_and_columns_of_the_csv_file(rita: Browser, place: Namespace) -> None:
    make_client(place, "press-2", team=make_team("Line 1"), attributes={"type": "press"}, last_seen_at=AT)
    make_client(place, "press-1", state="Disabled")
    make_client(place, "oven-1")
    answer = download(rita, place, "xlsx", q="press", sort="-name")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="factory-clients.xlsx"'
    assert answer.headers["Content-Type"] == exports.XLSX_TYPE
    head, *rows = rows_of(answer)
    of_csv = rita.get(reverse("namespaces:client_csv", args=[place.pk])).getvalue().decode("utf-8-sig")
    assert head == of_csv.splitlines()[0].strip('"').split('","')
    first = dict(zip(head, rows[0], strict=True))
    assert (first["Client name"], first["Attributes"], first["Team"]) == ("press-2", '{"type": "press"}', "Line 1")
    assert first["Last seen (UTC)"] == "2026-03-01 12:30:01"
    assert [row[0] for row in rows] == ["press-2", "press-1"]
    assert Activity.objects.filter(verb="Download", object_name="factory-clients.xlsx").count() == 1


def test_no_cell_of_a_workbook_is_a_formula_a_link_or_a_number() -> None:
    hostile = ["=1+1", "{=1+1}", "https://example.com", "mailto:a@b", "internal:Sheet1!A1", "007", "1e5", "@SUM(A1)"]
    answer: Any = xlsx_response("x.xlsx", hostile, [hostile, [7, None, True, AT, "", "a\x00b", "\u202e", "\ud800"]])
    data = answer.getvalue()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
        assert not [name for name in archive.namelist() if "_rels/sheet" in name]
    assert set(re.findall(r"<c [^>]*>", sheet)) == set(re.findall(r'<c [^>]*t="inlineStr">', sheet))
    assert "<f>" not in sheet
    head, row, others = CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_index(0).to_python()
    assert head == row == hostile
    assert others == ["7", "", "True", "2026-03-01 12:30:01", "", "a‹U+0000›b", "‹U+202E›", "‹U+D800›"]


def test_rows_that_a_worksheet_does_not_hold_come_in_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "SHEET_ROWS", 2)
    answer: Any = xlsx_response("x.xlsx", ["Name"], ([f"press-{number}"] for number in range(5)))
    book = CalamineWorkbook.from_filelike(io.BytesIO(answer.getvalue()))
    sheets = [book.get_sheet_by_index(at).to_python() for at in range(len(book.sheet_names))]
    assert [[row[0] for row in sheet] for sheet in sheets] == [
        ["Name", "press-0", "press-1"],
        ["Name", "press-2", "press-3"],
        ["Name", "press-4"],
    ]


def test_a_cell_of_a_workbook_is_not_longer_than_excel_takes() -> None:
    assert len(text_cell("\u202e" * 30_000)) == 30_000


def test_json_has_the_values_as_they_are_stored(rita: Browser, place: Namespace) -> None:
    make_client(
        place, "press-1", validation_scheme="ThumbprintMatch", thumbprints=["ab" * 32], attributes={"floor": 3},
        description="=1+1 Straße \u202e\u2028", team=make_team("Line 1"), last_seen_at=AT,
    )  # fmt: skip
    make_client(place, "press-2", synced_generation=0)
    answer = download(rita, place, "json")
    assert answer.headers["Content-Type"] == "application/json"
    text = answer.getvalue().decode()
    assert text.isascii()
    first, second = json.loads(text)
    assert first == {
        "name": "press-1",
        "authentication_name": "press-1",
        "validation_scheme": "ThumbprintMatch",
        "thumbprints": ["ab" * 32],
        "state": "Enabled",
        "team": "Line 1",
        "description": "=1+1 Straße \u202e\u2028",
        "attributes": {"floor": 3},
        "certificate_issuer": "",
        "certificate_subject": "",
        "certificate_serial": "",
        "certificate_thumbprint": "",
        "certificate_expires_at": None,
        "last_seen_at": "2026-03-01T12:30:01Z",
        "sync_state": "Succeeded",
    }
    assert (second["name"], second["sync_state"]) == ("press-2", "Pending")


def test_json_of_nothing_is_an_empty_list(rita: Browser, place: Namespace) -> None:
    assert json.loads(download(rita, place, "json", q="nothing").getvalue()) == []
    assert rows_of(download(rita, place, "xlsx", q="nothing"))[0][0] == "Client name"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("ca_certificate", {"name": "line-a"}),
        ("client_group", {"name": "presses", "query": "attributes.type = 'press'"}),
        ("topic_space", {"name": "machines", "templates": ["a/+", "b"]}),
        ("permission_binding", {"name": "all", "client_group_name": "presses", "permission": "Publisher"}),
    ],
)
def test_every_list_of_resources_has_its_files(
    rita: Browser, place: Namespace, kind: str, expected: dict[str, Any]
) -> None:
    make_ca_certificate(place, "line-a")
    make_client_group(place, "presses")
    make_topic_space(place, "machines", "a/+", "b")
    make_permission_binding(place, "all", group="presses", space="machines", permission="Publisher")
    (found,) = json.loads(download(rita, place, "json", kind).getvalue())
    assert {key: found[key] for key in expected} == expected
    assert [row[0] for row in rows_of(download(rita, place, "xlsx", kind))][1:] == [expected["name"]]


@pytest.mark.parametrize("ending", ["xlsx", "json"])
def test_the_clients_of_other_teams_are_in_no_file_where_they_are_hidden(
    rita: Browser, place: Namespace, ending: str
) -> None:
    Namespace.objects.filter(pk=place.pk).update(hides_other_teams=True)
    make_client(place, "press-1")
    make_client(place, "secret-1", team=make_team("Line 9"))
    answer = download(rita, place, ending)
    names = (
        [row[0] for row in rows_of(answer)[1:]]
        if ending == "xlsx"
        else [row["name"] for row in json.loads(answer.getvalue())]
    )
    assert names == ["press-1"]


@pytest.fixture
def admin(client: Browser, place: Namespace) -> Browser:
    """An administrator, with an attempt, an entry of the log and a team to export."""
    admin = make_admin()
    make_team("Line 1", admin)
    make_attempts(place, 3)
    told: dict[str, Any] = {"verb": "Update client", "kind": "namespaces.client", "object_pk": 1, "scope": place.pk}
    activity.record(None, object_name="press-1", before={"state": "Enabled"}, after={"state": "Disabled"}, **told)
    client.force_login(admin)
    return client


ROW_FILES: dict[str, tuple[str, dict[str, Any]]] = {
    "namespaces:connection": ("connections", {"verdict": "refused", "user_name": "press-2", "reason": "Because."}),
    "namespaces:activity": (
        "activity",
        {
            "verb": "Update client",
            "object": "press-1",
            "changes": [{"field": "state", "before": "Enabled", "after": "Disabled"}],
            "outcome": "local",
        },
    ),
    "namespaces:portal_activity": ("activity", {"verb": "Update client", "object": "press-1"}),
    "portal:person": (
        "people",
        {"user_name": "admin", "teams": [{"name": "Line 1", "is_lead": False}], "state": "active"},
    ),
}
QUERIES = {"namespaces:connection": "press-2", "portal:person": "admin"}


@pytest.mark.parametrize("name", ROW_FILES)
def test_connections_activity_and_people_have_the_same_files(admin: Browser, place: Namespace, name: str) -> None:
    stem, expected = ROW_FILES[name]
    args = [] if name in {"namespaces:portal_activity", "portal:person"} else [place.pk]
    query = {"q": QUERIES.get(name, "press-1")}
    of_csv, of_xlsx, of_json = answers = [
        download_of(admin, f"{name}_{kind}", [*args, *more], query)
        for kind, more in (("csv", ()), ("export", ("xlsx",)), ("export", ("json",)))
    ]
    (found,) = json.loads(of_json.getvalue())
    assert {key: found[key] for key in expected} == expected
    head, row = csv.reader(io.StringIO(of_csv.getvalue().decode("utf-8-sig"), newline=""))
    assert len(head) == len(found)
    assert rows_of(of_xlsx) == [head, row]
    for answer, ending in zip(answers, ("csv", "xlsx", "json"), strict=True):
        assert re.search(rf'"(factory-)?{stem}\.{ending}"', answer.headers["Content-Disposition"])


@pytest.mark.parametrize("ending", ["xlsx", "json"])
def test_a_filter_with_an_error_gives_no_file(admin: Browser, place: Namespace, ending: str) -> None:
    for url in (
        reverse("namespaces:activity_export", args=[place.pk, ending]),
        reverse("namespaces:portal_activity_export", args=[ending]),
    ):
        assert admin.get(url, {"since": "yesterday"}).status_code == 400


@pytest.mark.parametrize("ending", ["xlsx", "json"])
def test_memory_does_not_grow_with_the_rows(rita: Browser, place: Namespace, ending: str) -> None:
    download(rita, place, ending).getvalue()
    make_many(place, "namespaces:client_csv", 4_000)
    tracemalloc.start()
    size = sum(len(piece) for piece in download(rita, place, ending).streaming_content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size > 50_000
    assert peak < 4_000_000
    assert Client.objects.count() == 4_000


def test_a_file_of_another_kind_does_not_exist(rita: Browser, place: Namespace) -> None:
    assert rita.get(f"/namespaces/{place.pk}/clients.exe").status_code == 404
