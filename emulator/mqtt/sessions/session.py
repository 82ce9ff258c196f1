"""One session: its queued and unacknowledged messages, and the order in which they are sent. Sans I/O."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from emulator.mqtt.limits import MAX_HELD_BYTES, MAX_IN_FLIGHT_OUTGOING, MAX_QUEUED_BYTES, MAX_QUEUED_MESSAGES
from emulator.mqtt.sessions.message_counts import Tally
from emulator.mqtt.wire.packets import Properties, Property, Subscription


class Outlet(Protocol):
    """Sends a connected session's messages."""

    @property
    def is_congested(self) -> bool:
        """Whether the client reads too slowly: more would only fill the memory."""

    def send(self, message: Message, packet_id: int, now: float, *, duplicate: bool = False) -> bool:
        """Send a message. Returns False when it is larger than the client accepts: it then counts as delivered."""


class Delivery(Protocol):
    """A message of a shared subscription: see `emulator.mqtt.sessions.shared_groups`."""

    is_settled: bool  # a member has acknowledged it

    @property
    def group(self) -> Group: ...

    def settle(self) -> None: ...

    def give_back(self, session: Session) -> None: ...


class Group(Protocol):
    """A shared subscription whose member the session is."""

    @property
    def has_connected_member(self) -> bool: ...

    @property
    def has_waiting(self) -> bool: ...

    def collect(self) -> None: ...

    def supply(self, session: Session, now: float) -> None: ...

    def distribute(self, now: float) -> None: ...


class Message:
    """A message on its way to subscribers, never changed. `expires_at`: seconds on the broker's clock, or None."""

    delivery: Delivery | None = None  # of a `SharedMessage`

    __slots__ = ("expires_at", "payload", "properties", "qos", "retain", "size", "topic")

    def __init__(
        self,
        topic: str,
        payload: bytes,
        qos: int,
        retain: bool,
        properties: Properties = (),
        expires_at: float | None = None,
    ) -> None:
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.retain = retain
        self.properties = properties
        self.expires_at = expires_at
        self.size = len(topic) + len(payload)
        if properties:
            self.size += _size_of(properties)

    def at(self, qos: int, *, retain: bool, identifiers: tuple[int, ...] = ()) -> Message:
        """Return the message with a subscriber's quality of service, retain flag and subscription identifiers."""
        if qos == self.qos and retain == self.retain and not identifiers:
            return self
        properties = self.properties
        if identifiers:
            properties += tuple((Property.SUBSCRIPTION_IDENTIFIER, identifier) for identifier in identifiers)
        return Message(self.topic, self.payload, qos, retain, properties, self.expires_at)

    def has_expired(self, now: float) -> bool:
        """Whether the expiry has passed. Before 2026 an expiry of zero still reaches the clients that are connected."""
        return self.expires_at is not None and self.expires_at < now

    def properties_at(self, now: float) -> Properties:
        """Return the properties to send, with the rest of the message expiry (MQTT 5, 3.3.2.3.3)."""
        if self.expires_at is None:
            return self.properties
        left = max(int(self.expires_at > now), int(self.expires_at - now + 0.5))  # zero only if the publisher sent zero
        return tuple((n, left if n == Property.MESSAGE_EXPIRY else v) for n, v in self.properties)


class SharedMessage(Message):
    """The copy of a message that one member of a shared subscription gets."""

    __slots__ = ("delivery",)

    def __init__(self, message: Message, delivery: Delivery) -> None:
        super().__init__(
            message.topic, message.payload, message.qos, message.retain, message.properties, message.expires_at
        )
        self.delivery = delivery


def _size_of(properties: Properties) -> int:
    texts = (value for _, value in properties if not isinstance(value, int))
    return sum(len(v) if isinstance(v, str | bytes) else len(v[0]) + len(v[1]) for v in texts)


class Ledger:
    """Bytes of messages that the sessions of one namespace hold together."""

    __slots__ = ("held", "limit")

    def __init__(self, limit: int = MAX_HELD_BYTES) -> None:
        self.held = 0
        self.limit = limit


