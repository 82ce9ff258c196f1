"""The backlog: every reason is listed, and many namespaces need no more queries than one."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from namespaces.models import Client, ClientGroup, Namespace
from portal.models import User
from sync.models import Finding, Scan
from sync.pages import backlog, overview
from tests.support.browser.browsing import page, signed_in
from tests.support.browser.markup import on_one_line
from tests.support.database.factories import make_client, make_client_group, make_namespace
from tests.sync.arranging import beating

pytestmark = pytest.mark.django_db


def park(rows: Any, code: str) -> None:
    rows.update(synced_generation=0, parked_code=code, parked_message=f"{code}, says Azure.")


def test_a_rare_reason_is_listed_beside_a_frequent_one(ada: User, factory: Namespace) -> None:
    for number in range(102):
        make_client(factory, f"sensor-{number:03}")
    park(Client.objects.all(), "QuotaExceeded")
    park(Client.objects.filter(name="sensor-101"), "InvalidInput")
    make_client_group(factory)
    park(ClientGroup.objects.all(), "QuotaExceeded")
    queue = overview.queue_overview(factory.pk, factory.sight)
    assert [(group.code, group.count) for group in queue.parked] == [("QuotaExceeded", 102), ("InvalidInput", 1)]
    assert queue.parked_count == 103
    text = page(ada, "sync:sync_overview", factory.pk)
    assert "InvalidInput, says Azure." in text
    assert "sensor-000" in text
    assert "sensor-100" not in text
    assert f"{reverse('sync:sync_refused', args=[factory.pk])}?code=QuotaExceeded" in text
    assert "and 82 more" in on_one_line(text)


def test_rejected_changes_are_listed_by_reason(ada: User, factory: Namespace) -> None:
    for number in range(60):
        make_client(factory, f"sensor-{number:03}")
    park(Client.objects.all(), "QuotaExceeded")
    park(Client.objects.filter(name="sensor-059"), "InvalidInput")
    address, browser = reverse("sync:sync_refused", args=[factory.pk]), signed_in(ada)

    def text(query: str) -> str:
        return str(browser.get(f"{address}?{query}").content.decode())

    assert "1–50 of 59" in text("code=QuotaExceeded")
    assert "sensor-058" in text("code=QuotaExceeded&page=2")
    assert "sensor-059" not in text("code=QuotaExceeded&page=2")
    assert "sensor-059" in text("code=InvalidInput")
    assert "60" in text("")
    assert "data-no-rejections" in text("code=Unknown")


def test_numbers_are_counted_per_namespace(ada: User, factory: Namespace) -> None:
    elsewhere = make_namespace("elsewhere", contributor=ada)
    make_client(factory, synced_generation=0)
    make_client(elsewhere, synced_generation=0)
    make_client_group(elsewhere, synced_generation=0)
    park(ClientGroup.objects.filter(namespace=elsewhere), "InvalidInput")
    Finding.objects.create(
        kind="namespaces.client", scope=elsewhere.pk, name="x", drift="changed", found_at=timezone.now(),
        seen_at=timezone.now(),
    )  # fmt: skip
    Scan.objects.create(scope=factory.pk, started_at=timezone.now(), error="older")
    newest = Scan.objects.create(scope=factory.pk, started_at=timezone.now())
    found = {each.scope.pk: each for each in overview.all_scopes(ada)}
    assert list(found) == [elsewhere.pk, factory.pk]
    ours, theirs = found[factory.pk], found[elsewhere.pk]
    assert (ours.figures.waiting, ours.figures.parked_count, ours.findings, ours.scan) == (1, 0, 0, newest)
    assert (theirs.figures.waiting, theirs.figures.parked_count, theirs.findings, theirs.scan) == (1, 1, 1, None)
    assert backlog.total(backlog.figures_by_scope(timezone.now()).values()).waiting == 2


def test_the_page_of_all_namespaces_has_a_fixed_number_of_queries(ada: User, factory: Namespace) -> None:
    beating()
    make_client(factory, synced_generation=0)
    browser = signed_in(ada)
    browser.get(reverse("sync:sync_all"))
    with CaptureQueriesContext(connection) as of_one:
        browser.get(reverse("sync:sync_all"))
    for number in range(4):
        make_client(make_namespace(f"plant-{number}", contributor=ada), synced_generation=0)
    with CaptureQueriesContext(connection) as of_five:
        browser.get(reverse("sync:sync_all"))
    assert len(of_five) == len(of_one)


def test_the_sync_page_has_a_fixed_number_of_queries(ada: User, factory: Namespace) -> None:
    beating()
    make_client(factory, synced_generation=0)
    browser, address = signed_in(ada), reverse("sync:sync_overview", args=[factory.pk])

    def ask() -> int:
        with CaptureQueriesContext(connection) as asked:
            browser.get(address, headers={"HX-Request": "true"})
        return len(asked)

    ask()
    of_one = ask()
    for number in range(4):
        make_client(make_namespace(f"plant-{number}", contributor=ada), synced_generation=0)
        make_client(factory, f"more-{number}", synced_generation=0, last_error=f"Reason {number}")
    assert ask() == of_one
    assert of_one < 22
