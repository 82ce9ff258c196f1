"""Pages for operators: waiting changes, rejected changes, and the timeline of a change."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from namespaces.models import Client, Namespace
from portal.models import Activity, User
from sync.arm.error_hints import ROLE_HINT
from sync.drift import scan
from sync.models import PushRecord, Scan, SyncState
from sync.pages import overview
from sync.push.claim_and_settle import Pushed, push
from sync.throttling import budget
from sync.workers.leases import exclusive
from tests.support.browser.browsing import page, signed_in
from tests.support.database.factories import SUBSCRIPTION, make_namespace, make_user
from tests.support.database.query_plans import plans_of
from tests.sync.arranging import again, beating, edit, make, settled
from tests.sync.scripted_arm import ScriptedArm, refused

pytestmark = pytest.mark.django_db


# Sync


def test_the_sync_page_lists_rejected_changes_and_retries_them(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    first, second = make(ada, factory, "one"), make(ada, factory, "two")
    arm.script("PUT", refused("QuotaExceeded"), refused("InvalidInput"))
    push(first)
    push(second)
    text = page(ada, "sync:sync_overview", factory.pk)
    assert "QuotaExceeded" in text
    assert "InvalidInput, says the script." in text
    signed_in(ada).post(reverse("sync:sync_retry", args=[factory.pk]), {"code": "QuotaExceeded"})
    assert again(first).sync_state is SyncState.PENDING
    assert again(second).sync_state is SyncState.FAILED
    signed_in(ada).post(reverse("sync:sync_retry", args=[factory.pk]), {"kind": second.kind, "row": second.pk})
    assert again(second).sync_state is SyncState.PENDING


def test_a_reason_shown_above_is_not_repeated_for_each_change(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    rows = [make(ada, factory, name) for name in ("one", "two", "three")]
    arm.script("PUT", *[refused("QuotaExceeded")] * 3)
    for row in rows:
        push(row)
    first, other, *_ = rows
    Client.objects.filter(pk=other.pk).update(parked_message="Another sentence.")
    text = page(ada, "sync:sync_overview", factory.pk)
    assert text.count(again(first).parked_message) == 1
    assert text.count("Another sentence.") == 1
    assert page(ada, "sync:sync_refused", factory.pk).count(again(first).parked_message) == 2


def test_a_missing_right_is_explained_as_text(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    row = make(ada, factory, "one")
    arm.script("PUT", refused("AuthorizationFailed"))
    push(row)
    text = page(ada, "sync:sync_overview", factory.pk)
    assert escape(ROLE_HINT) in text
    assert "docs/" not in text


def test_a_rejected_change_is_discarded_from_the_sync_page(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory, description="first")
    edit(ada, client, description="second")
    arm.script("PUT", refused("InvalidInput"))
    push(again(client))
    signed_in(ada).post(reverse("sync:sync_discard", args=[factory.pk]), {"kind": client.kind, "row": client.pk})
    assert again(client).description == "first"


def test_a_reader_sees_no_buttons_and_may_not_post(
    arm: ScriptedArm, reader: User, ada: User, factory: Namespace
) -> None:
    client = make(ada, factory)
    arm.script("PUT", refused("InvalidInput"))
    push(client)
    assert "Retry" not in page(reader, "sync:sync_overview", factory.pk)
    for name in ("sync_retry", "sync_discard", "drift_refresh", "drift_resolve"):
        assert signed_in(reader).post(reverse(f"sync:{name}", args=[factory.pk])).status_code == 403
    for name in ("sync_retry", "sync_discard"):
        assert signed_in(reader).get(reverse(f"sync:{name}", args=[factory.pk])).status_code == 403


def test_a_stranger_finds_nothing(factory: Namespace) -> None:
    browser = signed_in(make_user("stranger"))
    for name in ("sync_overview", "drift_list"):
        assert browser.get(reverse(f"sync:{name}", args=[factory.pk])).status_code == 404
    assert browser.post(reverse("sync:sync_retry", args=[factory.pk])).status_code == 404


def test_without_a_worker_the_page_warns(ada: User, factory: Namespace) -> None:
    make(ada, factory)
    assert 'data-limited-by="no worker"' in page(ada, "sync:sync_overview", factory.pk)
    beating()
    assert 'data-limited-by="no worker"' not in page(ada, "sync:sync_overview", factory.pk)


def test_the_queue_is_shown_in_numbers(ada: User, factory: Namespace) -> None:
    make(ada, factory, "one")
    waiting = make(ada, factory, "two")
    Client.objects.filter(pk=waiting.pk).update(
        next_attempt_at=timezone.now() + timedelta(minutes=1), last_error="Azure is away"
    )
    queue = overview.queue_overview(factory.pk, factory.sight)
    assert (queue.due, queue.later, queue.waiting) == (1, 1, 2)
    assert queue.delays == (("Azure is away", 1),)


def test_the_estimate_follows_the_budget(ada: User, factory: Namespace) -> None:
    beating()
    budget.reserve(SUBSCRIPTION, "writes", 200)
    estimate = overview.estimate(factory.resource_id, writes=1000)
    assert estimate.limited_by == "budget"
    assert estimate.seconds == pytest.approx(100, rel=0.05)
    assert overview.in_words(100) in estimate.sentence
    assert overview.estimate(factory.resource_id).seconds == 0


def test_the_page_of_all_namespaces_shows_only_visible_ones(ada: User, factory: Namespace) -> None:
    make_namespace("elsewhere-plant")
    make(ada, factory)
    text = page(ada, "sync:sync_all")
    assert "factory" in text
    assert "elsewhere-plant" not in text
    assert "data-no-worker" in text


def test_the_page_stops_polling_when_nothing_waits(ada: User, factory: Namespace) -> None:
    assert 'hx-trigger="load' not in page(ada, "sync:sync_overview", factory.pk)
    make(ada, factory)
    assert 'hx-trigger="load' in page(ada, "sync:sync_overview", factory.pk)


def test_a_running_or_interrupted_comparison_is_shown_as_such(ada: User, factory: Namespace) -> None:
    Scan.objects.create(scope=factory.pk, started_at=timezone.now())
    names = ("sync:sync_overview", "sync:drift_list")
    with exclusive(scan.lease_of(factory.pk), seconds=60):
        for name in names:
            assert 'data-comparison="running"' in page(ada, name, factory.pk)
        assert 'data-comparison="running"' in page(ada, "sync:sync_all")
    for name in names:
        text = page(ada, name, factory.pk)
        assert 'data-comparison="interrupted"' in text
        assert "0 resources" not in text
        assert 'data-result="same"' not in text
    assert 'data-comparison="interrupted"' in page(ada, "sync:sync_all")


def test_the_numbers_are_read_from_the_index_of_due_rows(factory: Namespace) -> None:
    with CaptureQueriesContext(connection) as asked:
        overview.queue_overview(factory.pk, factory.sight)
    steps = plans_of(asked, "namespaces_client")
    assert steps
    assert all("USING INDEX client_due (lane=?)" in step for step in steps)


# Timeline


def test_a_timeline_shows_each_step_with_request_ids(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = make(ada, factory)
    arm.script("PUT", refused("TooManyRequests", 429))
    assert push(client) is Pushed.DELAYED
    assert push(again(client)) is Pushed.SUCCEEDED
    entry = Activity.objects.get()
    text = page(ada, "sync:timeline", factory.pk, entry.pk)
    steps = re.findall(r'data-step="([^"]+)"', text)
    assert steps == ["queued", "read", "sent", "delayed", "read", "sent", "succeeded"]
    sent = [step for record in PushRecord.objects.all() for step in record.steps if step["method"] == "PUT"]
    assert [step["status"] for step in sent] == [429, 200]
    for step in sent:
        assert step["request_id"] in text
        assert step["azure_request_id"] in text


def test_a_superseded_change_shows_the_later_push(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    edit(ada, client, description="first")
    edit(ada, client, description="second")
    push(again(client))
    entry = Activity.objects.get(outcome="superseded")
    assert 'data-step="sent"' in page(ada, "sync:timeline", factory.pk, entry.pk)
