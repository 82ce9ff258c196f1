"""Sessions, subscriptions and messages of one namespace. Sans I/O: what must be sent goes through `Session.deliver`."""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from emulator.mqtt.limits import (
    MAX_IN_FLIGHT_OUTGOING,
    MAX_QUEUED_BYTES,
    MAX_QUEUED_MESSAGES,
    MAX_RETAINED_BYTES,
    MAX_RETAINED_MESSAGES,
)
from emulator.mqtt.packets import Properties, Property, Publish, Subscription

Send = Callable[[Publish], None]


@dataclass(frozen=True)
class Message:
    """A message under way. `expires_at`: seconds on the broker's clock, or None."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    properties: Properties = ()
    expires_at: float | None = None

    @property
    def size(self) -> int:
        return len(self.topic) + len(self.payload)


@dataclass
class Session:
    """What the endpoint keeps for a session name: subscriptions, queued and unacknowledged messages."""

    name: str
    owner: str  # key of the authentication name it belongs to
    expiry_seconds: int = 0
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    queue: deque[Message] = field(default_factory=deque)
    in_flight: "OrderedDict[int, Message]" = field(default_factory=OrderedDict)
    send: Send | None = None  # set while connected
    receive_maximum: int = MAX_IN_FLIGHT_OUTGOING
    expires_at: float | None = None  # set while disconnected
    overflowed: bool = False
    _queued_bytes: int = 0
    _last_packet_id: int = 0

    @property
    def is_connected(self) -> bool:
        return self.send is not None

    def enqueue(self, message: Message) -> None:
        """Queue a message and send what may be sent. QoS 0 is dropped while nobody is connected."""
        if message.qos == 0:
            if self.send is not None:
                self.send(_as_publish(message, 0, 0.0))
            return
        if len(self.queue) >= MAX_QUEUED_MESSAGES or self._queued_bytes + message.size > MAX_QUEUED_BYTES:
            self.overflowed = True
            return
        self.queue.append(message)
        self._queued_bytes += message.size

    def pump(self, now: float) -> None:
        """Send queued messages while the receiver has room for unacknowledged ones."""
        room = min(MAX_IN_FLIGHT_OUTGOING, self.receive_maximum)
        while self.send is not None and self.queue and len(self.in_flight) < room:
            message = self.queue.popleft()
            self._queued_bytes -= message.size
            if message.expires_at is not None and message.expires_at <= now:
                continue
            packet_id = self._next_packet_id()
            self.in_flight[packet_id] = message
            self.send(_as_publish(message, packet_id, now))

    def acknowledge(self, packet_id: int, now: float) -> None:
        if self.in_flight.pop(packet_id, None) is not None:
            self.pump(now)

    def resume(self, now: float) -> None:
        """After a reconnect: send the unacknowledged again, in order, then the queued."""
        assert self.send is not None
        for packet_id, message in tuple(self.in_flight.items()):
            self.send(replace(_as_publish(message, packet_id, now), duplicate=True))
        self.pump(now)

    def _next_packet_id(self) -> int:
        while True:
            self._last_packet_id = self._last_packet_id % 65_535 + 1
            if self._last_packet_id not in self.in_flight:
                return self._last_packet_id


def _as_publish(message: Message, packet_id: int, now: float) -> Publish:
    properties = message.properties
    if message.expires_at is not None and now:
        left = max(1, int(message.expires_at - now))
        properties = tuple((n, left if n == Property.MESSAGE_EXPIRY else v) for n, v in properties)
    return Publish(message.topic, message.payload, message.qos, message.retain, False, packet_id, properties)


def topic_matches(topic_filter: str, topic: str) -> bool:
    """Whether a topic filter matches a topic (MQTT 5, section 4.7). `$` topics match no leading wildcard."""
    if topic.startswith("$") and topic_filter[:1] in {"+", "#"}:
        return False
    wanted, levels = topic_filter.split("/"), topic.split("/")
    for index, level in enumerate(wanted):
        if level == "#":
            return True
        if index >= len(levels) or (level != "+" and level != levels[index]):
            return False
    return len(wanted) == len(levels)


@dataclass
class Broker:
    """The sessions and retained messages of one namespace."""

    sessions: dict[str, Session] = field(default_factory=dict)
    retained: dict[str, Message] = field(default_factory=dict)

    def of_owner(self, owner: str) -> list[Session]:
        return [session for session in self.sessions.values() if session.owner == owner]

    def open(self, name: str, owner: str, *, clean: bool) -> tuple[Session, bool]:
        """The session for a new connection, and whether it was there before."""
        session = self.sessions.get(name)
        if session is not None and not clean:
            session.expires_at = None
            return session, True
        session = Session(name, owner)
        self.sessions[name] = session
        return session, False

    def drop(self, session: Session) -> None:
        if self.sessions.get(session.name) is session:
            del self.sessions[session.name]

    def expire(self, now: float) -> list[Session]:
        """Remove disconnected sessions whose time is over."""
        over = [s for s in self.sessions.values() if s.expires_at is not None and s.expires_at <= now]
        for session in over:
            self.drop(session)
        return over

    def publish(self, message: Message, publisher: Session | None, now: float) -> list[Session]:
        """Give a message to every session that subscribed to its topic, and keep it when it is retained.

        Returns the sessions whose queue overflowed.
        """
        if message.retain:
            self._retain(message)
        overflowed = []
        for session in tuple(self.sessions.values()):
            best = self._best(session, message.topic, session is publisher)
            if best is None:
                continue
            keep_retain = message.retain and best.retain_as_published
            session.enqueue(replace(message, qos=min(message.qos, best.qos), retain=keep_retain))
            session.pump(now)
            if session.overflowed:
                overflowed.append(session)
        return overflowed

    @staticmethod
    def _best(session: Session, topic: str, is_publisher: bool) -> Subscription | None:
        matching = [
            s
            for s in session.subscriptions.values()
            if not (s.no_local and is_publisher) and topic_matches(s.topic_filter, topic)
        ]
        return max(matching, key=lambda s: s.qos, default=None)

    def _retain(self, message: Message) -> None:
        if not message.payload:
            self.retained.pop(message.topic, None)
        elif len(message.payload) <= MAX_RETAINED_BYTES and (
            message.topic in self.retained or len(self.retained) < MAX_RETAINED_MESSAGES
        ):
            self.retained[message.topic] = message

    def retained_for(self, subscription: Subscription, now: float) -> Iterator[Message]:
        """The retained messages that a new subscription gets."""
        for message in tuple(self.retained.values()):
            if message.expires_at is not None and message.expires_at <= now:
                del self.retained[message.topic]
            elif topic_matches(subscription.topic_filter, message.topic):
                yield replace(message, qos=min(message.qos, subscription.qos), retain=True)
