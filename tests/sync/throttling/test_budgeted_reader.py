"""Reads outside of pushes stay within the budget, correct it by the responses, and wait as Azure asks."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from namespaces.importing.runs import run_import
from namespaces.models import Client, Namespace
from namespaces.tasks import refresh_namespaces
from portal.models import User
from sync.arm.gateway import AzureNotFound, AzureUnreachable, arm_gateway
from sync.models import Budget
from sync.push.listings import Collections
from sync.push.queue import Queue
from sync.throttling import budget
from sync.throttling.budgeted_reader import BudgetedReader
from tests.support.browser.browsing import page, signed_in
from tests.support.database.factories import SUBSCRIPTION, make_client, make_namespace
from tests.sync.arranging import edit, settled
from tests.sync.scripted_arm import Answer, ScriptedArm, refused

pytestmark = pytest.mark.django_db


def block_reads(seconds: float = 120) -> None:
    budget.reserve(SUBSCRIPTION, "reads", 1)
    Budget.objects.filter(operation="reads").update(blocked_until=timezone.now() + timedelta(seconds=seconds))


def reads_taken() -> int:
    return round(250 - Budget.objects.get(operation="reads").level)


def test_each_page_is_taken_out_of_the_budget(arm: ScriptedArm, factory: Namespace) -> None:
    budget.reserve(SUBSCRIPTION, "reads", 1)
    Budget.objects.update(refill=0.0001)
    for name in ("one", "two"):
        arm.hold(f"{factory.resource_id}/clients/{name}", {"authenticationName": name})
    reader = BudgetedReader(arm_gateway())
    first, second = arm.store.values()
    following = f"{arm.url}{factory.resource_id}/clients?page=2"
    arm.script("GET", Answer(200, {"value": [first], "nextLink": following}), Answer(200, {"value": [second]}))
    assert [each["name"] for each in reader.list_children(factory.resource_id, "clients")] == ["one", "two"]
    assert (reader.requests, reads_taken()) == (2, 3)


def test_only_the_page_that_failed_is_read_again(arm: ScriptedArm, factory: Namespace) -> None:
    following = f"{arm.url}{factory.resource_id}/clients?page=2"
    again = refused("ServiceUnavailable", 503, Retry_After="0")
    arm.script(
        "GET",
        Answer(200, {"value": [{"name": "one"}], "nextLink": following}),
        again,
        again,
        Answer(200, {"value": [{"name": "two"}]}),
    )
    reader = BudgetedReader(arm_gateway())
    assert [each["name"] for each in reader.list_children(factory.resource_id, "clients")] == ["one", "two"]
    assert reader.requests == 4


def test_a_lasting_fault_is_raised_after_four_tries(arm: ScriptedArm, factory: Namespace) -> None:
    arm.script("GET", *[refused("ServiceUnavailable", 503, Retry_After="0")] * 9)
    with pytest.raises(AzureUnreachable) as raised:
        BudgetedReader(arm_gateway()).get(factory.resource_id)
    assert raised.value.code == "ServiceUnavailable"
    assert arm.methods() == ["GET"] * 4


def test_a_rejected_read_is_not_repeated(arm: ScriptedArm, factory: Namespace) -> None:
    with pytest.raises(AzureNotFound):
        BudgetedReader(arm_gateway()).get(factory.resource_id)
    assert arm.methods() == ["GET"]


def test_a_wait_that_azure_asks_for_holds_for_every_read(arm: ScriptedArm, factory: Namespace) -> None:
    arm.script("GET", refused("TooManyRequests", 429, Retry_After="100"))
    for _ in range(3):
        with pytest.raises(AzureUnreachable) as raised:
            BudgetedReader(arm_gateway()).get(factory.resource_id)
        assert raised.value.code == "throttled"
        assert 40 < (raised.value.retry_after or 0) <= 100
    assert arm.methods() == ["GET"]
    assert Budget.objects.get(operation="reads").throttled == 1


def test_progress_is_reported_while_reading(
    arm: ScriptedArm, factory: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.throttling.budgeted_reader.PROGRESS_INTERVAL", 0.0)
    reports: list[str] = []
    reader = BudgetedReader(arm_gateway(), meanwhile=lambda: reports.append("reading"))
    arm.script("GET", refused("ServiceUnavailable", 503, Retry_After="0"))
    list(reader.list_children(factory.resource_id, "clients"))
    assert len(reports) >= 2


def test_an_import_waits_for_the_budget_without_a_request(arm: ScriptedArm, factory: Namespace) -> None:
    Namespace.objects.update(import_state=Namespace.Import.WAITING)
    block_reads()
    run_import(factory.pk)
    factory.refresh_from_db()
    assert arm.methods() == []
    assert factory.import_state == Namespace.Import.WAITING
    assert factory.import_message
    assert factory.unreachable_since is None  # it exists, and Azure is busy


def test_an_import_corrects_the_budget(arm: ScriptedArm, factory: Namespace) -> None:
    Namespace.objects.update(import_state=Namespace.Import.WAITING)
    arm.script("GET", refused("SubscriptionRequestsThrottled", 429, Retry_After="100"))
    run_import(factory.pk)
    held_back = Budget.objects.get(operation="reads")
    assert held_back.throttled == 1
    assert held_back.blocked_until is not None


def test_the_essentials_are_read_within_the_budget(arm: ScriptedArm, factory: Namespace) -> None:
    make_namespace("second")
    block_reads()
    refresh_namespaces()
    assert arm.methods() == []
    assert not Namespace.objects.filter(unreachable_since__isnull=False).exists()


def test_discarding_shows_how_long_azure_asks_to_wait(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    edit(ada, settled(ada, factory, "sensor-2"), description="new")
    Client.objects.update(parked_code="InvalidInput", parked_message="no")
    arm.methods()
    block_reads(40)
    data: dict[str, Any] = {"code": "InvalidInput"}
    signed_in(ada).post(reverse("sync:sync_discard", args=[factory.pk]), data)
    assert arm.methods() == []
    browser = signed_in(ada)
    response = browser.post(reverse("sync:sync_discard", args=[factory.pk]), data, follow=True)
    (message,) = response.context["messages"]
    assert message.level_tag == "error"
    wait = re.search(r"\b(\d+) s\b", message.message)
    assert wait, message
    assert 20 < int(wait[1]) <= 40
    assert "sensor-2" in page(ada, "sync:sync_overview", factory.pk)


def test_a_listing_before_a_bulk_is_budgeted_or_skipped(arm: ScriptedArm, factory: Namespace) -> None:
    for number in range(101):
        make_client(factory, f"sensor-{number:03}", base={"properties": {}})
    for number in range(50):
        make_client(factory, f"new-{number}", synced_generation=0)
    group = Queue().take(50)  # each reserves a read
    with ThreadPoolExecutor(1) as threads:
        Budget.objects.filter(operation="reads").update(level=1, refill=0.0001)
        Collections(arm_gateway()).fresh(Client, group, threads)
    assert arm.methods() == []
    assert reads_taken() == 249  # nothing was reserved
    with ThreadPoolExecutor(1) as threads:
        Budget.objects.filter(operation="reads").update(level=100)
        Collections(arm_gateway()).fresh(Client, group, threads)
    assert arm.methods() == ["GET"]
    assert reads_taken() == 152  # two pages were expected
