"""A confirmation shows the number of changes, their effect and their duration."""

from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from namespaces.models import Client, Namespace
from portal.models import User
from sync.models import Budget, Finding, Lane, SyncState
from sync.pages import overview
from tests.support.database.factories import SUBSCRIPTION
from tests.sync.arranging import again, beating, change_in_azure, make, scan, settled
from tests.sync.scripted_arm import ScriptedArm

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true", "HX-Target": "pane"}


@pytest.fixture
def refused_ones(ada: User, factory: Namespace) -> list[Client]:
    """Arrange three rejected changes, one of them a deletion."""
    rows = [make(ada, factory, name) for name in ("one", "two", "three")]
    Client.objects.update(parked_code="QuotaExceeded", parked_message="Enough.")
    Client.objects.filter(name="three").update(deleted_at=timezone.now(), parked_code="InUse")
    return rows


def empty_bucket(operation: str, refill: float) -> None:
    now = timezone.now() + timedelta(seconds=5)
    Budget.objects.create(
        subscription=SUBSCRIPTION, operation=operation, level=0, capacity=200, refill=refill, counted_at=now
    )


def url(name: str, namespace: Namespace) -> str:
    return reverse(f"sync:{name}", args=[namespace.pk])


def text_of(response: Any) -> str:
    assert response.status_code == 200
    return unescape(response.content.decode())


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["without JavaScript", "with JavaScript"])
def test_a_bulk_retry_is_confirmed_with_number_and_duration(
    browser: Browser, factory: Namespace, refused_ones: list[Client], headers: dict[str, str]
) -> None:
    beating()
    empty_bucket("writes", 0.02)
    asked = text_of(browser.get(url("sync_retry", factory), headers=headers))
    assert overview.changes(3) in asked
    assert overview.in_words(120) in asked
    assert overview.estimate(factory.resource_id, writes=2, deletes=1).limited_by == "budget"
    assert ("<html" in asked) is not bool(headers)
    assert Client.objects.exclude(parked_code="").count() == 3


def test_a_confirmed_bulk_runs_and_yields_to_single_changes(
    browser: Browser, factory: Namespace, refused_ones: list[Client]
) -> None:
    asked = text_of(browser.get(url("sync_retry", factory), {"code": "QuotaExceeded"}))
    assert 'name="code" value="QuotaExceeded"' in asked
    assert overview.changes(2) in asked
    browser.post(url("sync_retry", factory), {"code": "QuotaExceeded"})
    states = {client.name: client.sync_state for client in Client.objects.all()}
    assert states == {"one": SyncState.PENDING, "two": SyncState.PENDING, "three": SyncState.FAILED}
    assert again(refused_ones[0]).lane == Lane.BULK


def test_a_bulk_discard_is_confirmed_as_leaving_azure_unchanged(
    browser: Browser, factory: Namespace, refused_ones: list[Client]
) -> None:
    asked = text_of(browser.get(url("sync_discard", factory), {"code": "QuotaExceeded"}, headers=HTMX))
    assert overview.changes(2) in asked
    assert overview.announcement(factory.resource_id) in asked


def test_without_rejected_changes_nothing_is_confirmed(browser: Browser, factory: Namespace) -> None:
    assert browser.get(url("sync_retry", factory)).headers["Location"] == url("sync_overview", factory)


def test_a_decision_about_many_differences_is_confirmed(
    arm: ScriptedArm, ada: User, browser: Browser, factory: Namespace
) -> None:
    rows = [settled(ada, factory, name) for name in ("one", "two")]
    for row in rows:
        change_in_azure(arm, row, description="theirs")
    scan(factory)
    beating()
    chosen = {"finding": list(Finding.objects.values_list("pk", flat=True)), "decision": "keep"}
    asked = text_of(browser.post(url("drift_resolve", factory), chosen))
    assert overview.announcement(factory.resource_id, writes=2) in asked
    assert 'name="confirmed" value="yes"' in asked
    assert Finding.objects.filter(state=Finding.State.OPEN).count() == 2
    assert overview.announcement(factory.resource_id) in text_of(
        browser.post(url("drift_resolve", factory), {**chosen, "decision": "take"})
    )
    browser.post(url("drift_resolve", factory), {**chosen, "confirmed": "yes"})
    assert not Finding.objects.filter(state=Finding.State.OPEN).exists()
    assert again(rows[0]).lane == Lane.BULK


def test_a_decision_about_one_difference_is_not_confirmed(
    arm: ScriptedArm, ada: User, browser: Browser, factory: Namespace
) -> None:
    change_in_azure(arm, settled(ada, factory), description="theirs")
    scan(factory)
    browser.post(url("drift_resolve", factory), {"finding": Finding.objects.get().pk, "decision": "keep"})
    assert Finding.objects.get().state == Finding.State.RESOLVED


def test_changes_already_waiting_count_in_the_estimate(ada: User, factory: Namespace) -> None:
    beating()
    make(ada, factory, "waits")
    text = overview.announcement(factory.resource_id, writes=1999)
    assert text.index("1,999") < text.index("3 minutes") < text.index("2,000") < text.index(" 1 ")


def test_without_a_worker_no_duration_is_shown(factory: Namespace) -> None:
    estimate = overview.estimate(factory.resource_id, deletes=1)
    assert (estimate.seconds, estimate.limited_by) == (None, "no worker")
