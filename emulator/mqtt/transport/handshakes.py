"""The TLS handshakes that are under way at one listener, and which gives way when there are too many."""

from emulator.mqtt.limits import MAX_OPEN_HANDSHAKES
from emulator.mqtt.transport.tls import TlsTransport


class Handshakes:
    """At most `MAX_OPEN_HANDSHAKES`: then the oldest is cut for the newcomer.

    A client needs a moment for its handshake. What has been open for long is half-open, and must not keep others out.
    """

    def __init__(self) -> None:
        self._open: dict[TlsTransport, None] = {}  # the oldest first
        self.cut = 0  # since somebody set it to 0

    def begin(self, transport: TlsTransport) -> None:
        """A newcomer, for whom there is always room."""
        if len(self._open) >= MAX_OPEN_HANDSHAKES:
            oldest = next(iter(self._open))
            del self._open[oldest]
            oldest.abort()
            self.cut += 1
        self._open[transport] = None

    def end(self, transport: TlsTransport) -> None:
        """It is done, or the connection is gone. Twice is once."""
        self._open.pop(transport, None)
