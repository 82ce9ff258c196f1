"""Download CSV: what a grid shows, with its filter, as a file that a spreadsheet opens without harm."""

import csv
import io
import tracemalloc
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from namespaces.models import Client, ConnectionAttempt, Namespace
from portal import activity
from portal.models import Activity, User
from portal.web.csv_files import LONGEST_CELL, cell, csv_response, line
from tests.support.database.factories import make_ca_certificate, make_client, make_namespace, make_team, make_user

MANY = {"namespaces:client_csv": 10_000, "namespaces:connection_csv": 3_000, "namespaces:activity_csv": 3_000}


CELLS: list[tuple[object, str]] = [
    ("press-1", "press-1"),
    ("Straße 漢字, “quoted”", "Straße 漢字, “quoted”"),
    ("=1+1", "'=1+1"),
    ("+49 89", "'+49 89"),
    ("-2", "'-2"),
    ("@SUM(A1)", "'@SUM(A1)"),
    ("  =1+1", "'  =1+1"),
    ("＝1", "'＝1"),
    ("a;=1+1; b", "a;'=1+1; b"),
    ("a=b-c@d", "a=b-c@d"),
    ("\t=1+1", "‹U+0009›=1+1"),
    ("\r=1+1", "‹U+000D›=1+1"),
    ("two\nlines", "two‹U+000A›lines"),
    ("two\r\nlines", "two‹U+000A›lines"),
    ("\u202etxt.exe\x00", "‹U+202E›txt.exe‹U+0000›"),
    ("\ud800", "‹U+D800›"),
    (None, ""),
    ("", ""),
    (7, "7"),
    (datetime(2026, 3, 1, 12, 30, 1, tzinfo=UTC), "2026-03-01 12:30:01"),
]


@pytest.mark.parametrize(("value", "shown"), CELLS)
def test_a_cell_is_plain_text(value: object, shown: str) -> None:
    assert cell(value) == shown


@pytest.mark.parametrize(
    "value", [value for value, _ in CELLS] + ['say "no"', '"', " x", ";", "x" * 30_001, -7, "\u3000=1"]
)
@pytest.mark.parametrize("beside", [(), ("plain", "Ünï"), ('{"a": 1}', None), ("a;=1", "=2")])
def test_a_line_is_what_the_csv_module_makes_of_its_cells(value: object, beside: tuple[object, ...]) -> None:
    """Texts are checked together first: whatever is beside it, each cell comes out as it does alone."""
    for row in ([value, *beside], [*beside, value], [*beside, value, *beside]):
        made = io.StringIO(newline="")
        csv.writer(made, quoting=csv.QUOTE_ALL).writerow([cell(each) for each in row])
        assert line(row) == made.getvalue()


def test_a_cell_is_not_longer_than_a_spreadsheet_takes() -> None:
    assert len(cell("n" * 65_536)) == LONGEST_CELL


def test_a_hostile_file_name_stays_in_its_header() -> None:
    answer = csv_response('x"\r\nSet-Cookie: hostile=1 é.csv', ["A"], [])
    assert answer.headers["Content-Disposition"].startswith("attachment; filename")
    assert "\n" not in answer.headers["Content-Disposition"]


def table_of(answer: Any) -> list[dict[str, str]]:
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    data = answer.getvalue()
    assert data.startswith(b"\xef\xbb\xbf")  # or Excel takes it for another encoding
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


@pytest.fixture
def place(db: None) -> Namespace:
    return make_namespace("factory", reader=make_user("rita"))


@pytest.fixture
def rita(client: Browser, place: Namespace) -> Browser:
    client.force_login(User.objects.get(username="rita"))
    return client


def get(browser: Browser, name: str, place: Namespace, **query: str) -> list[dict[str, str]]:
    return table_of(browser.get(reverse(name, args=[place.pk]), query))


def test_the_clients_come_with_the_filter_and_the_order_of_the_grid(rita: Browser, place: Namespace) -> None:
    team = make_team("Line 1")
    make_client(place, "press-2", team=team, description="Straße 2", attributes={"type": "press"})
    make_client(place, "press-1", validation_scheme="ThumbprintMatch", thumbprints=["ab" * 32, "cd" * 32])
    make_client(place, "oven-1", state="Disabled")
    make_client(make_namespace("elsewhere"), "press-9")
    everything = get(rita, "namespaces:client_csv", place)
    assert [row["Client name"] for row in everything] == ["oven-1", "press-1", "press-2"]
    assert everything[0]["Connection state"] == "Disabled"
    assert everything[1]["Thumbprints"] == f"{'ab' * 32} {'cd' * 32}"
    assert everything[2] == {
        "Client name": "press-2",
        "Authentication name": "press-2",
        "Validation scheme": "Subject Matches Authentication Name",
        "Thumbprints": "",
        "Connection state": "Enabled",
        "Team": "Line 1",
        "Description": "Straße 2",
        "Attributes": '{"type": "press"}',
        "Certificate issuer": "",
        "Certificate subject": "",
        "Certificate serial number": "",
        "Certificate thumbprint (SHA-256)": "",
        "Certificate expires (UTC)": "",
        "Last seen (UTC)": "",
        "Sync state": "Succeeded",
    }
    found = get(rita, "namespaces:client_csv", place, q="press", sort="-name", page="7")
    assert [row["Client name"] for row in found] == ["press-2", "press-1"]
    assert [row["Client name"] for row in get(rita, "namespaces:client_csv", place, team=str(team.pk))] == ["press-2"]


