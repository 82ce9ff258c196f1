"""The list of clients: each filter narrows to the right ones, in the list, the CSV and bulk changes alike."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import QueryDict
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from certificates.x509.certificate import name_mark
from namespaces.models import Client, Namespace, NamespaceRole, Role
from namespaces.pages import lists
from namespaces.pages.client_list import CLIENT_LIST
from portal.models import User
from sync.models import Finding
from tests.support.browser.browsing import signed_in
from tests.support.browser.editions import editions_of
from tests.support.database.factories import make_ca_certificate, make_client, make_namespace, make_team, make_user
from tests.support.database.query_plans import forget_statistics, plans_of

pytestmark = pytest.mark.django_db

THUMBPRINT = "0123456789abcdef" * 4


@pytest.fixture
def namespace(ada: User) -> Namespace:
    """Five clients: trusted, stranger, pinned, unseen and failed."""
    namespace = make_namespace(owner=ada)
    ca = make_ca_certificate(namespace, "line-a")
    now = timezone.now()
    team = make_team("Line A", ada)
    of_ca = {"certificate_issuer": ca.subject, "certificate_path": name_mark(ca.subject)}
    of_other = {
        "certificate_issuer": "CN=Fabrikam",
        "certificate_path": f"{name_mark('CN=Fabrikam')} {name_mark('CN=B')}",
    }
    soon, later, past = (now + timedelta(days=days) for days in (20, 80, -1))
    make_client(namespace, "trusted", team=team, last_seen_at=now, certificate_expires_at=soon, **of_ca)
    make_client(namespace, "stranger", state="Disabled", certificate_expires_at=past, **of_other)
    make_client(
        namespace, "pinned", validation_scheme="ThumbprintMatch", thumbprints=[THUMBPRINT], attributes={"room": "H-17"},
        last_seen_at=now - timedelta(days=9), certificate_expires_at=later, certificate_subject="CN=press 4",
        certificate_serial="a1b", **of_other,
    )  # fmt: skip
    make_client(namespace, "unseen", synced_generation=0)
    failed = make_client(
        namespace, "failed", synced_generation=0, parked_code="Conflict", certificate_thumbprint=THUMBPRINT[::-1]
    )
    Finding.objects.create(
        kind="namespaces.client", scope=namespace.pk, name="failed", drift="changed", object_pk=failed.pk,
        found_at=now, seen_at=now,
    )  # fmt: skip
    return namespace


def listed(namespace: Namespace, query: str) -> set[str]:
    return {client.name for client in CLIENT_LIST.rows(namespace, QueryDict(query))}


EVERYTHING = {"trusted", "stranger", "pinned", "unseen", "failed"}


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", EVERYTHING),
        ("state=Disabled", {"stranger"}),
        ("state=Enabled&scheme=ThumbprintMatch", {"pinned"}),
        ("team=none", EVERYTHING - {"trusted"}),
        ("issuer=line-a", {"trusted"}),
        ("issuer=!untrusted", {"stranger"}),
        ("issuer=!unknown", {"unseen", "failed"}),
        ("expires=expired", {"stranger"}),
        ("expires=7", set()),
        ("expires=30", {"trusted"}),
        ("expires=90", {"trusted", "pinned"}),
        ("seen=day", {"trusted"}),
        ("seen=month", {"trusted", "pinned"}),
        ("seen=long-ago", {"pinned"}),
        ("seen=never", {"stranger", "unseen", "failed"}),
        ("sync=succeeded", {"trusted", "stranger", "pinned"}),
        ("sync=waiting", {"unseen"}),
        ("sync=failed", {"failed"}),
        ("sync=differs", {"failed"}),
        ("q=fabrikam", {"stranger", "pinned"}),
        ("q=h-17", {"pinned"}),
        ("q=01:23:45:67:89:AB", {"pinned"}),
        (f"q={THUMBPRINT[::-1][:12]}", {"failed"}),
        ("q=stranger&state=Enabled", set()),
        ("q=CN=Press+4", {"pinned"}),
        ("q=0A:1B", {"pinned"}),
        ("q=Serial+number:+00+0a+1b", {"pinned"}),
        ("q=0x0a1b", {"pinned"}),
        ("q=2587", {"pinned"}),
        ("q=a1", set()),  # a serial number is compared as a whole
        # What is not offered narrows nothing.
        ("state=Sleeping&scheme=x&issuer=nobody&expires=1&seen=x&sync=x&team=x", EVERYTHING),
    ],
)
def test_each_filter_narrows_to_the_right_clients(namespace: Namespace, query: str, names: set[str]) -> None:
    assert listed(namespace, query) == names


def test_a_filter_that_is_set_is_shown_and_kept_by_pager_and_bulk(namespace: Namespace, ada: User) -> None:
    browser = signed_in(ada)
    page = browser.get(reverse("namespaces:client_list", args=[namespace.pk]), {"issuer": "!untrusted", "size": "100"})
    text = page.content.decode()
    assert '<option value="!untrusted" selected>' in text
    assert '<input type="hidden" name="issuer" value="!untrusted">' in text
    assert re.findall(r'data-row="([\w-]+)"', text) == ["stranger"]


def test_a_bulk_change_of_all_that_match_takes_the_filter_and_returns_to_it(namespace: Namespace, ada: User) -> None:
    browser, address = signed_in(ada), reverse("namespaces:clients_change", args=[namespace.pk])
    chosen = {"change": "disable", "which": "all", "seen": "never", "state": "Enabled"}
    assert 'data-chosen="2"' in browser.get(address, chosen).content.decode()
    done = browser.post(address, {**chosen, **editions_of(Client.objects.filter(name__in=["unseen", "failed"]))})
    assert done.status_code == 302
    assert done["Location"].partition("?")[2] == "state=Enabled&seen=never"
    disabled = Client.objects.filter(namespace=namespace, state="Disabled").values_list("name", flat=True)
    assert set(disabled) == {"stranger", "unseen", "failed"}


@pytest.mark.parametrize(
    ("name", "state"),
    [("trusted", "trusted"), ("stranger", "untrusted"), ("pinned", "not-needed"), ("unseen", "unknown")],
)
def test_the_issuer_of_each_client_is_named(namespace: Namespace, ada: User, name: str, state: str) -> None:
    text = signed_in(ada).get(reverse("namespaces:client_list", args=[namespace.pk])).content.decode()
    row = text[text.index(f'data-row="{name}"') :].partition("</tr>")[0]
    assert f'data-issuer="{state}"' in row
    assert (">line-a</a>" in row) == (state == "trusted")


@pytest.mark.parametrize(("asked", "size"), [("100", 100), ("200", 200), ("7", 50), ("9" * 30, 50), ("x", 50)])
def test_the_page_size_is_one_of_those_offered(namespace: Namespace, asked: str, size: int) -> None:
    assert CLIENT_LIST.grid(namespace, QueryDict(f"size={asked}")).page.paginator.per_page == size


def test_a_rejected_change_says_why_in_its_details(namespace: Namespace, ada: User) -> None:
    browser: Browser = signed_in(ada)
    text = browser.get(reverse("namespaces:client_list", args=[namespace.pk])).content.decode()
    row = text[text.index('data-row="failed"') :].partition("</tr>")[0]
    pk = Client.objects.get(name="failed").pk
    assert f'popovertarget="why-{pk}"' in row
    assert reverse("namespaces:client_retry", args=[namespace.pk, "failed"]) in row.partition(f'id="why-{pk}"')[2]


def test_the_list_asks_as_little_of_many_clients_as_of_few(
    namespace: Namespace, ada: User, django_assert_max_num_queries: Any
) -> None:
    browser, address = signed_in(ada), reverse("namespaces:client_list", args=[namespace.pk])
    browser.get(address)
    for number in range(20):
        make_client(namespace, f"more-{number}")
    with django_assert_max_num_queries(31):
        browser.get(address)


@pytest.mark.parametrize(
    ("sort", "first", "last"),
    [
        ("last_seen", {"stranger", "unseen", "failed"}, "trusted"),
        ("-last_seen", {"trusted"}, "stranger"),
        ("expires", {"stranger"}, "failed"),
        ("-expires", {"failed", "unseen"}, "stranger"),
        ("issuer", {"unseen", "failed"}, "pinned"),
        ("-issuer", {"pinned", "stranger"}, "unseen"),
    ],
)
def test_rows_without_a_value_have_their_place(namespace: Namespace, sort: str, first: set[str], last: str) -> None:
    Client.objects.filter(name="trusted").update(certificate_issuer="cn=abc")
    names = [client.name for client in CLIENT_LIST.rows(namespace, QueryDict(f"sort={sort}"))]
    assert set(names[: len(first)]) == first
    assert names[-1] == last


@pytest.mark.parametrize("sort", ["name", "-name", "authentication_name", "-last_seen", "expires", "issuer", "-issuer"])
def test_a_late_page_reads_its_keys_from_an_index(namespace: Namespace, sort: str) -> None:
    forget_statistics()
    with CaptureQueriesContext(connection) as asked:
        list(CLIENT_LIST.grid(namespace, QueryDict(f"sort={sort}&size=50&page=1")).page)
        CLIENT_LIST.rows(namespace, QueryDict(f"sort={sort}")).values_list("pk", flat=True)[100:151].exists()
    reads = [query["sql"] for query in asked.captured_queries if "ORDER BY" in query["sql"] and "LIMIT" in query["sql"]]
    assert reads
    for sql in reads:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
            steps = [detail for *_, detail in cursor.fetchall()]
        assert not [step for step in steps if "TEMP B-TREE" in step or step.startswith("SCAN")], steps


def columns_of(browser: Browser, address: str) -> list[str]:
    return re.findall(r'<th scope="col" class="col-(\w+)"', browser.get(address).content.decode())


def test_each_person_chooses_the_columns_of_the_list(namespace: Namespace, ada: User) -> None:
    bert = make_user("bert")
    NamespaceRole.objects.create(namespace=namespace, user=bert, role=Role.READER)
    address = reverse("namespaces:client_list", args=[namespace.pk])
    choose = reverse("namespaces:client_columns", args=[namespace.pk])
    browser, other = signed_in(ada), signed_in(bert)
    whole = columns_of(browser, address)
    answer = browser.post(choose, {"column": ["state", "last_seen", "nothing"], "query": "state=Enabled&page=2&x=1"})
    assert answer["Location"] == f"{address}?state=Enabled&page=2"
    assert columns_of(browser, address) == ["box", "name", "state", "last_seen", "sync", "commands"]
    row = browser.get(address).content.decode().partition('data-row="trusted"')[2].partition("</tr>")[0]
    assert row.count("<td") == 6
    assert columns_of(other, address) == [name for name in whole if name not in {"box", "commands"}]
    browser.post(choose, {"all": "1"})
    assert columns_of(browser, address) == whole
    assert User.objects.get(pk=ada.pk).hidden_columns == {}


@pytest.mark.parametrize(
    ("query", "names", "begins_only"),
    [
        ("q=PIN", {"pinned"}, True),
        ("q=t", {"trusted"}, True),
        ("q=t&within=1", {"trusted", "stranger"}, False),
        ("q=ranger", {"stranger"}, False),  # nothing begins with it
        ("q=h-17", {"pinned"}, False),
        ("q=0A:1B", {"pinned"}, True),
        (f"q={THUMBPRINT[::-1][:12]}", {"failed"}, True),
        ("q=p%25", set(), False),
        ("q=p&state=Disabled", set(), True),
    ],
)
def test_a_search_of_a_long_list_takes_what_begins_with_the_text(
    namespace: Namespace, monkeypatch: pytest.MonkeyPatch, query: str, names: set[str], begins_only: bool
) -> None:
    monkeypatch.setattr(lists, "MOST_COUNTED", 4)
    assert listed(namespace, query) == names
    assert CLIENT_LIST.grid(namespace, QueryDict(query)).begins_only is begins_only


def test_the_page_of_a_long_list_offers_to_search_within_values(
    namespace: Namespace, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "MOST_COUNTED", 4)
    browser, address = signed_in(ada), reverse("namespaces:client_list", args=[namespace.pk])
    text = browser.get(address, {"q": "t"}).content.decode()
    assert "data-begins" in text
    assert 'href="?q=t&amp;within=1"' in text
    assert "data-begins" not in browser.get(address, {"q": "t", "within": "1"}).content.decode()


@pytest.mark.parametrize("search", ["pinned", THUMBPRINT[::-1][:12], "0a1b"])
def test_a_search_for_a_beginning_uses_the_indexes(namespace: Namespace, search: str) -> None:
    assert CLIENT_LIST.begins is not None
    with CaptureQueriesContext(connection) as asked:
        assert Client.visible_to(namespace.sight).filter(CLIENT_LIST.begins(search)).exists()
    assert not [step for step in plans_of(asked, "namespaces_client") if step.startswith("SCAN")]
