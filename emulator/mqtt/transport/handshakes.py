"""The open TLS handshakes of one listener, and their limit."""

from emulator.mqtt.limits import MAX_OPEN_HANDSHAKES
from emulator.mqtt.transport.tls import TlsTransport


class Handshakes:
    """At most `MAX_OPEN_HANDSHAKES` at once: a new one then replaces the oldest.

    A client needs a moment for its handshake. What has been open for long is half-open, and must not keep others out.
    """

    def __init__(self) -> None:
        self._open: dict[TlsTransport, None] = {}  # the oldest first
        self.cut = 0  # until the caller sets it to 0

    def begin(self, transport: TlsTransport) -> None:
        """Add a handshake, which is always accepted."""
        if len(self._open) >= MAX_OPEN_HANDSHAKES:
            oldest = next(iter(self._open))
            del self._open[oldest]
            oldest.abort()
            self.cut += 1
        self._open[transport] = None

    def end(self, transport: TlsTransport) -> None:
        """Remove a handshake that is complete, or whose connection has ended."""
        self._open.pop(transport, None)
