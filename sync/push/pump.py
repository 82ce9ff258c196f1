"""The engine of a worker: many rows on their way at once, claimed and settled in batches.

Threads only talk to Azure. Everything in the database happens in the one thread that runs the pump: it takes what is
due and allowed, hands it to the threads, and settles what came back, many rows in one transaction.
"""

import logging
import os
import threading
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import cache

from django.conf import settings
from django.db import Error as AnyDatabaseError
from django.db import InterfaceError, InternalError, OperationalError, close_old_connections
from django.utils import timezone

from portal.celery import send
from sync.arm.gateway import ArmGateway, AzureUnreachable, arm_gateway
from sync.arm.resource_ids import subscription_of
from sync.models import SyncedModel
from sync.push import claim_and_settle, queue
from sync.push.claim_and_settle import Pushed
from sync.push.delivery import Claimed, Delivery, deliver
from sync.push.listings import Collections
from sync.push.log import log_push
from sync.throttling import budget
from sync.workers import heartbeats
from sync.workers.heartbeats import Worker, this_worker

logger = logging.getLogger(__name__)

LINGER = 0.4  # seconds: people who save one thing often save another right after
LOOK_EVERY = 0.05
STAY_FOR = 5.0  # seconds: retries that soon need no sweep
GATHER = 0.02  # seconds to wait for neighbours before settling: one transaction for several rows
GATHER_IN_BULK = 0.2  # … while there is enough claimed for the threads to go on with
AHEAD = 0.4  # seconds of work that may be claimed and wait for a thread; at most MOST_AHEAD rows for each thread
MOST_AHEAD = 3
PACE_OVER = 0.25  # seconds
WIND_UP = 1.0  # seconds: when a run's time is over, for what is on its way to come back
MOST_TURNS = 6  # times its time that a run goes on at most, while something takes longer than that
DATABASE_AWAY = (OperationalError, InterfaceError, InternalError)  # the last: it is read-only while it changes over
CALL_EVERY = 0.5  # seconds between two messages that wake other workers to help
SETTLE_AGAIN_AFTER, SETTLE_AGAIN_AT_MOST = 0.2, 2.0  # seconds


@cache
def _threads(number: int, pid: int) -> ThreadPoolExecutor:
    """The threads that talk to Azure, for the life of the process: each keeps its memory and its connection warm."""
    return ThreadPoolExecutor(number, thread_name_prefix="push")


class _Pace:
    """The recent number of rows settled per second."""

    def __init__(self) -> None:
        self.rate = 0.0
        self._since = time.monotonic()
        self._count = 0

    def landed(self, count: int) -> None:
        self._count += count
        elapsed = time.monotonic() - self._since
        if elapsed >= GATHER:
            weight = min(elapsed / PACE_OVER, 1.0)  # a few that land together after long say little
            self.rate += weight * (self._count / elapsed - self.rate)
            self._since, self._count = time.monotonic(), 0


class _Time:
    """How long a run goes on: for its time, and until what is on its way is back.

    What takes long to come back must not hold up what waits, a deletion least of all: then the run has another turn.
    """

    def __init__(self, seconds: float) -> None:
        self._turn = seconds
        self._ends = time.monotonic() + seconds
        self._last_turn_ends = time.monotonic() + MOST_TURNS * seconds

    def is_over(self, *, is_flying: bool) -> bool:
        now = time.monotonic()
        if now < self._ends:
            return False
        if not is_flying or now < self._ends + WIND_UP or now >= self._last_turn_ends:
            return True
        self._ends = now + self._turn
        return False


