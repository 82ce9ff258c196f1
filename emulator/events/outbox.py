"""The events that wait for one webhook, and their attempts. Everything here runs in the loop of the publisher."""

import asyncio
import heapq
import logging
from dataclasses import dataclass, field
from typing import Any, Protocol

from emulator.events.allowed_urls import base_of
from emulator.events.life_cycle import LifeCycleEvent
from emulator.events.schedule import Outcome, Schedule
from emulator.events.subscription import EventSubscription

MAX_AT_ONCE = 8  # requests to one webhook
MAX_WAITING = 10_000  # events of one subscription
MAX_WAITING_IN_ALL = 50_000
logger = logging.getLogger("emulator.events")


class Deliverer(Protocol):
    """What sends an event: `emulator.events.webhook_client.WebhookClient`."""

    async def deliver(self, subscription: EventSubscription, event: LifeCycleEvent, attempts: int) -> Outcome: ...


@dataclass
class Budget:
    """The number of events that wait for all webhooks together."""

    held: int = 0
    limit: int = MAX_WAITING_IN_ALL


@dataclass
class DeliveryCounts:
    """What became of the events of a subscription since the emulator started."""

    delivered: int = 0
    failed_attempts: int = 0
    dead: int = 0  # given up: after the last attempt, at the end of their time, or after a status that is not retried
    dropped: int = 0  # not accepted, since too many waited
    last_outcome: str = ""

    def as_dict(self) -> dict[str, Any]:
        return {
            "delivered": self.delivered,
            "failedAttempts": self.failed_attempts,
            "dead": self.dead,
            "dropped": self.dropped,
            "lastOutcome": self.last_outcome,
        }


@dataclass(order=True)
class _Waiting:
    due: float
    order: int
    event: LifeCycleEvent = field(compare=False)
    attempts: int = field(compare=False)
    until: float = field(compare=False)  # checked before an attempt, as in Event Grid


class Outbox:
    """Delivers the events of one subscription, each until it is delivered or dead.

    A webhook that is slow or dead holds up neither other webhooks nor the broker, only its own events.
    """

    def __init__(self, subscription: EventSubscription, client: Deliverer, schedule: Schedule, budget: Budget) -> None:
        self.subscription = subscription
        self.counts = DeliveryCounts()
        self._client = client
        self._schedule = schedule
        self._budget = budget
        self._waiting: list[_Waiting] = []
        self._order = 0
        self._running: set[asyncio.Task[None]] = set()
        self._next_start = 0.0  # by the rate that the webhook allows
        self._timer: asyncio.TimerHandle | None = None
        self._is_closed = False

    @property
    def waiting(self) -> int:
        """The number of events that are not delivered yet, with those on their way."""
        return len(self._waiting) + len(self._running)

    def add(self, event: LifeCycleEvent) -> None:
        """Accept an event, or drop it if too many wait."""
        if self.waiting >= MAX_WAITING or self._budget.held >= self._budget.limit:
            self.counts.dropped += 1
            if self.counts.dropped == 1:
                logger.warning("%s: events are dropped, since too many wait", self._label)
            return
        self._budget.held += 1
        now = asyncio.get_running_loop().time()
        until = now + self._schedule.lifetime(self.subscription.policy)
        self._push(_Waiting(now, 0, event, 0, until))
        self._start_due()

    def close(self) -> None:
        """Give up everything that waits: the subscription was deleted or changed, or the emulator stops."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._budget.held -= len(self._waiting)
        self._waiting.clear()
        for task in self._running:
            task.cancel()

    def _push(self, waiting: _Waiting) -> None:
        self._order += 1
        waiting.order = self._order
        heapq.heappush(self._waiting, waiting)

    def _start_due(self) -> None:
        """Start the attempts that are due, and wait for the next one."""
        if self._is_closed:
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        while self._waiting and len(self._running) < MAX_AT_ONCE and max(self._waiting[0].due, self._next_start) <= now:
            if self.subscription.rate:
                self._next_start = now + 60.0 / self.subscription.rate
            task = loop.create_task(self._attempt(heapq.heappop(self._waiting)))
            self._running.add(task)
            task.add_done_callback(self._on_done)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting and len(self._running) < MAX_AT_ONCE:
            self._timer = loop.call_at(max(self._waiting[0].due, self._next_start), self._start_due)

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._budget.held -= 1  # a retry has been counted again
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("%s: a delivery failed", self._label, exc_info=error)
            self.counts.dead += 1
        self._start_due()

    async def _attempt(self, waiting: _Waiting) -> None:
        now = asyncio.get_running_loop().time
        if now() > waiting.until:
            self._bury(waiting, "TimeToLiveExceeded")
            return
        outcome = await self._client.deliver(self.subscription, waiting.event, waiting.attempts)
        self.counts.last_outcome = outcome.outcome
        if outcome.is_delivered:
            self.counts.delivered += 1
            return
        self.counts.failed_attempts += 1
        waiting.attempts += 1
        delay = self._schedule.next_delay(outcome, waiting.attempts, self.subscription.policy)
        if delay is None:
            self._bury(waiting, "MaxDeliveryAttemptsExceeded" if outcome.status else outcome.outcome)
        elif not self._is_closed:
            waiting.due = now() + delay
            self._budget.held += 1
            self._push(waiting)

    def _bury(self, waiting: _Waiting, reason: str) -> None:
        """Give an event up. Event Grid drops it too where no dead-letter destination is configured."""
        logger.warning(
            "%s: event %s is given up after %s attempts (%s, last outcome %s)",
            self._label,
            waiting.event.id,
            waiting.attempts,
            reason,
            self.counts.last_outcome or "none",
        )
        self.counts.dead += 1

    @property
    def _label(self) -> str:
        return f"{self.subscription.id} to {base_of(self.subscription.url)}"
