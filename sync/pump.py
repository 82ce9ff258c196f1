"""The engine of a worker: many rows on their way at once, claimed and settled in batches.

Threads only talk to Azure. Everything in the database happens in the one thread that runs the pump: it takes what is
due and allowed, hands it to the threads, and settles what came back, many rows in one transaction.
"""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace

from django.conf import settings
from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from sync import budget, queue, reconcile
from sync.collections import Collections
from sync.delivery import Claimed, Delivery, deliver
from sync.gateway import ArmGateway, AzureUnreachable, arm_gateway
from sync.logs import log_push
from sync.models import SyncedModel
from sync.reconcile import Pushed
from sync.workers import Worker, this_worker

logger = logging.getLogger(__name__)

LINGER = 0.4  # seconds: somebody who saves one thing often saves another one at once
LOOK_EVERY = 0.05
STAY_FOR = 5.0  # seconds: what is tried again that soon needs no sweep to find it
GATHER = 0.02  # seconds to wait for neighbours before settling: one transaction for several rows
SETTLE_TRIES = 8  # almost six seconds: a database that restarts is back by then


class Pump:
    """One per worker process. `run` returns when nothing is due, or when its time is over."""

    def __init__(self, gateway: ArmGateway | None = None, worker: Worker | None = None) -> None:
        self._gateway = gateway
        self._worker = worker or this_worker()
        self._queue = queue.Queue()
        self._flying: dict[Future[Delivery], Claimed] = {}
        self._landed: list[Delivery] = []
        self._stopped = threading.Event()
        self.pushed: dict[Pushed, int] = defaultdict(int)

    @property
    def gateway(self) -> ArmGateway:
        return self._gateway or arm_gateway()

    def stop(self) -> None:
        """Take nothing new; `run` returns when what is on its way has been settled."""
        self._stopped.set()

    def run(self, *, seconds: float) -> bool:
        """Push what is due. True when there may be more to do."""
        self._worker.keep_beating()
        ends = time.monotonic() + seconds
        idle_since = time.monotonic()
        self._collections = Collections(self.gateway)
        with ThreadPoolExecutor(settings.SYNC_IN_FLIGHT, thread_name_prefix="push") as threads:
            self._threads = threads
            try:
                while True:
                    over = self._stopped.is_set() or time.monotonic() >= ends
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
            finally:
                self._finish()

    # Up

    def _took_off(self) -> bool:
        """Take off; False when the database was busy or away, which is no reason to end."""
        try:
            self._take_off()
        except DatabaseError:
            logger.warning("Nothing could be claimed now; trying again.", exc_info=True)
            close_old_connections()
            self._stopped.wait(0.5)
            return False
        return True

    def _take_off(self) -> None:
        room = settings.SYNC_IN_FLIGHT - len(self._flying)
        if room < settings.SYNC_IN_FLIGHT // 4 and self._flying:
            return
        candidates = self._queue.take(room)
        by_model: dict[type[SyncedModel], list[queue.Candidate]] = defaultdict(list)
        for candidate in candidates:
            by_model[candidate.model].append(candidate)
        for model, group in by_model.items():
            claimed = reconcile.claim(model, [candidate.pk for candidate in group], worker=self._worker.id)
            self._return_unused(group, claimed)
            collections = self._collections.fresh(model, group, self._threads)
            for each in claimed:
                scope_id = each.row.arm_id().rsplit("/", 2)[0]
                ready = replace(each, collection=collections.get(scope_id))
                self._flying[self._threads.submit(deliver, ready, self.gateway)] = ready
        self._worker.in_flight = len(self._flying)

    @staticmethod
    def _return_unused(group: Sequence[queue.Candidate], claimed: Sequence[Claimed]) -> None:
        """What another worker was faster to claim costs this one nothing."""
        taken = {each.row.pk for each in claimed}
        unused: dict[tuple[str, str], int] = defaultdict(int)
        for candidate in group:
            if candidate.pk not in taken:
                unused[(candidate.subscription, candidate.operation)] += 1
        for (subscription, operation), count in unused.items():
            budget.give_back(subscription, operation, count)

    # Down

    def _wait_for_some(self) -> None:
        enough = max(settings.SYNC_IN_FLIGHT // 3, 1)
        done, waiting = wait(self._flying, timeout=0.25, return_when=FIRST_COMPLETED)
        if done and waiting and len(done) < enough and len(self._flying) > enough:
            time.sleep(GATHER)
            done = {future for future in self._flying if future.done()}
        for future in done:
            self._landed.append(self._delivery_of(future, self._flying.pop(future)))

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

    @staticmethod
    def _settled(landed: Sequence[Delivery]) -> list[Pushed]:
        """A database that is busy or away for a moment must not cost what Azure has already done."""
        for attempt in range(1, SETTLE_TRIES + 1):
            try:
                return reconcile.settle(landed)
            except DatabaseError:
                if attempt == SETTLE_TRIES:
                    raise
                logger.warning("Settling %d rows failed; trying again.", len(landed), exc_info=True)
                close_old_connections()
                time.sleep(0.2 * attempt)
        raise AssertionError("unreachable")

    @staticmethod
    def _note_outages(landed: Sequence[Delivery]) -> None:
        away: dict[str, str] = {}
        answered: set[str] = set()
        for delivery in landed:
            subscription = queue.subscription_of(delivery.row.arm_id())
            if delivery.outage is not None and not delivery.outage.answered:
                away[subscription] = delivery.message
            elif any(call.status for call in delivery.calls):
                answered.add(subscription)
        for subscription, reason in away.items():
            if subscription not in answered:
                budget.outage(subscription, reason)

    def _finish(self) -> None:
        """Whatever ends the pump, what is on its way is settled."""
        while self._flying:
            self._wait_for_some()
        self._settle()


_running = threading.Lock()
_asked_again = threading.Event()
_current: Pump | None = None


def run_here(*, seconds: float) -> bool:
    """Run the pump of this process, unless it runs already. True when there may be more to do."""
    global _current
    more = False
    _asked_again.set()
    while _asked_again.is_set() and _running.acquire(blocking=False):
        # Asked while it runs, it looks again before it ends: a hint is not lost between its last look and its end.
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
