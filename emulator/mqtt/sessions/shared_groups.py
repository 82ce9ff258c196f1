"""Shared subscriptions: each message of a group goes to one of its members. Sans I/O.

A group keeps the messages that no member can receive yet; a member takes the next one when it has room. What a member has
received and not acknowledged goes back to its group when the member disconnects or its session ends, and a copy goes to
another member after `SHARED_RETRY_SECONDS`. Once one member has acknowledged a message, no other is sent it.

Sources: MQTT 5.0, section 4.8.2; "MQTT shared subscriptions in Event Grid" (7 May 2026).
"""

from __future__ import annotations

from collections import deque
from random import Random

from emulator.mqtt.limits import MAX_GROUP_QUEUED_BYTES, MAX_GROUP_QUEUED_MESSAGES, SHARED_RETRY_SECONDS
from emulator.mqtt.sessions.session import Ledger, Message, Session, SharedMessage
from emulator.mqtt.wire.packets import Subscription


class SharedDelivery:
    """One message on its way to a group. `holders` have received it and not acknowledged it yet."""

    __slots__ = ("group", "holders", "is_settled", "message", "since")

    def __init__(self, group: SharedGroup, message: Message) -> None:
        self.group = group
        self.message = message
        self.holders: dict[Session, None] = {}
        self.is_settled = False
        self.since = 0.0  # sent to a member for the last time

    def settle(self) -> None:
        """Note that a member has acknowledged the message: it is sent to no other member from now on."""
        self.is_settled = True
        self.holders.clear()
        self.group.forget(self)

    def give_back(self, session: Session) -> None:
        """Return the message of a member that is away to the front of its group's queue, unless another one has it."""
        self.holders.pop(session, None)
        if not self.is_settled and not self.holders:
            self.group.take_back(self)


