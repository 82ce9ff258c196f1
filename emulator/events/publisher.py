"""Life-cycle events: taken from the connection log and from changes of clients, delivered in a thread of its own.

The broker only puts a record into a queue and never waits. Everything else happens in the thread, with its own event loop:
numbers, filters, requests, retries. The thread starts with the first event subscription.
"""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from emulator.events.allowed_urls import AllowedUrls
from emulator.events.life_cycle import LifeCycleEvent, client_event, event_type_of, session_event
from emulator.events.loop_thread import LoopThread
from emulator.events.outbox import Budget, Outbox
from emulator.events.schedule import Schedule
from emulator.events.sequence_numbers import SequenceNumbers
from emulator.events.subscription import EventSubscription, subscription_of
from emulator.events.webhook_client import Handshake, WebhookClient, webhook_context
from emulator.storage.connection_records import ConnectionRecord
from emulator.storage.resources import CLIENT, EVENT_SUBSCRIPTION, NAMESPACE, Change, id_key
from emulator.storage.store import Store

MAX_INCOMING = 20_000  # records and changes that the thread has not taken yet; more are dropped
SETTLE_SECONDS = 3.0  # changes of one client within this time are one event, of its final state
logger = logging.getLogger("emulator.events")


@dataclass(frozen=True)
class EventOptions:
    """`ca`: a PEM file with certificates to trust besides the system's. `time_scale` shortens Event Grid's times."""

    allowed: AllowedUrls = field(default_factory=AllowedUrls)
    ca: Path | None = None
    time_scale: float = 1.0


class LifeCycleEvents:
    """Follows the store and the connection log, and delivers events to the subscriptions that are stored."""

    def __init__(self, store: Store, options: EventOptions) -> None:
        self.allowed = options.allowed
        self.schedule = Schedule(options.time_scale)
        self._store = store
        self._ca = options.ca
        self._incoming: deque[ConnectionRecord | Change] = deque()
        self._dropped = 0
        self._namespaces: dict[str, str] = {}  # of the stored subscriptions, by their key
        self._watched: frozenset[str] = frozenset()  # keys of namespaces with a subscription
        self._thread: _Deliveries | None = None
        self._lock = threading.Lock()
        self._is_stopped = False
        self._unsubscribe: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Follow the store, and deliver to the subscriptions that are in it."""
        self._unsubscribe = self._store.subscribe(self._on_change)
        self._store.follow_connections(self.record)
        for resource in self._store.of_type(EVENT_SUBSCRIPTION):
            self._on_change(Change("put", resource, subscription_of(resource).namespace_id))

    def stop(self) -> None:
        """End the thread. Events that wait are lost."""
        self._unsubscribe()
        with self._lock:
            self._is_stopped = True
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.stop()

    # From the broker and the store: nothing here waits

    def record(self, record: ConnectionRecord) -> None:
        """Take a record of the connection log. Called in the broker's loop for each connection."""
        if self._watched and id_key(record.namespace_id) in self._watched and event_type_of(record) is not None:
            self._put(record)

    def _on_change(self, change: Change) -> None:
        """Take a change. Runs in the thread that wrote, with the store's lock held."""
        kind = change.resource.type
        if kind == EVENT_SUBSCRIPTION:
            key = id_key(change.resource.id)
            if change.kind == "put":
                self._namespaces[key] = id_key(change.namespace_id)
            else:
                self._namespaces.pop(key, None)
            self._watched = frozenset(self._namespaces.values())
            self._put(change, is_kept=True)
        elif id_key(change.namespace_id) in self._watched and (
            kind == CLIENT or (kind == NAMESPACE and change.kind == "deleted")
        ):
            self._put(change)

    def _put(self, item: ConnectionRecord | Change, *, is_kept: bool = False) -> None:
        if self._is_stopped:
            return
        if len(self._incoming) >= MAX_INCOMING and not is_kept:
            self._dropped += 1
            if self._dropped == 1:
                logger.warning("life-cycle events are dropped: %s wait", MAX_INCOMING)
            return
        self._incoming.append(item)
        self._deliveries().wake()

    def _deliveries(self) -> "_Deliveries":
        with self._lock:
            if self._thread is None:
                self._thread = _Deliveries(self._store, self._incoming, self.allowed, self.schedule, self._ca)
                self._thread.start()
            return self._thread

    # For ARM

    def validate(self, subscription: EventSubscription, code: str, callback: str) -> "Future[Handshake]":
        """Start the validation handshake with a webhook."""
        return self._deliveries().validate(subscription, code, callback)

    def counts(self) -> dict[str, Any]:
        """Return what became of the events, by the id of their subscription, and how many were dropped before."""
        thread = self._thread
        return {"subscriptions": thread.counts() if thread is not None else {}, "dropped": self._dropped}


