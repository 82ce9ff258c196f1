"""The sessions and retained messages of one namespace. Sans I/O: what is sent goes through each session's outlet."""

from collections.abc import Callable

from emulator.mqtt.limits import (
    MAX_RETAINED_BYTES,
    MAX_RETAINED_MESSAGES,
    MAX_RETAINED_TOTAL_BYTES,
    MAX_SESSIONS,
)
from emulator.mqtt.sessions.message_counts import Tallies
from emulator.mqtt.sessions.session import Ledger, Message, Session
from emulator.mqtt.sessions.subscriptions import SubscriptionIndex
from emulator.mqtt.wire.packets import Subscription
from namespaces.authorization.topics import topic_matches


class Broker:
    """The broker of one namespace. `on_dropped` is called for each session that ends, for its delayed will."""

    def __init__(self, on_dropped: Callable[[Session], None] = lambda _: None) -> None:
        self.sessions: dict[str, Session] = {}
        self.retained: dict[str, Message] = {}
        self.ledger = Ledger()
        self.tallies = Tallies()
        self._retained_bytes = 0
        self._by_owner: dict[str, dict[str, Session]] = {}
        self._index = SubscriptionIndex()
        self._on_dropped = on_dropped

    # Sessions

    def find(self, name: str, now: float) -> Session | None:
        """Return the session with this name, unless it has expired."""
        session = self.sessions.get(name)
        if session is not None and session.expires_at is not None and session.expires_at <= now:
            self.drop(session)
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
            self.drop(session)
        session = Session(name, owner, self.ledger, self.tallies.of(owner, now))
        self.sessions[name] = session
        self._by_owner.setdefault(owner, {})[name] = session
        return session, False

    def drop(self, session: Session) -> None:
        """End a session and delete its subscriptions and messages. A session that has ended is ignored."""
        if self.sessions.get(session.name) is not session:
            return
        del self.sessions[session.name]
        mine = self._by_owner[session.owner]
        del mine[session.name]
        if not mine:
            del self._by_owner[session.owner]
        for topic_filter in session.subscriptions:
            self._index.remove(session, topic_filter)
        session.release()
        self._on_dropped(session)

    def expire(self, now: float) -> list[Session]:
        """End disconnected sessions that have expired, and return them."""
        over = [s for s in self.sessions.values() if s.expires_at is not None and s.expires_at <= now]
        for session in over:
            self.drop(session)
        return over

    # Subscriptions

    def subscribe(self, session: Session, subscription: Subscription) -> bool:
        """Add a subscription. Returns whether its filter is new to the session."""
        is_new = subscription.topic_filter not in session.subscriptions
        session.subscriptions[subscription.topic_filter] = subscription
        self._index.add(session, subscription)
        return is_new

    def unsubscribe(self, session: Session, topic_filter: str) -> bool:
        """Remove a subscription. Returns whether there was one."""
        if session.subscriptions.pop(topic_filter, None) is None:
            return False
        self._index.remove(session, topic_filter)
        return True

    # Messages

    def publish(self, message: Message, publisher: Session | None, now: float) -> list[Session]:
        """Deliver a message to every session that subscribed to its topic, and keep it when it is retained.

        Returns the sessions whose queue overflowed.
        """
        if message.retain:
            self._retain(message)
        overflowed: list[Session] = []
        for session, subscriptions in self._index.match(message.topic):
            best = subscriptions[0] if len(subscriptions) == 1 else max(subscriptions, key=lambda s: s.qos)
            if session is publisher:
                allowed = [s for s in subscriptions if not s.no_local]
                if not allowed:
                    continue
                best = max(allowed, key=lambda s: s.qos)
            keep_retain = message.retain and best.retain_as_published
            given = message
            if best.qos < message.qos or keep_retain != message.retain:
                given = message.at(min(message.qos, best.qos), retain=keep_retain)
            session.deliver(given, now)
            if session.overflowed:
                overflowed.append(session)
        return overflowed

    def _retain(self, message: Message) -> None:
        """Keep the message for later subscribers; an empty one deletes it (MQTT 5, 3.3.1.3)."""
        old = self.retained.pop(message.topic, None)
        if old is not None:
            self._retained_bytes -= old.size
        if (
            message.payload
            and len(message.payload) <= MAX_RETAINED_BYTES
            and len(self.retained) < MAX_RETAINED_MESSAGES
            and self._retained_bytes + message.size <= MAX_RETAINED_TOTAL_BYTES
        ):
            self.retained[message.topic] = message
            self._retained_bytes += message.size

    def retained_for(self, subscription: Subscription, now: float) -> dict[str, Message]:
        """Return the retained messages of a new subscription, by topic."""
        found: dict[str, Message] = {}
        for message in tuple(self.retained.values()):
            if message.has_expired(now):
                del self.retained[message.topic]
                self._retained_bytes -= message.size
            elif topic_matches(subscription.topic_filter, message.topic):
                found[message.topic] = message.at(min(message.qos, subscription.qos), retain=True)
        return found
