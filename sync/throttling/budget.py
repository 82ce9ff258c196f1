"""Request budgets: a token bucket per subscription and operation type, shared by all workers through the database.

ARM refills each bucket at a steady rate and reports in every response how many requests remain. The bucket here starts
with ARM's documented size and rate and is corrected by each response, so that requests are held back before Azure would
reject them with 429 (https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from sync.arm.call_recording import Call
from sync.models import Budget, WorkerBeat

SIZES: dict[str, tuple[float, float]] = {  # bucket, refill per second; per subscription and service principal
    "reads": (250.0, 25.0),
    "writes": (200.0, 10.0),
    "deletes": (200.0, 10.0),
}
LEARNING_INTERVAL = timedelta(seconds=5)
LEARNING_WEIGHT = 0.3  # of a new measurement
SLOWEST, FASTEST = 0.05, 2000.0  # requests per second
SLOWDOWN = 0.9  # the rate is multiplied by this after a 429
LONGEST_BLOCK = 30.0  # seconds
PROBES = 4  # requests that test whether an outage is over


@dataclass(frozen=True)
class Grant:
    """The number of requests that may be sent now, and the seconds after which to ask for the rest (0: none are left out)."""

    count: int
    wait: float


@dataclass(frozen=True)
class Gauge:
    """One bucket for pages and metrics. `refill`: requests per second; `throttled`: responses 429 so far."""

    subscription: str
    operation: str
    level: int
    capacity: int
    refill: float
    blocked_seconds: float
    blocked_reason: str
    throttled: int

    @property
    def percent(self) -> int:
        return max(0, min(100, round(100 * self.level / self.capacity))) if self.capacity else 0


def reserve(subscription: str, operation: str, wanted: int, at: datetime | None = None) -> Grant:
    """Take up to `wanted` requests out of a bucket, and as many out of the bucket of reads for a write or delete.

    A resource is read before it is changed or deleted, which is why both buckets are used.

    Args:
        subscription: the subscription ID, in any case.
        operation: "reads", "writes" or "deletes", as ARM counts them.
        wanted: number of requests.
        at: the current time, by default now.

    Returns:
        The number granted, and the seconds to wait before asking again.
    """
    if not settings.ARM_BUDGETS:
        return Grant(wanted, 0.0)
    at = at or timezone.now()
    with transaction.atomic():
        budgets = [_locked(subscription, each, at) for each in _buckets_of(operation)]
        blocked = max((b.blocked_until for b in budgets if b.blocked_until is not None), default=at)
        if blocked > at:
            return Grant(0, (blocked - at).total_seconds())
        most = wanted if not any(budget.failures for budget in budgets) else min(wanted, PROBES)
        for budget in budgets:
            _fill(budget, at)
            most = max(0, min(most, int(budget.level)))
        for budget in budgets:
            budget.level -= most
            budget.save(update_fields=["level", "counted_at"])
        wait = max((1.0 - budget.level) / budget.refill for budget in budgets)
    return Grant(most, 0.0 if most == wanted else min(max(wait, 0.02), 5.0))


def _buckets_of(operation: str) -> tuple[str, ...]:
    return (operation,) if operation == "reads" else ("reads", operation)  # always locked in this order


def give_back(subscription: str, operation: str, count: int) -> None:
    """Return `count` requests that were reserved and not sent."""
    if count <= 0 or not settings.ARM_BUDGETS:
        return
    for each in _buckets_of(operation):
        with transaction.atomic():
            budget = _locked(subscription, each, timezone.now())
            budget.level = min(budget.capacity, budget.level + count)
            budget.save(update_fields=["level"])


def _locked(subscription: str, operation: str, at: datetime) -> Budget:
    capacity, refill = SIZES[operation]
    defaults = {"level": capacity, "capacity": capacity, "refill": refill, "counted_at": at}
    key = {"subscription": subscription.lower(), "operation": operation}
    budget, _ = Budget.objects.select_for_update().get_or_create(**key, defaults=defaults)
    return budget


def _fill(budget: Budget, at: datetime) -> None:
    elapsed = max((at - budget.counted_at).total_seconds(), 0.0)
    budget.level = min(budget.capacity, budget.level + elapsed * budget.refill)
    budget.counted_at = max(at, budget.counted_at)


def learn(calls: Iterable[Call], at: datetime | None = None) -> None:
    """Correct the buckets by what Azure's responses report.

    Args:
        calls: recorded requests; those without a response or a subscription are ignored.
        at: the current time, by default now.
    """
    if not settings.ARM_BUDGETS:
        return
    at = at or timezone.now()
    groups: dict[tuple[str, str], list[Call]] = defaultdict(list)
    for call in calls:
        if call.subscription and call.status:
            groups[(call.subscription, call.operation)].append(call)
    for (subscription, operation), answered in sorted(groups.items()):
        with transaction.atomic():
            budget = _locked(subscription, operation, at)
            _fill(budget, at)
            _correct(budget, answered, at)
            budget.save()


def _correct(budget: Budget, answered: Sequence[Call], at: datetime) -> None:
    throttled = [call for call in answered if call.status == 429]
    counted = [call for call in answered if call.remaining is not None]
    budget.window_answers += len(answered) - len(throttled)
    if counted:
        newest = max(counted, key=lambda call: call.at + timedelta(seconds=call.seconds))
        assert newest.remaining is not None
        budget.remaining = newest.remaining
        budget.capacity = max(budget.capacity, float(newest.remaining + 1))
        # Requests in flight are already counted here, but not yet by Azure.
        lowest = newest.remaining - _max_in_flight()
        budget.level = min(max(budget.level, float(lowest)), float(newest.remaining))
        _learn_refill(budget, newest.remaining, at)
    if any(call.status < 500 for call in answered):
        budget.failures = 0
    if throttled:
        wait = max(call.retry_after or 1.0 for call in throttled)
        budget.throttled += len(throttled)
        budget.level = min(budget.level, 0.0)
        budget.refill = max(budget.refill * SLOWDOWN, SLOWEST)
        budget.window_at = None
        _block(budget, at + timedelta(seconds=min(wait, 3600.0)), "Azure throttles requests (429)")


def _learn_refill(budget: Budget, remaining: int, at: datetime) -> None:
    if budget.window_at is None or budget.window_remaining is None:
        budget.window_at, budget.window_remaining, budget.window_answers = at, remaining, 0
        return
    elapsed = at - budget.window_at
    if elapsed < LEARNING_INTERVAL:
        return
    is_filling = max(remaining, budget.window_remaining) < 0.9 * budget.capacity
    if is_filling and elapsed < 4 * LEARNING_INTERVAL:  # a bucket that was full shows no rate
        rate = (remaining - budget.window_remaining + budget.window_answers) / elapsed.total_seconds()
        learned = (1 - LEARNING_WEIGHT) * budget.refill + LEARNING_WEIGHT * rate
        budget.refill = min(max(learned, SLOWEST), FASTEST)
    budget.window_at, budget.window_remaining, budget.window_answers = at, remaining, 0


def _max_in_flight() -> int:
    return int(settings.SYNC_IN_FLIGHT) * max(WorkerBeat.objects.count(), 1)


def _block(budget: Budget, until: datetime, reason: str) -> None:
    if budget.blocked_until is None or budget.blocked_until < until:
        budget.blocked_until, budget.blocked_reason = until, reason[:300]


def outage(subscription: str, reason: str, at: datetime | None = None) -> None:
    """Hold back all requests of a subscription that Azure does not answer, longer for each outage in a row.

    Afterwards `reserve` grants a few requests at a time until one is answered.

    Args:
        subscription: the subscription ID, in any case.
        reason: a sentence for the page *Sync*.
        at: the current time, by default now.
    """
    if not settings.ARM_BUDGETS:
        return
    at = at or timezone.now()
    for operation in SIZES:
        with transaction.atomic():
            budget = _locked(subscription, operation, at)
            if budget.blocked_until is not None and budget.blocked_until > at:
                continue  # the same outage, noticed by several requests
            budget.failures += 1
            _block(budget, at + timedelta(seconds=min(0.5 * 2 ** min(budget.failures, 10), LONGEST_BLOCK)), reason)
            budget.save(update_fields=["failures", "blocked_until", "blocked_reason"])


def gauges(at: datetime | None = None) -> list[Gauge]:
    """Return every bucket that has been used, filled up to `at` (by default now)."""
    at = at or timezone.now()
    found = []
    for budget in Budget.objects.order_by("subscription", "operation"):
        _fill(budget, at)
        left = (budget.blocked_until - at).total_seconds() if budget.blocked_until else 0.0
        found.append(
            Gauge(
                budget.subscription,
                budget.operation,
                max(int(budget.level), 0),
                int(budget.capacity),
                round(budget.refill, 2),
                max(left, 0.0),
                budget.blocked_reason if left > 0 else "",
                budget.throttled,
            )
        )
    return found