class Pump:
    """One per worker process. `run` returns when nothing is due, or when its time is over."""

    def __init__(self, gateway: ArmGateway | None = None, worker: Worker | None = None) -> None:
        self._gateway = gateway
        self._worker = worker or this_worker()
        self._queue = queue.Queue()
        self._at_once: int = settings.SYNC_IN_FLIGHT
        self._threads = _threads(self._at_once, os.getpid())
        self._flying: dict[Future[Delivery], Claimed] = {}
        self._back: deque[Future[Delivery]] = deque()  # filled by the threads
        self._one_is_back = threading.Event()
        self._landed: list[Delivery] = []
        self._pace = _Pace()
        self._stopped = threading.Event()
        self._call: Future[bool] | None = None
        self._called_at = -CALL_EVERY
        self.pushed: dict[Pushed, int] = defaultdict(int)

    @property
    def gateway(self) -> ArmGateway:
        return self._gateway or arm_gateway()

    def stop(self) -> None:
        """Claim nothing more; `run` returns when all pushes in flight have been settled."""
        self._stopped.set()

    def run(self, *, seconds: float) -> bool:
        """Push what is due for `seconds`. Return True if there may be more to do."""
        self._worker.keep_beating()
        self._collections = Collections(self.gateway)
        try:
            return self._run_for(_Time(seconds))
        finally:
            self._finish()

    def _run_for(self, span: _Time) -> bool:
        idle_since = time.monotonic()
        while True:
            over = self._stopped.is_set() or span.is_over(is_flying=bool(self._flying))
            if not over and not self._took_off():
                idle_since = time.monotonic()
            if self._flying:
                self._wait_for_some()
                self._settle()
                idle_since = time.monotonic()
            elif over:
                return not self._stopped.is_set()
            elif self._queue.wait() > 0:  # there is something, and Azure asks for patience
                self._stopped.wait(min(self._queue.wait(), 0.25))
                idle_since = time.monotonic()
            elif time.monotonic() - idle_since > LINGER:
                soon = queue.soonest(within=STAY_FOR)
                if soon is None:
                    return False
                self._stopped.wait(min(soon + 0.01, 0.5))
            else:
                self._stopped.wait(LOOK_EVERY)

    # Up

    def _took_off(self) -> bool:
        """Claim and send rows; return False if the database was busy or away, which does not end the run."""
        try:
            self._let_loose_claims_go()
            self._worker.has_loose_claims = True  # until all that is claimed has been sent off
            self._take_off()
            self._worker.has_loose_claims = False
        except AnyDatabaseError:
            logger.warning("Nothing could be claimed now; trying again.", exc_info=True)
            close_old_connections()
            self._stopped.wait(0.5)
            return False
        return True

    def _let_loose_claims_go(self) -> None:
        """Release rows that were claimed but never sent, which would otherwise wait until their lease ends."""
        if self._worker.has_loose_claims:
            sent = [*self._flying.values(), *self._worker.unsettled]
            freed = claim_and_settle.let_go(self._worker.id, but=sent)
            self._worker.has_loose_claims = False
            logger.warning("Released %d rows that were claimed but not sent.", freed)

    def _take_off(self) -> None:
        """Claim what the threads will begin within a moment: claims in large groups cost little, and nothing waits long.

        How many that are follows from the pace, so that a slow Azure finds few rows claimed before their time. None
        while a collection is being listed: what goes after that needs no read of its own.
        """
        ahead = 0 if self._collections.are_coming else min(int(self._pace.rate * AHEAD), MOST_AHEAD * self._at_once)
        wanted = self._at_once + ahead
        room = wanted - len(self._flying)
        if room < wanted // 4 and self._flying:
            return
        by_model: dict[type[SyncedModel], list[queue.Candidate]] = defaultdict(list)
        candidates = self._queue.take(room)
        if len(candidates) == room:
            self._call_others()
        for candidate in candidates:
            by_model[candidate.model].append(candidate)
        for model, group in by_model.items():
            claimed = claim_and_settle.claim(model, [candidate.pk for candidate in group], worker=self._worker.id)
            self._return_unused(group, claimed)
            taken = self._collections.fresh(model, group, self._threads)
            for each in claimed:
                scope_id = each.row.arm_id().rsplit("/", 2)[0]
                self._send_off(replace(each, taken_names=taken.get(scope_id)))
        self._worker.in_flight = len(self._flying)

    def _call_others(self) -> None:
        """Wake another worker: more is due than this one can take, and one message woke one worker.

        A broker hands the message to a worker that is idle, or to a busy one, which ignores it: so it is sent again while
        there is as much to do. In a thread, because a broker that is away takes seconds to fail.
        """
        now = time.monotonic()
        is_sending = self._call is not None and not self._call.done()
        if is_sending or now - self._called_at < CALL_EVERY:
            return
        self._called_at = now
        if len(heartbeats.alive(timezone.now())) > 1:
            self._call = self._threads.submit(send, "sync.tasks.pump")

    def _send_off(self, claimed: Claimed) -> None:
        future = self._threads.submit(deliver, claimed, self.gateway)
        self._flying[future] = claimed
        future.add_done_callback(self._come_back)

    def _come_back(self, future: Future[Delivery]) -> None:
        """Hand a delivery back. Runs in the thread that delivered."""
        self._back.append(future)
        self._one_is_back.set()

    @staticmethod
    def _return_unused(group: Sequence[queue.Candidate], claimed: Sequence[Claimed]) -> None:
        """Return the budget of rows that another worker claimed first."""
        taken = {each.row.pk for each in claimed}
        unused: dict[tuple[str, str], int] = defaultdict(int)
        for candidate in group:
            if candidate.pk not in taken:
                unused[(candidate.subscription, candidate.operation)] += 1
        for (subscription, operation), count in unused.items():
            budget.give_back(subscription, operation, count)

    # Down

    def _wait_for_some(self) -> None:
        """Wait for the first that comes back, and a moment for its neighbours while the threads have enough to do."""
        if not self._one_is_back.wait(0.25):
            return
        begun = time.monotonic()
        while self._is_worth_waiting(time.monotonic() - begun):
            time.sleep(GATHER)
        self._one_is_back.clear()
        while self._back:
            future = self._back.popleft()
            self._landed.append(self._delivery_of(future, self._flying.pop(future)))
        self._pace.landed(len(self._landed))

    def _is_worth_waiting(self, waited: float) -> bool:
        on_their_way = len(self._flying) - len(self._back)
        if not on_their_way:
            return False
        if waited < GATHER:
            return len(self._back) < max(self._at_once // 3, 1) < len(self._flying)
        return on_their_way > self._at_once and waited < GATHER_IN_BULK

    @staticmethod
    def _delivery_of(future: Future[Delivery], claimed: Claimed) -> Delivery:
        fault = future.exception()
        if fault is None:
            return future.result()
        logger.error("%s %s could not be pushed.", claimed.row.kind, claimed.row.pk, exc_info=fault)
        outage = AzureUnreachable(f"the portal failed ({type(fault).__name__}); its log says why", 30.0, answered=True)
        return Delivery(
            claimed,
            timezone.now(),
            end="delayed",
            outage=outage,
            message=outage.reason,
            base=claimed.row.base,
            touched=True,
            lost=True,
        )

    def _settle(self) -> None:
        if not self._landed:
            return
        landed, self._landed = self._landed, []
        outcomes = self._settled(landed)
        calls = [call for delivery in landed for call in delivery.calls] + self._collections.calls()
        budget.learn(calls)
        self._note_outages(landed)
        for delivery, outcome in zip(landed, outcomes, strict=True):
            self.pushed[outcome] += 1
            self._collections.note(delivery, outcome)
            log_push(delivery, outcome)
        self._worker.pushed += len(landed)
        self._worker.in_flight = len(self._flying)

    def _settled(self, landed: Sequence[Delivery]) -> list[Pushed]:
        """Settle deliveries together; one by one if that fails, so that one bad row does not hold up the others."""
        try:
            return self._settled_together(landed)
        except AnyDatabaseError:
            logger.exception("%d rows could not be settled together; trying them one by one.", len(landed))
        outcomes = []
        for delivery in landed:
            try:
                outcomes += claim_and_settle.settle([delivery])
            except AnyDatabaseError:
                logger.exception("%s %s could not be settled.", delivery.row.kind, delivery.row.pk)
                self._worker.unsettled.append(delivery.claimed)  # when its lease has ended, it is read back
                outcomes.append(Pushed.NOT_CLAIMED)
        return outcomes

    @staticmethod
    def _settled_together(landed: Sequence[Delivery]) -> list[Pushed]:
        """Settle, retrying until the leases end: a database failover may take minutes."""
        ends = max(delivery.claimed.until for delivery in landed)
        pause = SETTLE_AGAIN_AFTER
        while True:
            try:
                return claim_and_settle.settle(landed)
            except DATABASE_AWAY:
                if time.monotonic() + pause > ends:
                    raise
                logger.warning("Settling %d rows failed; trying again.", len(landed), exc_info=True)
                close_old_connections()
                time.sleep(pause)
                pause = min(1.5 * pause, SETTLE_AGAIN_AT_MOST)

    @staticmethod
    def _note_outages(landed: Sequence[Delivery]) -> None:
        away: dict[str, str] = {}
        answered: set[str] = set()
        for delivery in landed:
            subscription = subscription_of(delivery.row.arm_id())
            if delivery.outage is not None and not delivery.outage.answered:
                away[subscription] = delivery.message
            elif any(call.status for call in delivery.calls):
                answered.add(subscription)
        for subscription, reason in away.items():
            if subscription not in answered:
                budget.outage(subscription, reason)

    def _finish(self) -> None:
        """Settle the pushes in flight, and release the claims that were not sent."""
        while self._flying:
            self._wait_for_some()
        self._settle()
        try:
            self._let_loose_claims_go()
        except AnyDatabaseError:
            logger.warning("Claims could not be released; the next run does that.", exc_info=True)


_running = threading.Lock()
_asked_again = threading.Event()
_current: Pump | None = None


def run_here(*, seconds: float) -> bool:
    """Run the pump of this process, unless it is running. Return True if there may be more to do."""
    global _current
    more = False
    _asked_again.set()
    while _asked_again.is_set() and _running.acquire(blocking=False):
        # A call while it runs makes it check again before it ends, so that no hint is lost.
        try:
            _asked_again.clear()
            _current = Pump()
            more = _current.run(seconds=seconds)
        finally:
            _current = None
            _running.release()
        if more:
            break
    return more


def stop_here() -> None:
    """Ask the pump of this process to end soon."""
    pump = _current
    if pump is not None:
        pump.stop()