class Session:
    """A session: its subscriptions, queued and unacknowledged messages."""

    __slots__ = (
        "_last_packet_id",
        "_ledger",
        "_queued_bytes",
        "_retained",
        "_unsent",
        "expires_at",
        "expiry_seconds",
        "groups",
        "in_flight",
        "keep_alive",
        "name",
        "outlet",
        "overflowed",
        "owner",
        "protocol",
        "queue",
        "receive_maximum",
        "since",
        "subscriptions",
        "tally",
    )

    def __init__(self, name: str, owner: str, ledger: Ledger | None = None, tally: Tally | None = None) -> None:
        self.name = name
        self.owner = owner  # key of the authentication name it belongs to
        self.expiry_seconds = 0
        self.subscriptions: dict[str, Subscription] = {}  # by topic filter; of shared ones with their group
        self.groups: dict[Group, None] = {}  # shared subscriptions
        self.queue: deque[Message] = deque()
        self.in_flight: dict[int, Message] = {}
        self.outlet: Outlet | None = None  # set while connected
        self.receive_maximum = MAX_IN_FLIGHT_OUTGOING
        self.expires_at: float | None = None  # set while disconnected
        self.overflowed = False
        self.tally = tally or Tally()
        self.since = 0.0  # connected, or else disconnected, since then
        self.protocol = ""  # of the last connection, in Azure's terms
        self.keep_alive = 0
        self._ledger = ledger or Ledger()
        self._retained: dict[str, Message] = {}  # by topic, so that repeated subscriptions add nothing
        self._unsent: deque[int] = deque()  # in flight when the connection ended, to be sent again
        self._queued_bytes = 0
        self._last_packet_id = 0

    @property
    def is_connected(self) -> bool:
        return self.outlet is not None

    def deliver(self, message: Message, now: float) -> None:
        """Send a message, or queue it. QoS 0 is dropped while the client is away or reads slowly.

        Sets `overflowed` when the queue cannot take it: Event Grid ends such a session.
        """
        outlet = self.outlet
        if message.qos == 0:
            if outlet is None or outlet.is_congested:
                self.tally.dropped[0] += 1
            else:
                self._send(outlet, message, now)
            return
        if (
            len(self.queue) >= MAX_QUEUED_MESSAGES
            or self._queued_bytes + message.size > MAX_QUEUED_BYTES
            or self._ledger.held + message.size > self._ledger.limit
        ):
            self.overflowed = True
            self.tally.dropped[1] += 1
            return
        self._ledger.held += message.size
        is_full = len(self.in_flight) >= self.receive_maximum
        if outlet is None or is_full or self._has_own_waiting or outlet.is_congested:
            self.queue.append(message)  # until `pump`
            self._queued_bytes += message.size
        else:
            self._send(outlet, message, now)

    @property
    def has_waiting(self) -> bool:
        """Whether messages wait for `pump`."""
        if self.queue or self._unsent or self._retained:
            return True
        return bool(self.groups) and any(group.has_waiting for group in self.groups)

    @property
    def _has_own_waiting(self) -> bool:
        return bool(self.queue or self._unsent or self._retained)

    @property
    def is_ready(self) -> bool:
        """Whether the client can be sent one more message at once, with no other before it."""
        outlet = self.outlet
        return (
            outlet is not None
            and len(self.in_flight) < self.receive_maximum
            and not self._has_own_waiting
            and not outlet.is_congested
        )

    def send(self, message: Message, now: float) -> bool:
        """Send a message of a shared subscription to a session that `is_ready`. Return False if it is too large for it."""
        assert self.outlet is not None
        self._ledger.held += message.size if message.qos else 0
        return self._try_to_send(self.outlet, message, now)

    def give_up(self, wanted: Callable[[Delivery], bool]) -> list[Delivery]:
        """Forget unacknowledged messages of shared subscriptions, and return those that were `wanted` in their order."""
        found: list[Delivery] = []
        for packet_id, message in tuple(self.in_flight.items()):
            if message.delivery is not None and wanted(message.delivery):
                del self.in_flight[packet_id]
                self._ledger.held -= message.size
                found.append(message.delivery)
        self._unsent = deque(packet_id for packet_id in self._unsent if packet_id in self.in_flight)
        return found

    def deliver_retained(self, messages: dict[str, Message]) -> None:
        """Add retained messages for a new subscription: sent as fast as the client reads, outside the queue's limits."""
        self._retained.update(messages)

    def pump(self, now: float) -> None:
        """Send waiting messages in order, as many as the receiver accepts. Call it whenever the receiver can accept more."""
        outlet = self.outlet
        room = self.receive_maximum
        while outlet is not None and not outlet.is_congested:
            if self._unsent:
                if len(self.in_flight) - len(self._unsent) >= room:  # unsent messages do not count
                    return
                self._send_again(outlet, now)
            elif self._retained:
                topic, message = next(iter(self._retained.items()))
                if message.qos and len(self.in_flight) >= room:
                    return
                del self._retained[topic]
                if message.has_expired(now):
                    self.tally.dropped[message.qos] += 1
                else:
                    self._ledger.held += message.size if message.qos else 0
                    self._send(outlet, message, now)
            else:
                self._send_queued(outlet, now)
                for group in self.groups:
                    group.supply(self, now)
                return

    def _send_queued(self, outlet: Outlet, now: float) -> None:
        queue, in_flight, room = self.queue, self.in_flight, self.receive_maximum
        while queue and len(in_flight) < room and not outlet.is_congested:
            message = queue.popleft()
            self._queued_bytes -= message.size
            if message.expires_at is None or not message.has_expired(now):
                self._send(outlet, message, now)
            else:
                self._ledger.held -= message.size
                self.tally.dropped[1] += 1

    def _send(self, outlet: Outlet, message: Message, now: float) -> None:
        if not self._try_to_send(outlet, message, now):
            self.tally.dropped[message.qos] += 1

    def _try_to_send(self, outlet: Outlet, message: Message, now: float) -> bool:
        """Send a message. Return False, with nothing kept of it, if it is too large for the client."""
        qos, tally, packet_id = message.qos, self.tally, 0
        if qos:
            packet_id = self._next_packet_id()
            self.in_flight[packet_id] = message
        if outlet.send(message, packet_id, now):
            tally.delivered[qos] += 1
            tally.last_delivered_topic, tally.last_delivered_at = message.topic, now
            return True
        if self.in_flight.pop(packet_id, None) is not None:
            self._ledger.held -= message.size
        return False

    def _send_again(self, outlet: Outlet, now: float) -> None:
        packet_id = self._unsent.popleft()
        message = self.in_flight.get(packet_id)
        if message is None:
            return
        is_settled = message.delivery is not None and message.delivery.is_settled
        if is_settled:
            self.acknowledge(packet_id)
        elif not outlet.send(message, packet_id, now, duplicate=True):  # its client accepts less than before
            del self.in_flight[packet_id]
            self._ledger.held -= message.size
            if message.delivery is not None:
                message.delivery.give_back(self)

    def acknowledge(self, packet_id: int) -> None:
        """Remove a message that the client has acknowledged. An unknown id is ignored, as after a lost session."""
        if self._unsent and packet_id in self._unsent:
            self._unsent.remove(packet_id)  # acknowledged late, from the connection before
        message = self.in_flight.pop(packet_id, None)
        if message is not None:
            self._ledger.held -= message.size
            if message.delivery is not None:
                message.delivery.settle()

    def attach(self, outlet: Outlet) -> None:
        """Connect the session: unacknowledged messages are sent again in order, then waiting ones (see `pump`)."""
        self.outlet = outlet
        self.expires_at = None
        self._unsent = deque(self.in_flight)

    def detach(self, now: float) -> None:
        """Keep the session for its expiry: the connection has ended. Unsent retained messages are dropped with it."""
        self.outlet = None
        self.since = now
        self._retained.clear()
        self.expires_at = now + self.expiry_seconds

    def release(self) -> None:
        """Release the memory of a session that has ended."""
        self.tally.dropped[1] += len(self.queue)
        self._ledger.held -= sum(m.size for m in self.queue) + sum(m.size for m in self.in_flight.values())
        self.queue.clear()
        self.in_flight.clear()
        self._retained.clear()
        self._unsent.clear()
        self._queued_bytes = 0

    def _next_packet_id(self) -> int:
        while True:
            self._last_packet_id = self._last_packet_id % 65_535 + 1
            if self._last_packet_id not in self.in_flight:
                return self._last_packet_id
