"""The retained messages of one namespace, within Event Grid's limits. Sans I/O.

Source: "Support for MQTT Retain in Azure Event Grid" (16 December 2025).
"""

from collections.abc import Iterator
from typing import NamedTuple

from emulator.mqtt.limits import MAX_RETAINED_BYTES, RETAINED_BYTES_PER_UNIT, RETAINED_MESSAGES_PER_UNIT
from emulator.mqtt.sessions.session import Message
from namespaces.authorization.topics import topic_matches


class Kept(NamedTuple):
    """A retained message, and the time when it was kept, in seconds on the broker's clock."""

    message: Message
    since: float


class RetainedMessages:
    """The last retained message of each topic. An empty one deletes it (MQTT 5, 3.3.1.3), and so does its expiry."""

    def __init__(self, throughput_units: int = 1) -> None:
        self._kept: dict[str, Kept] = {}
        self._bytes = 0
        self._throughput_units = throughput_units

    def __len__(self) -> int:
        return len(self._kept)

    def configure(self, throughput_units: int) -> None:
        """Apply the namespace's throughput units. Messages above a lower limit stay; they are not replaced by others."""
        self._throughput_units = throughput_units

    def keep(self, message: Message, now: float) -> None:
        """Keep a message for later subscribers, in place of the last one of its topic, if the limits allow it."""
        self._forget(message.topic)
        if not message.payload or len(message.payload) > MAX_RETAINED_BYTES:
            return
        if not self._has_room_for(message):
            for kept in tuple(self._kept.values()):
                self._is_current(kept, now)
        if self._has_room_for(message):
            self._kept[message.topic] = Kept(message, now)
            self._bytes += message.size

    def _has_room_for(self, message: Message) -> bool:
        units = self._throughput_units
        return (
            len(self._kept) < units * RETAINED_MESSAGES_PER_UNIT
            and self._bytes + message.size <= units * RETAINED_BYTES_PER_UNIT
        )

    def get(self, topic: str, now: float) -> Kept | None:
        """Return the retained message of a topic, or None."""
        kept = self._kept.get(topic)
        return kept if kept is not None and self._is_current(kept, now) else None

    def matching(self, topic_filter: str, now: float) -> Iterator[Kept]:
        """Yield the retained messages whose topics match."""
        for kept in tuple(self._kept.values()):
            if self._is_current(kept, now) and topic_matches(topic_filter, kept.message.topic):
                yield kept

    def _is_current(self, kept: Kept, now: float) -> bool:
        """Return whether a message has not expired; forget it if it has."""
        if not kept.message.has_expired(now):
            return True
        self._forget(kept.message.topic)
        return False

    def _forget(self, topic: str) -> None:
        old = self._kept.pop(topic, None)
        if old is not None:
            self._bytes -= old.message.size
