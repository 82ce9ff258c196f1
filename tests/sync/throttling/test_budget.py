"""The request budgets: counted, corrected by Azure's responses, and shared by all workers."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from namespaces.models import Client, Namespace
from portal.models import User
from sync.arm.call_recording import Call
from sync.models import Budget
from sync.throttling import budget
from tests.support.database.factories import SUBSCRIPTION, make_namespace
from tests.sync.pumping import add, names, run
from tests.sync.scripted_arm import Answer, ScriptedArm, refused

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_empty_bucket_holds_back_only_its_own_rows(
    arm: ScriptedArm, ada: User, factory: Namespace, settings: Any
) -> None:
    elsewhere = "22222222-2222-4222-8222-222222222222"
    other = make_namespace("other", resource_id=factory.resource_id.replace(SUBSCRIPTION, elsewhere))
    budget.reserve(SUBSCRIPTION, "writes", 1000)
    Budget.objects.filter(subscription=SUBSCRIPTION).update(level=0, refill=0.01)
    add(ada, factory, *names(5), bulk=True)
    add(ada, other, *names(5), bulk=True)
    run(seconds=1.0)
    assert Client.objects.unsettled().filter(namespace=factory).count() == 5
    assert not Client.objects.unsettled().filter(namespace=other).exists()


def test_azures_responses_set_the_budget(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    left = "x-ms-ratelimit-remaining-subscription-writes"
    arm.script("PUT", *[accepted({left: "7"}) for _ in range(3)])
    add(ada, factory, *names(3))
    run()
    writes = Budget.objects.get(subscription=SUBSCRIPTION, operation="writes")
    assert writes.remaining == 7
    assert writes.level <= 8
    gauge = next(gauge for gauge in budget.gauges() if gauge.operation == "writes")
    assert gauge.level <= 7 + gauge.refill


def accepted(headers: dict[str, str]) -> Any:
    return Answer(headers=headers)


def test_a_429_stops_all_workers_for_as_long_as_azure_asks(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    arm.script("PUT", refused("SubscriptionRequestsThrottled", 429, Retry_After="60"))
    add(ada, factory, "one")
    run()
    grant = budget.reserve(SUBSCRIPTION, "writes", 1)
    assert grant.count == 0
    assert 0 < grant.wait <= 60
    assert Budget.objects.get(operation="writes").throttled == 1


def test_the_rate_is_learned_from_the_remaining_requests() -> None:
    """An endpoint refills four a second; the bucket starts with ten and adapts."""
    at = timezone.now()
    budget.reserve(SUBSCRIPTION, "writes", 100, at)
    left, sent = 100.0, 0
    for second in range(1, 61):
        now = at + timedelta(seconds=second)
        left = min(200.0, left + 4.0)
        grant = budget.reserve(SUBSCRIPTION, "writes", min(6, int(left)), now)
        left -= grant.count
        sent += grant.count
        path = f"/subscriptions/{SUBSCRIPTION}/x"
        answers = [Call("PUT", path, "", now, 0.0, 200, remaining=int(left)) for _ in range(grant.count)]
        budget.learn(answers, now)
    assert Budget.objects.get(operation="writes").refill == pytest.approx(4.0, rel=0.25)


def test_after_an_outage_a_few_requests_are_tried_first() -> None:
    at = timezone.now()
    budget.outage(SUBSCRIPTION, "Azure cannot be reached", at)
    assert budget.reserve(SUBSCRIPTION, "writes", 50, at).count == 0
    later = at + timedelta(seconds=40)
    assert budget.reserve(SUBSCRIPTION, "writes", 50, later).count == budget.PROBES
