"""The Connections page: its period, its counts, repeated attempts together, and what arrives while it is open."""

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from namespaces.connections.log_import import ConnectionIntake
from namespaces.connections.periods import PERIODS, moment_of, written
from namespaces.models import ConnectionAttempt, ConnectionCount, Namespace
from portal.models import User
from tests.namespaces.connections.test_log_import import record
from tests.support.browser.browsing import signed_in
from tests.support.database.factories import make_client, make_namespace, make_user

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 6, 1, 12, 30, 10, tzinfo=UTC)


@pytest.fixture
def namespace(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Namespace:
    settings.CONNECTION_LOG_GATEWAY = "sync.capabilities.connection_log.ArmConnectionLog"
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    return make_namespace(reader=make_user("rita"))


@pytest.fixture
def rita(namespace: Namespace) -> Browser:
    return signed_in(User.objects.get(username="rita"))


def take(namespace: Namespace, *records: dict[str, Any]) -> None:
    """Let the log report these, one after the other."""
    namespace.refresh_from_db()
    first = namespace.connection_cursor + 1
    numbered = [each | {"cursor": first + number} for number, each in enumerate(records)]
    ConnectionIntake().take(namespace.pk, numbered, first + len(records) - 1)


def attempt(name: str = "press-1", code: str = "", *, ago: timedelta = timedelta(0), **fields: Any) -> dict[str, Any]:
    """A record of the log; `code` of its refusal."""
    decision = {"accepted": False, "code": code, "reason": code, "steps": []} if code else None
    if code.startswith("tls-"):
        decision, fields = None, {"code": code, "resultSignature": "TlsError", **fields}
    names = {"clientName": name, "userName": name, "caName": ""}
    return record(0, accepted=not code, at=NOW - ago, decision=decision, **names, **fields)


def shown(browser: Browser, namespace: Namespace, **asked: Any) -> str:
    return browser.get(reverse("namespaces:connection_list", args=[namespace.pk]), asked).content.decode()


def rows(page: str) -> list[tuple[str, int]]:
    """The verdict on each row, and the number of attempts that it stands for."""
    bodies = re.findall(r'<tbody class="attempt" id="[^"]*" data-verdict="(\w+)">(.*?)</tbody>', page, re.DOTALL)
    return [(verdict, int((re.findall(r'data-repeated="(\d+)"', body) or ["1"])[0])) for verdict, body in bodies]


def chip(page: str, key: str) -> str:
    found = re.search(rf'id="{key}".*?<b>([^<]*)</b>', page, re.DOTALL)
    return found[1] if found else ""


def test_repeated_attempts_share_a_row_and_open_one_by_one(rita: Browser, namespace: Namespace) -> None:
    again = [attempt(code="issuer-found", ago=timedelta(seconds=300 - number)) for number in range(7)]
    before = [attempt(code="issuer-found", ago=timedelta(minutes=50))]  # of another hour
    take(namespace, *before, *again, attempt("press-2"), attempt("press-2", "client-enabled"))
    page = shown(rita, namespace)
    assert rows(page) == [("refused", 1), ("accepted", 1), ("refused", 7), ("refused", 1)]
    (cursor,) = re.findall(r"\?like=(\d+)", page)
    assert rows(shown(rita, namespace, like=cursor)) == [("refused", 1)] * 7
    assert rows(shown(rita, namespace, each=1)) == [("refused", 1), ("accepted", 1), *[("refused", 1)] * 8]


def test_an_attempt_that_the_log_has_dropped_is_like_nothing(rita: Browser, namespace: Namespace) -> None:
    take(namespace, attempt())
    assert rows(shown(rita, namespace, like=999)) == [("accepted", 1)]


def test_aborted_handshakes_are_apart_from_refusals(rita: Browser, namespace: Namespace) -> None:
    closed = [attempt("", "tls-closed", ago=timedelta(minutes=number)) for number in range(3)]
    take(namespace, *closed, attempt("", "tls-endpoint-not-trusted"), attempt(code="client-enabled"), attempt())
    page = shown(rita, namespace)
    found = {key: chip(page, f"verdict-{key}") for key in ("all", "accepted", "refused", "aborted")}
    assert found == {"all": "6", "accepted": "1", "refused": "2", "aborted": "3"}
    assert (chip(page, "reason-client-enabled"), chip(page, "reason-tls-closed")) == ("1", "")
    assert rows(shown(rita, namespace, verdict="aborted")) == [("aborted", 3)]
    assert rows(shown(rita, namespace, verdict="refused")) == [("refused", 1)] * 2
    assert rows(shown(rita, namespace, reason="client-enabled")) == [("refused", 1)]
    overview = rita.get(reverse("namespaces:namespace_overview", args=[namespace.pk])).content.decode()
    assert 'data-reason="client-enabled"' in overview
    assert 'data-reason="tls-closed"' not in overview


@pytest.mark.parametrize(
    ("code", "stored"),
    [
        ("tls-closed", "tls-closed"),
        ("tls-old-version", "tls-old-version"),
        ("", "TlsError"),
        ("closed-before-decision", "closed-before-decision"),
        ("other", "TlsError"),
    ],
)
def test_a_failed_handshake_keeps_the_code_of_the_log(namespace: Namespace, code: str, stored: str) -> None:
    take(namespace, attempt("", "tls-") | {"code": code})
    assert ConnectionAttempt.objects.get().code == stored
    assert ConnectionCount.objects.get().code == stored


@pytest.mark.parametrize(
    ("span", "listed"), [("1h", 1), ("24h", 2), ("7d", 3), ("30d", 4), ("", 2), ("a century", 2), ("7d\x00", 2)]
)
def test_the_period_narrows_list_and_figures(rita: Browser, namespace: Namespace, span: str, listed: int) -> None:
    ages = [timedelta(days=20), timedelta(days=3), timedelta(hours=3), timedelta(minutes=10)]
    take(namespace, *(attempt(f"press-{number}", ago=age) for number, age in enumerate(ages)))
    page = shown(rita, namespace, span=span)
    assert (len(rows(page)), chip(page, "verdict-all")) == (listed, str(listed))


def test_bars_are_links_that_narrow_the_list(rita: Browser, namespace: Namespace) -> None:
    take(
        namespace,
        attempt("a", ago=timedelta(hours=5)),
        attempt("b", "client-found", ago=timedelta(hours=2)),
        attempt("c"),
    )
    page = shown(rita, namespace)
    hits = re.search(r'<ol class="chart-hits.*?</ol>', page, re.DOTALL)
    assert hits
    links = [link.replace("&amp;", "&") for link in re.findall(r'<a href="([^"]*)"', hits[0])]
    found = [rows(rita.get(link).content.decode()) for link in links]
    assert [number for number, each in enumerate(found) if each] == [18, 21, 23]
    chosen = rita.get(links[21]).content.decode()
    assert (chip(chosen, "verdict-refused"), chip(chosen, "verdict-accepted")) == ("1", "0")
    assert chip(chosen, "reason-client-found") == "1"
    assert chosen.count('<li class="chosen">') == 1


@pytest.mark.parametrize(
    "asked",
    [
        {"since": "yesterday"}, {"since": "2026-06-01T25:00Z"}, {"until": "0001-01-01T00:00+14:00"}, {"since": "2026-06-01"},
        {"like": "x"}, {"verdict": "odd"}, {"page": "-1"}, {"page": "9" * 18}, {"from": "x", "after": "y"},
    ],
)  # fmt: skip
def test_words_that_mean_nothing_narrow_nothing(rita: Browser, namespace: Namespace, asked: dict[str, str]) -> None:
    take(namespace, attempt())
    page = shown(rita, namespace, **asked)
    assert rows(page) == ([] if asked == {"page": "9" * 18} else [("accepted", 1)])


def test_what_arrives_is_added_and_numbers_grow_in_place(rita: Browser, namespace: Namespace) -> None:
    take(namespace, attempt(code="client-enabled", ago=timedelta(minutes=1)), attempt("press-2"))
    page = shown(rita, namespace)
    query = re.search(r'/newer/\?([^"]*)"', page)
    assert query

    def ask() -> HttpResponse:
        url = reverse("namespaces:connection_newer", args=[namespace.pk])
        return rita.get(f"{url}?{query[1].replace('&amp;', '&')}")  # type: ignore[return-value]

    nothing = ask()
    assert rows(nothing.content.decode()) == []
    assert "HX-Trigger" not in nothing.headers
    take(namespace, attempt(code="client-enabled"), attempt("press-3"), attempt("press-3"))
    assert "attempts-came" in ask().headers["HX-Trigger"], "which asks for the figures"
    answer = ask().content.decode()
    assert rows(answer) == [("accepted", 2)]
    known = re.search(r'id="(when-\w+)" hx-swap-oob="true".*?data-repeated="2"', answer, re.DOTALL)
    assert known
    assert f'id="{known[1]}"' in page, "the number replaces that of the row on the page"
    assert 'hx-swap-oob="true">' not in shown(rita, namespace)


def test_the_figures_are_asked_for_alone(rita: Browser, namespace: Namespace) -> None:
    url = reverse("namespaces:connection_list", args=[namespace.pk])
    take(namespace, attempt(code="client-enabled"), attempt("press-3"))
    headers = {"HX-Request": "true", "HX-Target": "connection-figures"}
    figures = rita.get(url, {"verdict": "refused"}, headers=headers).content.decode()
    assert figures.strip().startswith('<div id="connection-figures"')
    assert re.search(r'id="verdict-refused"[^>]*aria-current="true"', figures)
    assert rows(figures) == []


def test_a_client_is_a_link_while_it_is_registered(rita: Browser, namespace: Namespace) -> None:
    make_client(namespace, "press-1")
    take(namespace, attempt("press-1"), attempt("press-9"))
    page = shown(rita, namespace)
    assert reverse("namespaces:client_detail", args=[namespace.pk, "press-1"]) in page
    assert reverse("namespaces:client_detail", args=[namespace.pk, "press-9"]) not in page


def test_a_list_that_is_shorter_than_its_figures_says_so(rita: Browser, namespace: Namespace, settings: Any) -> None:
    settings.CONNECTION_LOG_KEEP = 200
    take(namespace, attempt(ago=timedelta(hours=3)), attempt())
    assert 'data-code="log-begins"' not in shown(rita, namespace)
    ConnectionAttempt.objects.order_by("cursor").first().delete()  # type: ignore[union-attr]
    assert 'data-code="log-begins"' in shown(rita, namespace)
    assert 'data-code="log-begins"' not in shown(rita, namespace, span="1h")


def test_older_attempts_are_on_further_pages(rita: Browser, namespace: Namespace) -> None:
    take(namespace, *(attempt(f"press-{number}", ago=timedelta(seconds=200 - number)) for number in range(130)))
    first, second = shown(rita, namespace), shown(rita, namespace, page=2)
    assert (len(rows(first)), len(rows(second))) == (100, 30)
    assert ('rel="next"' in first, 'rel="prev"' in second) == (True, True)
    assert "/newer/" not in second, "only the newest page is live"


def test_an_empty_period_is_not_an_empty_log(rita: Browser, namespace: Namespace) -> None:
    take(namespace, attempt(ago=timedelta(days=2)))
    assert 'data-empty="period"' in shown(rita, namespace)
    assert "data-empty" not in shown(rita, namespace, span="7d")


def test_the_page_takes_few_queries(rita: Browser, namespace: Namespace, django_assert_max_num_queries: Any) -> None:
    take(namespace, *(attempt(f"press-{number}", "client-found" if number % 2 else "") for number in range(60)))
    with django_assert_max_num_queries(11):  # of which four find the person and the namespace
        url = reverse("namespaces:connection_list", args=[namespace.pk])
        rita.get(url, {"span": "30d"}, headers={"HX-Request": "true"})


@pytest.mark.parametrize("code", PERIODS)
@pytest.mark.parametrize("at", [NOW, datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)])
def test_the_bars_of_a_period_end_with_the_running_one(code: str, at: datetime) -> None:
    period = PERIODS[code]
    starts = period.starts(at)
    assert len(starts) == period.bars
    assert starts[-1] <= at < starts[-1] + period.width
    assert {later - earlier for earlier, later in pairwise(starts)} == {period.width}
    assert [moment_of(written(start)) for start in starts] == starts
