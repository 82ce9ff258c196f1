"""How fast Azure allows: a token bucket per subscription and operation type, shared by all workers in the database.

ARM fills each bucket at a steady rate and says in every answer how many requests are left. The bucket here starts with
ARM's documented size and rate and follows what the answers say, so that a request is held back here before Azure would
refuse it (https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling).
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
LEARN_EVERY = timedelta(seconds=5)
LEARN_SHARE = 0.3
SLOWEST, FASTEST = 0.05, 2000.0
BRAKE = 0.9  # after a 429 the rate was too high
LONGEST_BLOCK = 30.0
TRY_WITH = 4  # after an outage, that many find out whether it is over


@dataclass(frozen=True)
class Grant:
    """How many requests may go now, and after how many seconds to ask again when these were fewer than wanted."""

    count: int
    wait: float


@dataclass(frozen=True)
class Gauge:
    """One bucket as people see it."""

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
    """Take up to `wanted` requests out of the bucket. What is changed or deleted is read first, which takes a read, too."""
    if not settings.ARM_BUDGETS:
        return Grant(wanted, 0.0)
    at = at or timezone.now()
    with transaction.atomic():
        budgets = [_locked(subscription, each, at) for each in _taken_by(operation)]
        blocked = max((b.blocked_until for b in budgets if b.blocked_until is not None), default=at)
        if blocked > at:
            return Grant(0, (blocked - at).total_seconds())
        most = wanted if not any(budget.failures for budget in budgets) else min(wanted, TRY_WITH)
        for budget in budgets:
            _fill(budget, at)
            most = max(0, min(most, int(budget.level)))
        for budget in budgets:
            budget.level -= most
            budget.save(update_fields=["level", "counted_at"])
        wait = max((1.0 - budget.level) / budget.refill for budget in budgets)
    return Grant(most, 0.0 if most == wanted else min(max(wait, 0.02), 5.0))


def _taken_by(operation: str) -> tuple[str, ...]:
    return (operation,) if operation == "reads" else ("reads", operation)  # always locked in this order


def give_back(subscription: str, operation: str, count: int) -> None:
    """Return what was taken and not used."""
    if count <= 0 or not settings.ARM_BUDGETS:
        return
    for each in _taken_by(operation):
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
    """Follow what Azure's answers said of each bucket."""
    if not settings.ARM_BUDGETS:
        return
    at = at or timezone.now()
    groups: dict[tuple[str, str], list[Call]] = defaultdict(list)
    for call in calls:
        if call.subscription and call.status:
            groups[(call.subscription, call.operation)].append(call)
    for (subscription, operation), answers in sorted(groups.items()):
        with transaction.atomic():
            budget = _locked(subscription, operation, at)
            _fill(budget, at)
            _follow(budget, answers, at)
            budget.save()


def _follow(budget: Budget, answers: Sequence[Call], at: datetime) -> None:
    refused = [call for call in answers if call.status == 429]
    told = [call for call in answers if call.remaining is not None]
    budget.window_answers += len(answers) - len(refused)
    if told:
        newest = max(told, key=lambda call: call.at + timedelta(seconds=call.seconds))
        assert newest.remaining is not None
        budget.remaining = newest.remaining
        budget.capacity = max(budget.capacity, float(newest.remaining + 1))
        # What is on its way is counted here already, and there not yet.
        lowest = newest.remaining - _in_flight_at_most()
        budget.level = min(max(budget.level, float(lowest)), float(newest.remaining))
        _learn_refill(budget, newest.remaining, at)
    if any(call.status < 500 for call in answers):
        budget.failures = 0
    if refused:
        patience = max(call.retry_after or 1.0 for call in refused)
        budget.throttled += len(refused)
        budget.level = min(budget.level, 0.0)
        budget.refill = max(budget.refill * BRAKE, SLOWEST)
        budget.window_at = None
        _block(budget, at + timedelta(seconds=min(patience, 3600.0)), "Azure asks for patience (429)")


def _learn_refill(budget: Budget, remaining: int, at: datetime) -> None:
    if budget.window_at is None or budget.window_remaining is None:
        budget.window_at, budget.window_remaining, budget.window_answers = at, remaining, 0
        return
    elapsed = at - budget.window_at
    if elapsed < LEARN_EVERY:
        return
    is_filling = max(remaining, budget.window_remaining) < 0.9 * budget.capacity
    if is_filling and elapsed < 4 * LEARN_EVERY:  # else it was full for a while, and tells nothing
        rate = (remaining - budget.window_remaining + budget.window_answers) / elapsed.total_seconds()
        learned = (1 - LEARN_SHARE) * budget.refill + LEARN_SHARE * rate
        budget.refill = min(max(learned, SLOWEST), FASTEST)
    budget.window_at, budget.window_remaining, budget.window_answers = at, remaining, 0


def _in_flight_at_most() -> int:
    return int(settings.SYNC_IN_FLIGHT) * max(WorkerBeat.objects.count(), 1)


def _block(budget: Budget, until: datetime, reason: str) -> None:
    if budget.blocked_until is None or budget.blocked_until < until:
        budget.blocked_until, budget.blocked_reason = until, reason[:300]


def outage(subscription: str, reason: str, at: datetime | None = None) -> None:
    """Azure does not answer for a subscription: hold everything back, longer each time in a row, and try with a few."""
    if not settings.ARM_BUDGETS:
        return
    at = at or timezone.now()
    for operation in SIZES:
        with transaction.atomic():
            budget = _locked(subscription, operation, at)
            if budget.blocked_until is not None and budget.blocked_until > at:
                continue  # one outage, seen by many
            budget.failures += 1
            _block(budget, at + timedelta(seconds=min(0.5 * 2 ** min(budget.failures, 10), LONGEST_BLOCK)), reason)
            budget.save(update_fields=["failures", "blocked_until", "blocked_reason"])


def gauges(at: datetime | None = None) -> list[Gauge]:
    """Every bucket that has been used, as it is now."""
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
