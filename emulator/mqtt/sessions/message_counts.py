"""How many messages each client has sent and been sent since the emulator started. Sans I/O.

A count belongs to the registered client, not to a session name, so that it survives a reconnect and its memory is bounded
by the clients of the namespace. Counting is done for every message: plain lists of integers, indexed by quality of service.
"""

from typing import NamedTuple, Self

from emulator.mqtt.limits import MAX_TOPIC_BYTES

MAX_REASON_LENGTH = 512


class Refusal(NamedTuple):
    """A refused topic, the time on the broker's clock, and the reason as a sentence."""

    topic: str
    at: float
    why: str

    @classmethod
    def of(cls, topic: str, at: float, why: str) -> Self:
        """Shorten the topic and the sentence, which may quote it: either may be long when the topic is the problem."""
        return cls(topic[:MAX_TOPIC_BYTES], at, why[:MAX_REASON_LENGTH])


class Tally:
    """One client's messages. Times are seconds on the broker's clock; a topic is "" before the first message."""

    __slots__ = (
        "began",
        "delivered",
        "dropped",
        "last_delivered_at",
        "last_delivered_topic",
        "last_received_at",
        "last_received_topic",
        "last_refusal",
        "last_refused_subscription",
        "received",
        "refused",
        "refused_subscriptions",
    )

    def __init__(self, began: float = 0.0) -> None:
        self.began = began
        self.received = [0, 0]  # accepted from the client
        self.delivered = [0, 0]  # sent to the client, each counted once
        self.refused = [0, 0, 0]  # not permitted, or breaking a rule
        self.dropped = [0, 0]  # lost: the client was away or too slow, or the message too large or too old
        self.refused_subscriptions = 0
        self.last_received_topic = ""
        self.last_received_at = 0.0
        self.last_delivered_topic = ""
        self.last_delivered_at = 0.0
        self.last_refusal: Refusal | None = None
        self.last_refused_subscription: Refusal | None = None

    def refuse(self, topic: str, qos: int, now: float, why: str) -> None:
        """Count a message that was refused."""
        self.refused[qos] += 1
        self.last_refusal = Refusal.of(topic, now, why)

    def refuse_subscription(self, topic_filter: str, now: float, why: str) -> None:
        """Count a topic filter that was refused."""
        self.refused_subscriptions += 1
        self.last_refused_subscription = Refusal.of(topic_filter, now, why)


class Tallies:
    """The tallies of a namespace, by the key of the authentication name."""

    def __init__(self) -> None:
        self._by_owner: dict[str, Tally] = {}

    def of(self, owner: str, now: float) -> Tally:
        """Return the tally of an authenticated client; counting starts with its first connection."""
        found = self._by_owner.get(owner)
        if found is None:
            found = self._by_owner[owner] = Tally(now)
        return found

    def find(self, owner: str) -> Tally | None:
        """Return the tally of a client, or None before its first connection."""
        return self._by_owner.get(owner)

    def forget(self, owner: str) -> None:
        """Forget a deleted client: a later one with its name starts at zero."""
        self._by_owner.pop(owner, None)

    def __len__(self) -> int:
        return len(self._by_owner)