def test_the_ca_certificates_come_with_the_filter_of_the_grid(rita: Browser, place: Namespace) -> None:
    row = make_ca_certificate(place, "line-a")
    make_ca_certificate(place, "line-b")
    found = get(rita, "certificates:ca_certificate_csv", place, q="line-a")
    assert [(each["Certificate name"], each["Thumbprint (SHA-256)"]) for each in found] == [("line-a", row.thumbprint)]
    assert found[0]["Valid to (UTC)"] == f"{row.not_after:%Y-%m-%d %H:%M:%S}"
    assert len(get(rita, "certificates:ca_certificate_csv", place)) == 2


def test_every_attempt_comes_not_only_those_that_the_page_shows(rita: Browser, place: Namespace) -> None:
    make_attempts(place, 150)
    found = get(rita, "namespaces:connection_csv", place)
    assert len(found) == 150
    assert [found[0][name] for name in ("Verdict", "MQTT user name", "Reason")] == ["Refused", "press-150", "Because."]
    assert len(get(rita, "namespaces:connection_csv", place, verdict="accepted")) == 75
    assert len(get(rita, "namespaces:connection_csv", place, q="press-15")) == 2


def test_the_activity_log_comes_with_what_changed(rita: Browser, place: Namespace) -> None:
    told: dict[str, Any] = {"verb": "Update client", "kind": "namespaces.client", "object_pk": 1, "scope": place.pk}
    activity.record(None, object_name="press-1", before={"state": "Enabled"}, after={"state": "Disabled"}, **told)
    activity.record(None, object_name="oven-1", **told)
    found = get(rita, "namespaces:activity_csv", place, q="press")
    assert [(row["Object"], row["Changes"], row["How it ended"]) for row in found] == [
        ("press-1", "Connection state: Enabled → Disabled", "Saved")
    ]
    assert len(get(rita, "namespaces:activity_csv", place, action="client")) == 2


def make_attempts(place: Namespace, count: int) -> None:
    ConnectionAttempt.objects.bulk_create(
        ConnectionAttempt(
            namespace=place,
            cursor=number,
            at=timezone.now(),
            accepted=number % 2 == 1,
            code="client-found",
            reason="Because.",
            user_name=f"press-{number}",
            record={"decision": "x" * 2000},
        )
        for number in range(1, count + 1)
    )


def make_many(place: Namespace, name: str, count: int) -> None:
    match name:
        case "namespaces:client_csv":
            clients = [
                Client(namespace=place, name=f"press-{n}", validation_scheme="ThumbprintMatch", description="d" * 200)
                for n in range(count)
            ]
            for each in clients:
                each.set_authentication_name(each.name)
            Client.objects.bulk_create(clients)
        case "namespaces:connection_csv":
            make_attempts(place, count)
        case _:
            now = timezone.now()
            told = {"at": now, "scope": place.pk, "kind": "namespaces.client", "object_name": "press-1"}
            change = {"description": "d" * 200}
            Activity.objects.bulk_create(Activity(**told, verb="Update client", after=change) for _ in range(count))


@pytest.mark.parametrize(("name", "count"), MANY.items())
def test_thousands_of_rows_are_written_while_they_are_read(
    rita: Browser, place: Namespace, name: str, count: int, django_assert_max_num_queries: Any
) -> None:
    get(rita, name, place)  # the first request imports what all share
    make_many(place, name, count)
    with django_assert_max_num_queries(12):
        tracemalloc.start()
        answer: Any = rita.get(reverse(name, args=[place.pk]))
        size = lines = 0
        for piece in answer.streaming_content:
            size, lines = size + len(piece), lines + piece.count(b"\r\n")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    downloads = Activity.objects.filter(kind=activity.DOWNLOADS).count() if "activity" in name else 0
    assert lines == count + downloads + 1
    assert size > count * 80
    assert peak < 5_000_000


class Links(HTMLParser):
    """Where the command leads, and whether htmx is to put it in place."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, bool]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if given.get("id") == "download-csv":
            self.found.append((given.get("href") or "", "hx-swap-oob" in given))


@pytest.mark.parametrize(
    ("page", "file"),
    [
        ("namespaces:client_list", "namespaces:client_csv"),
        ("certificates:ca_certificate_list", "certificates:ca_certificate_csv"),
        ("namespaces:connection_list", "namespaces:connection_csv"),
        ("namespaces:namespace_activity", "namespaces:activity_csv"),
    ],
)
def test_the_download_follows_the_filter_when_htmx_swaps_the_grid(
    rita: Browser, place: Namespace, settings: Any, page: str, file: str
) -> None:
    settings.CONNECTION_LOG_GATEWAY = "sync.capabilities.connection_log.ArmConnectionLog"
    url, to = reverse(page, args=[place.pk]), reverse(file, args=[place.pk])
    query = {"q": "=a&b", "page": "2"}
    wanted = f"{to}?q=%3Da%26b"
    assert Links(rita.get(url, query).content.decode()).found == [(wanted, False)]
    partial = rita.get(url, query, headers={"HX-Request": "true"})
    assert Links(partial.content.decode()).found == [(wanted, True)]
    whole = rita.get(url, query, headers={"HX-Request": "true", "HX-History-Restore-Request": "true"})
    assert Links(whole.content.decode()).found == [(wanted, False)]
    assert rita.get(wanted).status_code == 200


def test_a_target_without_a_connection_log_offers_no_file_of_it(rita: Browser, place: Namespace, settings: Any) -> None:
    settings.CONNECTION_LOG_GATEWAY = ""
    page = rita.get(reverse("namespaces:connection_list", args=[place.pk])).content.decode()
    assert Links(page).found == []
