"""Bulk actions on rejected changes: retry within one request, discard by a worker, losing nothing."""

import re
from datetime import UTC, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from namespaces.models import Client, Namespace
from portal.models import Activity, User
from sync.actions import retry
from sync.drift import discards
from sync.models import Discard, Lane, SyncState
from sync.push.claim_and_settle import Pushed, push
from sync.tasks import sweep
from tests.support.browser.browsing import page
from tests.sync.arranging import again, edit, make, settled
from tests.sync.scripted_arm import ScriptedArm, refused

pytestmark = pytest.mark.django_db


def parked_edits(arm: ScriptedArm, ada: User, factory: Namespace, count: int) -> list[Client]:
    """Return clients with rejected edits; Azure holds the former state."""
    rows = [settled(ada, factory, f"sensor-{number}", description="first") for number in range(count)]
    for row in rows:
        edit(ada, row, description="second")
        arm.script("PUT", refused("QuotaExceeded"))
        assert push(again(row)) is Pushed.PARKED
    arm.methods()
    return rows


def parked_creations(ada: User, factory: Namespace, count: int) -> list[Client]:
    rows = [make(ada, factory, f"sensor-{number}") for number in range(count)]
    Client.objects.update(parked_code="QuotaExceeded", parked_message="Enough.", attempts=3, last_error="x")
    return rows


# Retry


def test_many_rows_are_retried_with_few_statements(
    ada: User, factory: Namespace, browser: Browser, django_assert_max_num_queries: Any
) -> None:
    parked_creations(ada, factory, 60)
    with django_assert_max_num_queries(40):
        browser.post(reverse("sync:sync_retry", args=[factory.pk]))
    assert set(Client.objects.values_list("generation", "parked_code", "attempts", "last_error", "lane")) == {
        (2, "", 0, "", Lane.BULK)
    }
    entries = Activity.objects.filter(verb="Retry", actor=ada, outcome="pending", generation=2)
    assert entries.count() == 60
    assert entries[0].before == {"error": "QuotaExceeded", "message": "Enough."}


def test_a_bulk_retry_keeps_changes_that_remove_access_urgent(
    arm: ScriptedArm, ada: User, factory: Namespace, browser: Browser
) -> None:
    parked_creations(ada, factory, 2)
    Client.objects.filter(name="sensor-0").update(deleted_at=timezone.now())
    browser.post(reverse("sync:sync_retry", args=[factory.pk]))
    assert dict(Client.objects.values_list("name", "lane")) == {"sensor-0": Lane.URGENT_BULK, "sensor-1": Lane.BULK}


def test_a_change_in_a_bulk_retry_arrives_and_settles_its_activity(
    arm: ScriptedArm, ada: User, factory: Namespace, browser: Browser
) -> None:
    rows = parked_edits(arm, ada, factory, 2)
    browser.post(reverse("sync:sync_retry", args=[factory.pk]))
    for row in rows:
        assert push(again(row)) is Pushed.SUCCEEDED
        assert (arm.held(row.arm_id()) or {})["description"] == "second"
    assert set(Activity.objects.filter(verb="Retry").values_list("outcome", flat=True)) == {"succeeded"}


# Discard


def test_a_worker_discards_many_rows_with_one_listing(
    arm: ScriptedArm, ada: User, factory: Namespace, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discards, "LISTED_FROM", 3)
    rows = parked_edits(arm, ada, factory, 3)
    browser.post(reverse("sync:sync_discard", args=[factory.pk]))
    assert arm.methods() == []
    assert 'data-discarding="3"' in page(ada, "sync:sync_overview", factory.pk)
    sweep()  # the message may be lost
    assert arm.methods() == ["GET"]
    assert {(again(row).description, again(row).sync_state) for row in rows} == {("first", SyncState.SUCCEEDED)}
    assert not Discard.objects.exists()
    assert 'data-discarding="0"' in page(ada, "sync:sync_overview", factory.pk)
    assert Activity.objects.filter(verb="Discard change", actor=ada).count() == 3


def test_a_resource_missing_from_a_listing_is_read_separately(
    arm: ScriptedArm, ada: User, factory: Namespace, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discards, "LISTED_FROM", 2)
    shown, gone = parked_edits(arm, ada, factory, 2)
    del arm.store[gone.arm_id().lower()]
    browser.post(reverse("sync:sync_discard", args=[factory.pk]))
    discards.run(seconds=20)
    assert arm.methods() == ["GET", "GET"]
    assert list(Client.objects.values_list("pk", flat=True)) == [shown.pk]


def test_an_outage_leaves_the_remaining_discards_for_later(
    arm: ScriptedArm, ada: User, factory: Namespace, browser: Browser
) -> None:
    rows = parked_edits(arm, ada, factory, 2)
    browser.post(reverse("sync:sync_discard", args=[factory.pk]))
    arm.script("GET", refused("ServiceUnavailable", 503))
    assert not discards.run(seconds=20)
    assert Discard.objects.count() == 2
    discards.run(seconds=20)
    assert {again(row).description for row in rows} == {"first"}


def test_discarding_pauses_for_other_tasks_and_continues(
    arm: ScriptedArm, ada: User, factory: Namespace, browser: Browser
) -> None:
    parked_edits(arm, ada, factory, 2)
    browser.post(reverse("sync:sync_discard", args=[factory.pk]))
    assert discards.run(seconds=0)
    assert Discard.objects.count() == 1
    assert discards.run(seconds=0)
    assert not discards.run(seconds=0)


def test_a_worker_killed_while_discarding_delays_others_briefly(
    arm: ScriptedArm, ada: User, factory: Namespace, browser: Browser
) -> None:
    parked_edits(arm, ada, factory, 3)
    browser.post(reverse("sync:sync_discard", args=[factory.pk]))
    with CaptureQueriesContext(connection) as asked:
        sweep()
    written = [query["sql"] for query in asked if query["sql"].startswith('UPDATE "sync_lease"')]
    taken, *renewed, _ = [sql for sql in written if "'discards'" in sql]
    until = parse_datetime(re.findall(r"'(\d{4}-\d\d-\d\d [\d:.]+)'", taken)[0])
    assert until is not None
    assert until.replace(tzinfo=UTC) < timezone.now() + timedelta(seconds=90)
    assert len(renewed) == 3


def test_a_change_retried_since_is_not_discarded(
    arm: ScriptedArm, ada: User, factory: Namespace, browser: Browser
) -> None:
    tried, other = parked_edits(arm, ada, factory, 2)
    browser.post(reverse("sync:sync_discard", args=[factory.pk]))
    retry(ada, row=again(tried))
    discards.run(seconds=20)
    assert (again(tried).description, again(tried).sync_state) == ("second", SyncState.PENDING)
    assert again(other).description == "first"
    assert not Discard.objects.exists()


def test_a_rejected_read_is_reported_and_the_others_continue(
    arm: ScriptedArm, ada: User, factory: Namespace, browser: Browser
) -> None:
    hidden, other = parked_edits(arm, ada, factory, 2)
    browser.post(reverse("sync:sync_discard", args=[factory.pk]))
    arm.script("GET", refused("AuthorizationFailed", 403))
    discards.run(seconds=20)
    assert (again(hidden).parked_code, again(other).description) == ("QuotaExceeded", "first")
    entry = Activity.objects.get(verb="Discard change", outcome="failed")
    assert (entry.actor, entry.object_pk, entry.outcome_code) == (ada, hidden.pk, "AuthorizationFailed")
    assert not Discard.objects.exists()