class SharedGroup:
    """The members of one shared subscription, with the messages that wait for one of them."""

    def __init__(self, ledger: Ledger, chance: Random) -> None:
        self._ledger = ledger
        self._chance = chance
        self._members: dict[Session, Subscription] = {}
        self._order: list[Session] = []
        self._queue: deque[SharedDelivery] = deque()
        self._queued_bytes = 0
        self._unacknowledged: dict[SharedDelivery, None] = {}  # those sent longest ago first

    # Members

    def join(self, session: Session, subscription: Subscription) -> None:
        """Add a member, or replace its subscription."""
        if session not in self._members:
            self._order.append(session)
        self._members[session] = subscription
        session.groups[self] = None

    def leave(self, session: Session) -> None:
        """Remove a member. It may still acknowledge what it has received; without any member, waiting messages are lost."""
        if self._members.pop(session, None) is None:
            return
        self._order.remove(session)
        session.groups.pop(self, None)
        if not self._members:
            session.tally.dropped[1] += len(self._queue)
            while self._queue:
                self._next()

    @property
    def is_empty(self) -> bool:
        return not self._members

    @property
    def has_connected_member(self) -> bool:
        return any(session.is_connected for session in self._order)

    @property
    def has_waiting(self) -> bool:
        """Whether messages wait until a member has room."""
        return bool(self._queue)

    @property
    def waiting(self) -> int:
        """The messages that wait until a member has room."""
        return len(self._queue)

    # Messages

    def publish(self, message: Message, now: float) -> None:
        """Send a message to one member, at random among those that have room, or keep it until one has."""
        if message.qos == 0:
            self._send_unacknowledged(message, now)
            return
        delivery = SharedDelivery(self, message)
        if self._queue or not self._hand_out(delivery, now):
            self._wait(delivery)

    def _send_unacknowledged(self, message: Message, now: float) -> None:
        able = [s for s in self._order if s.outlet is not None and not s.outlet.is_congested]
        while able:
            session = able.pop(self._chance.randrange(len(able)))
            if session.send(self._copy_for(session, message), now):
                return
        self._order[0].tally.dropped[0] += 1

    def _hand_out(self, delivery: SharedDelivery, now: float) -> bool:
        """Send a message to one member. Return False if none has room.

        One that is too large for all of those with room is lost, as it would be without a shared subscription.
        """
        able = [s for s in self._order if s.is_ready and s not in delivery.holders]
        if not able:
            return False
        while able:
            if self._send(able.pop(self._chance.randrange(len(able))), delivery, now):
                return True
        if not delivery.holders:
            self._order[0].tally.dropped[1] += 1
            delivery.settle()
        return True

    def _send(self, session: Session, delivery: SharedDelivery, now: float) -> bool:
        """Send a message to a member. Return False if it is too large for its client (MQTT 5, 3.1.2.11.4)."""
        copy = self._copy_for(session, delivery.message)
        if not copy.qos:
            if is_sent := session.send(copy, now):
                delivery.settle()
            return is_sent
        if not session.send(SharedMessage(copy, delivery), now):
            return False
        delivery.since = now
        delivery.holders[session] = None
        self._unacknowledged.pop(delivery, None)
        self._unacknowledged[delivery] = None
        return True

    def _copy_for(self, session: Session, message: Message) -> Message:
        subscription = self._members[session]
        return message.at(
            min(message.qos, subscription.qos),
            retain=message.retain and subscription.retain_as_published,
            identifiers=(subscription.identifier,) if subscription.identifier else (),
        )

    def _wait(self, delivery: SharedDelivery) -> None:
        """Queue a message. One that does not fit is lost, as is one for members that want no acknowledged messages."""
        size = delivery.message.size
        fits = (
            len(self._queue) < MAX_GROUP_QUEUED_MESSAGES
            and self._queued_bytes + size <= MAX_GROUP_QUEUED_BYTES
            and self._ledger.held + size <= self._ledger.limit
        )
        if fits and any(subscription.qos for subscription in self._members.values()):
            self._queue.append(delivery)
            self._hold(size)
        else:
            self._order[0].tally.dropped[1] += 1

    def _next(self) -> SharedDelivery:
        delivery = self._queue.popleft()
        self._hold(-delivery.message.size)
        return delivery

    def _hold(self, size: int) -> None:
        self._queued_bytes += size
        self._ledger.held += size

    def supply(self, session: Session, now: float) -> None:
        """Send waiting messages to a member, as many as it has room for."""
        while self._queue and session.is_ready:
            delivery = self._next()
            if delivery.message.has_expired(now):
                session.tally.dropped[1] += 1
            elif not self._send(session, delivery, now):
                self._hand_out(delivery, now)

    def distribute(self, now: float) -> None:
        """Send waiting messages to the members that have room."""
        while self._queue:
            if self._queue[0].message.has_expired(now):
                self._order[0].tally.dropped[1] += 1
            elif not self._hand_out(self._queue[0], now):
                return
            self._next()

    def retry(self, now: float) -> None:
        """Send a copy of what a member has not acknowledged for long to another member, and distribute what waits."""
        for delivery in tuple(self._unacknowledged):
            if delivery.since + SHARED_RETRY_SECONDS > now:
                break
            if not delivery.message.has_expired(now):
                self._hand_out(delivery, now)
        self.distribute(now)

    def take_back(self, delivery: SharedDelivery) -> None:
        """Put a message that a member could not acknowledge in front of the queue."""
        self.forget(delivery)
        if self._members:
            self._queue.appendleft(delivery)
            self._hold(delivery.message.size)

    def forget(self, delivery: SharedDelivery) -> None:
        """Wait for no acknowledgement of this message any more."""
        self._unacknowledged.pop(delivery, None)

    def collect(self) -> None:
        """Take back what members that are away have not acknowledged: another member is connected now."""
        for session in self._order:
            if not session.is_connected:
                for delivery in reversed(session.give_up(lambda delivery: delivery.group is self)):
                    delivery.give_back(session)
