"""Estimates of a bulk's duration, from measured throughput and from the budgets."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from namespaces.models import Namespace
from sync.models import PushRecord
from sync.pages import overview
from tests.support.database.factories import make_namespace, namespace_id
from tests.sync.arranging import beating

pytestmark = pytest.mark.django_db


@pytest.fixture
def factory() -> Namespace:
    beating()
    return make_namespace()


def pushes(
    namespace: Namespace, count: int, *, ago: float, seconds: float, now: datetime, outcome: str = "succeeded"
) -> None:
    """Record `count` pushes that were sent in parallel and settled `ago` seconds before `now`."""
    settled_at = now - timedelta(seconds=ago)
    PushRecord.objects.bulk_create(
        PushRecord(
            kind="namespaces.client",
            object_pk=1,
            scope=namespace.pk,
            generation=1,
            claimed_at=settled_at - timedelta(seconds=seconds),
            settled_at=settled_at,
            outcome=outcome,
        )
        for _ in range(count)
    )


def test_idle_time_does_not_make_the_estimate_longer(factory: Namespace) -> None:
    now = timezone.now()
    pushes(factory, 25, ago=55, seconds=0.3, now=now)
    pushes(factory, 1, ago=1, seconds=0.3, now=now)
    estimate = overview.estimate(factory.resource_id, writes=1000, at=now)
    assert (estimate.seconds, estimate.limited_by) == (80.0, "budget")
    assert overview.estimate(factory.resource_id, deletes=100, at=now).seconds == 1.2
    assert "100" in overview.announcement(factory.resource_id, deletes=100, at=now)


def test_single_edits_are_not_measured(factory: Namespace) -> None:
    now = timezone.now()
    for number in range(20):
        pushes(factory, 1, ago=2.9 * number, seconds=0.3, now=now)
    assert overview.speed(factory.resource_id, now) is None
    assert overview.estimate(factory.resource_id, deletes=100, at=now).seconds == 2.5  # by the default throughput


def test_a_slow_azure_is_measured_while_many_are_in_flight(factory: Namespace) -> None:
    now = timezone.now()
    for number in range(4):  # one group after another, without a pause
        pushes(factory, 32, ago=8.0 * number, seconds=8.0, now=now)
    assert overview.speed(factory.resource_id, now) == pytest.approx(4.0)
    estimate = overview.estimate(factory.resource_id, deletes=100, at=now)
    assert (estimate.seconds, estimate.limited_by) == (25.0, "speed")


def test_failed_tries_take_time_and_count_no_rows(factory: Namespace) -> None:
    now = timezone.now()
    pushes(factory, 32, ago=0, seconds=4.0, now=now)
    pushes(factory, 32, ago=4, seconds=4.0, now=now, outcome="delayed")
    assert overview.speed(factory.resource_id, now) == pytest.approx(4.0)


def test_throughput_is_measured_per_subscription(factory: Namespace) -> None:
    now = timezone.now()
    elsewhere = make_namespace("elsewhere", resource_id=namespace_id("elsewhere", subscription="2" * 8))
    pushes(elsewhere, 64, ago=1, seconds=16.0, now=now)
    assert overview.speed(factory.resource_id, now) is None
    assert overview.speed(elsewhere.resource_id, now) == pytest.approx(4.0)