class _Deliveries(LoopThread):
    """The thread with the requests."""

    def __init__(
        self,
        store: Store,
        incoming: deque[ConnectionRecord | Change],
        allowed: AllowedUrls,
        schedule: Schedule,
        ca: Path | None,
    ) -> None:
        super().__init__("life-cycle events")
        self._store = store
        self._incoming = incoming
        self._allowed = allowed
        self._schedule = schedule
        self._ca = ca
        self._is_ready = asyncio.Event()
        self._client: WebhookClient | None = None
        self._budget = Budget()
        self._outboxes: dict[str, Outbox] = {}
        self._numbers: dict[str, SequenceNumbers] = {}
        self._changed: dict[str, Change] = {}  # clients whose changes settle

    async def _work(self) -> None:
        self._client = self._make_client()
        self._is_ready.set()
        try:
            while not self._is_over:
                await self._next_wake()
                while self._incoming:
                    self._take(self._incoming.popleft())
        finally:
            for outbox in self._outboxes.values():
                outbox.close()
            self._changed.clear()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            await self._client.close()

    def _make_client(self) -> WebhookClient:
        return WebhookClient(self._allowed, self._schedule, webhook_context(self._ca))

    def _take(self, item: ConnectionRecord | Change) -> None:
        try:
            if isinstance(item, ConnectionRecord):
                self._take_record(item)
            elif item.resource.type == EVENT_SUBSCRIPTION:
                self._take_subscription(item)
            elif item.resource.type == CLIENT:
                self._take_client(item)
            else:
                self._numbers.pop(id_key(item.namespace_id), None)
        except Exception:  # an error with one event must not stop the others
            logger.exception("could not handle a life-cycle event")

    def _take_record(self, record: ConnectionRecord) -> None:
        key, event_type = id_key(record.namespace_id), event_type_of(record)
        assert event_type is not None
        numbers = self._numbers.get(key)
        if numbers is None:
            name = f"event-sequence {key}"
            mark = int(self._store.setting(name) or 0)
            numbers = SequenceNumbers(mark, lambda mark: self._store.set_setting(name, str(mark)))
            self._numbers[key] = numbers
        is_end = event_type.endswith("Disconnected")
        number = (numbers.disconnected if is_end else numbers.connected)(record.session_name, record.trace_id)
        self._offer(session_event(record, event_type, number))

    def _take_subscription(self, change: Change) -> None:
        key = id_key(change.resource.id)
        outbox = self._outboxes.get(key)
        if change.kind == "deleted":
            if outbox is not None:
                outbox.close()
                del self._outboxes[key]
            return
        subscription = subscription_of(change.resource)
        if outbox is not None:
            outbox.subscription = subscription  # what waits goes to the new URL
        else:
            assert self._client is not None
            self._outboxes[key] = Outbox(subscription, self._client, self._schedule, self._budget)

    def _take_client(self, change: Change) -> None:
        key = id_key(change.resource.id)
        if key not in self._changed:
            self._loop.call_later(self._schedule.scaled(SETTLE_SECONDS), self._settle, key)
        self._changed[key] = change

    def _settle(self, key: str) -> None:
        change = self._changed.pop(key)
        is_deleted = change.kind == "deleted"
        now = datetime.now(UTC)
        self._offer(client_event(change.resource, change.namespace_id, is_deleted=is_deleted, now=now))

    def _offer(self, event: LifeCycleEvent) -> None:
        now, key = datetime.now(UTC), id_key(event.namespace_id)
        for outbox in self._outboxes.values():
            subscription = outbox.subscription
            if id_key(subscription.namespace_id) == key and subscription.wants(event, now):
                outbox.add(event)

    # For other threads

    def validate(self, subscription: EventSubscription, code: str, callback: str) -> "Future[Handshake]":
        async def ask() -> Handshake:
            await self._is_ready.wait()
            assert self._client is not None
            return await self._client.validate(subscription, code, callback)

        return asyncio.run_coroutine_threadsafe(ask(), self._loop)

    def counts(self) -> dict[str, Any]:
        """Return the counts of each subscription. May miss one that changes at this moment."""
        return {
            outbox.subscription.id: {"waiting": outbox.waiting, **outbox.counts.as_dict()}
            for outbox in tuple(self._outboxes.values())
        }
