"""The sessions and retained messages of one namespace. Sans I/O: what is sent goes through each session's outlet."""

from collections.abc import Callable
from random import Random

from emulator.mqtt.limits import MAX_SESSIONS
from emulator.mqtt.sessions.message_counts import Tallies
from emulator.mqtt.sessions.retained import RetainedMessages
from emulator.mqtt.sessions.session import Delivery, Ledger, Message, Session
from emulator.mqtt.sessions.shared_groups import SharedGroup
from emulator.mqtt.sessions.subscriptions import SubscriptionIndex
from emulator.mqtt.wire.packets import Subscription
from namespaces.authorization.topics import shared_filter


class Broker:
    """The broker of one namespace. `on_dropped` is called for each session that ends, for its delayed will.

    `chance` selects the member of a shared subscription that gets a message.
    """

    def __init__(self, on_dropped: Callable[[Session], None] = lambda _: None, chance: Random | None = None) -> None:
        self.sessions: dict[str, Session] = {}
        self.retained = RetainedMessages()
        self.ledger = Ledger()
        self.tallies = Tallies()
        self._by_owner: dict[str, dict[str, Session]] = {}
        self._index = SubscriptionIndex()
        self._groups: dict[str, SharedGroup] = {}  # by `$share/{group}/{filter}`
        self._chance = chance or Random()  # noqa: S311  it only spreads load
        self._on_dropped = on_dropped

    # Sessions

    def find(self, name: str, now: float) -> Session | None:
        """Return the session with this name, unless it has expired."""
        session = self.sessions.get(name)
        if session is not None and session.expires_at is not None and session.expires_at <= now:
            self.drop(session, now)
            return None
        return session

    def count_of_owner(self, owner: str, now: float, *, besides: str) -> int:
        """Return the number of sessions of an authentication name, without the one named `besides`."""
        mine = self.session_names_of(owner)
        return sum(1 for name in mine if name != besides and self.find(name, now) is not None)

    def session_names_of(self, owner: str) -> tuple[str, ...]:
        """Return the names of a client's sessions, connected or not. `owner`: the key of its authentication name."""
        return tuple(self._by_owner.get(owner, ()))

    def sessions_of(self, owner: str) -> tuple[Session, ...]:
        """Return a client's sessions, connected or not."""
        return tuple(self._by_owner.get(owner, {}).values())

    def connected_clients(self) -> int:
        """Return the number of clients with a session that is connected."""
        of_each = tuple(self._by_owner.values())
        return sum(any(session.is_connected for session in tuple(mine.values())) for mine in of_each)

    @property
    def is_full(self) -> bool:
        return len(self.sessions) >= MAX_SESSIONS

    def open(self, name: str, owner: str, *, clean: bool, now: float) -> tuple[Session, bool]:
        """Return the session for a new connection, and whether it existed before."""
        session = self.find(name, now)
        if session is not None:
            if not clean:
                session.expires_at = None
                session.tally = self.tallies.of(owner, now)
                return session, True
            self.drop(session, now)
        session = Session(name, owner, self.ledger, self.tallies.of(owner, now))
        self.sessions[name] = session
        self._by_owner.setdefault(owner, {})[name] = session
        return session, False

    def attach(self, session: Session) -> None:
        """Note that a session is connected: it can get what other members of its groups could not acknowledge."""
        for group in session.groups:
            group.collect()

    def detach(self, session: Session, now: float) -> None:
        """Keep a session for its expiry. What it shares with others that are connected goes to them at once."""
        session.detach(now)
        self._pass_on(session, now, lambda delivery: delivery.group.has_connected_member)

    def drop(self, session: Session, now: float) -> None:
        """End a session and delete its subscriptions and messages. A session that has ended is ignored."""
        if self.sessions.get(session.name) is not session:
            return
        del self.sessions[session.name]
        mine = self._by_owner[session.owner]
        del mine[session.name]
        if not mine:
            del self._by_owner[session.owner]
        for topic_filter in session.subscriptions:
            self._remove(session, topic_filter)
        self._pass_on(session, now, lambda _: True)
        session.release()
        self._on_dropped(session)

    @staticmethod
    def _pass_on(session: Session, now: float, wanted: Callable[[Delivery], bool]) -> None:
        """Pass unacknowledged messages of shared subscriptions on to other members."""
        deliveries = session.give_up(wanted)
        for delivery in reversed(deliveries):
            delivery.give_back(session)
        for group in dict.fromkeys(delivery.group for delivery in deliveries):
            group.distribute(now)

    def expire(self, now: float) -> list[Session]:
        """End disconnected sessions that have expired, and return them. Retry messages that were not acknowledged."""
        over = [s for s in self.sessions.values() if s.expires_at is not None and s.expires_at <= now]
        for session in over:
            self.drop(session, now)
        for group in self._groups.values():
            group.retry(now)
        return over

    # Subscriptions

    def subscribe(self, session: Session, subscription: Subscription) -> bool:
        """Add a subscription. Returns whether its filter is new to the session."""
        topic_filter = subscription.topic_filter
        is_new = topic_filter not in session.subscriptions
        session.subscriptions[topic_filter] = subscription
        shared = shared_filter(topic_filter)
        if shared is None:
            self._index.add(session, topic_filter, subscription)
            return is_new
        group = self._groups.get(topic_filter)
        if group is None:
            group = self._groups[topic_filter] = SharedGroup(self.ledger, self._chance)
            self._index.add(group, shared.topic_filter, subscription)
        group.join(session, subscription)
        group.collect()
        return is_new

    def unsubscribe(self, session: Session, topic_filter: str) -> bool:
        """Remove a subscription. Returns whether there was one."""
        if session.subscriptions.pop(topic_filter, None) is None:
            return False
        self._remove(session, topic_filter)
        return True

    def _remove(self, session: Session, topic_filter: str) -> None:
        group = self._groups.get(topic_filter)
        if group is None:
            self._index.remove(session, topic_filter)
            return
        group.leave(session)
        if group.is_empty:
            del self._groups[topic_filter]
            shared = shared_filter(topic_filter)
            assert shared is not None
            self._index.remove(group, shared.topic_filter)

    def group_of(self, topic_filter: str) -> SharedGroup | None:
        """Return the members of a shared subscription, `$share/{group}/{filter}`; None for any other filter."""
        return self._groups.get(topic_filter)

    # Messages

    def publish(self, message: Message, publisher: Session | None, now: float) -> list[Session]:
        """Deliver a message to every session that subscribed to its topic, and keep it when it is retained.

        Returns the sessions whose queue overflowed.
        """
        if message.retain:
            self.retained.keep(message, now)
        overflowed: list[Session] = []
        sessions, groups = self._index.match(message.topic)
        for session, subscriptions in sessions:
            given, first = message, subscriptions[0]
            is_plain = first.qos >= message.qos and not (message.retain or first.identifier or first.no_local)
            if not is_plain or len(subscriptions) > 1:
                found = _given_to(subscriptions, message, is_publisher=session is publisher)
                if found is None:
                    continue
                given = found
            session.deliver(given, now)
            if session.overflowed:
                overflowed.append(session)
        for group in groups:
            group.publish(message, now)
        return overflowed

    def retained_for(self, subscription: Subscription, now: float) -> dict[str, Message]:
        """Return the retained messages of a new subscription, by topic. Shared ones get none (MQTT 5, 4.8.2)."""
        if shared_filter(subscription.topic_filter) is not None:
            return {}
        identifiers = (subscription.identifier,) if subscription.identifier else ()
        return {
            message.topic: message.at(min(message.qos, subscription.qos), retain=True, identifiers=identifiers)
            for message, _ in self.retained.matching(subscription.topic_filter, now)
        }


def _given_to(subscriptions: tuple[Subscription, ...], message: Message, *, is_publisher: bool) -> Message | None:
    """Return a message as a session with these matching subscriptions gets it, or None if No Local keeps it away."""
    if is_publisher:
        subscriptions = tuple(subscription for subscription in subscriptions if not subscription.no_local)
        if not subscriptions:
            return None
    best = max(subscriptions, key=lambda subscription: subscription.qos)
    identifiers = tuple(subscription.identifier for subscription in subscriptions if subscription.identifier)
    retain = message.retain and best.retain_as_published
    return message.at(min(message.qos, best.qos), retain=retain, identifiers=identifiers)
