"""What a client sends between its CONNECT and the answer of the webhook: MQTT allows it to go on without waiting for CONNACK."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from emulator.mqtt.limits import MAX_FIRST_PACKET_BYTES
from emulator.mqtt.wire.packets import Packet


@dataclass(slots=True)
class Undecided:
    """`unread` are packets of the bytes in which CONNECT was, `held` what came after them."""

    unread: Iterator[Packet] = field(default_factory=lambda: iter(()))
    held: bytearray = field(default_factory=bytearray)

    def hold(self, data: bytes) -> bool:
        """Keep bytes until the client is authenticated; False if they are too many."""
        self.held += data
        return len(self.held) <= MAX_FIRST_PACKET_BYTES
