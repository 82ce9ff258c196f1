"""How many messages each client has sent and been sent since the emulator started. Sans I/O.

A count belongs to the registered client, not to a session name, so that it survives a reconnect and its memory is bounded
by the clients of the namespace. Counting is done for every message: plain lists of integers, indexed by quality of service.
"""

from typing import NamedTuple, Self

from emulator.mqtt.limits import MAX_TOPIC_BYTES

MAX_REASON_LENGTH = 512


class Refusal(NamedTuple):
    """What was refused, when on the broker's clock, and the sentence that says why."""

    topic: str
    at: float
    why: str

    @classmethod
    def of(cls, topic: str, at: float, why: str) -> Self:
        """The topic may be what is wrong, and stands in the sentence then, so not all of either is kept."""
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
        self.received = [0, 0]  # taken from the client
        self.delivered = [0, 0]  # given to the client, each once however often it was sent again
        self.refused = [0, 0, 0]  # not permitted, or against a rule
        self.dropped = [0, 0]  # for the client, but lost: it was away or too slow, or they were too large or too old
        self.refused_subscriptions = 0
        self.last_received_topic = ""
        self.last_received_at = 0.0
        self.last_delivered_topic = ""
        self.last_delivered_at = 0.0
        self.last_refusal: Refusal | None = None
        self.last_refused_subscription: Refusal | None = None

    def refuse(self, topic: str, qos: int, now: float, why: str) -> None:
        """Count a message that is not taken."""
        self.refused[qos] += 1
        self.last_refusal = Refusal.of(topic, now, why)

    def refuse_subscription(self, topic_filter: str, now: float, why: str) -> None:
        """Count a topic filter that is not granted."""
        self.refused_subscriptions += 1
        self.last_refused_subscription = Refusal.of(topic_filter, now, why)


class Tallies:
    """The tallies of a namespace, by the key of the authentication name."""

    def __init__(self) -> None:
        self._by_owner: dict[str, Tally] = {}

    def of(self, owner: str, now: float) -> Tally:
        """The tally of a client that has proved who it is; counting begins with its first connection."""
        found = self._by_owner.get(owner)
        if found is None:
            found = self._by_owner[owner] = Tally(now)
        return found

    def find(self, owner: str) -> Tally | None:
        """The tally of a client, or None when it has not connected yet."""
        return self._by_owner.get(owner)

    def forget(self, owner: str) -> None:
        """The client is deleted: one that takes its name later begins at zero."""
        self._by_owner.pop(owner, None)

    def __len__(self) -> int:
        return len(self._by_owner)
