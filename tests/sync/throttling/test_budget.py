"""What Azure allows in a time: counted, learned from its answers, and kept to by all workers."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from namespaces.models import Client, Namespace
from portal.models import User
from sync.models import Budget
from sync.throttling import budget
from tests.support.factories import SUBSCRIPTION, make_namespace
from tests.sync.pumping import _a_worker_of_its_own, add, names, run
from tests.sync.scripted_arm import ScriptedArm, refused

__all__ = ["_a_worker_of_its_own"]
pytestmark = pytest.mark.django_db(transaction=True)


def test_an_empty_bucket_holds_rows_back_and_others_go_on(
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


def test_azures_answers_set_the_budget(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    left = "x-ms-ratelimit-remaining-subscription-writes"
    arm.script("PUT", *[refused_nothing({left: "7"}) for _ in range(3)])
    add(ada, factory, *names(3))
    run()
    writes = Budget.objects.get(subscription=SUBSCRIPTION, operation="writes")
    assert writes.remaining == 7
    assert writes.level <= 8
    gauge = next(gauge for gauge in budget.gauges() if gauge.operation == "writes")
    assert gauge.level <= 7 + gauge.refill


def refused_nothing(headers: dict[str, str]) -> Any:
    from tests.sync.scripted_arm import Answer

    return Answer(headers=headers)


def test_a_429_stops_all_workers_for_as_long_as_azure_asks(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    arm.script("PUT", refused("SubscriptionRequestsThrottled", 429, Retry_After="60"))
    add(ada, factory, "one")
    run()
    grant = budget.reserve(SUBSCRIPTION, "writes", 1)
    assert grant.count == 0
    assert 50 < grant.wait <= 60
    assert Budget.objects.get(operation="writes").throttled == 1


def test_the_rate_is_learned_from_what_is_left() -> None:
    """An endpoint that refills four a second, told as ten: after a while the bucket knows."""
    from sync.arm.call_recording import Call

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


def test_an_outage_holds_back_and_tries_with_a_few() -> None:
    at = timezone.now()
    budget.outage(SUBSCRIPTION, "Azure cannot be reached", at)
    assert budget.reserve(SUBSCRIPTION, "writes", 50, at).count == 0
    later = at + timedelta(seconds=40)
    assert budget.reserve(SUBSCRIPTION, "writes", 50, later).count == budget.TRY_WITH
