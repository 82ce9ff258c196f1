"""TLS for the MQTT endpoint: pyOpenSSL over memory BIOs inside asyncio.

The standard library's TLS cannot ask for a client certificate and leave the decision to the application. Here the verify
callback accepts every certificate (possession of its key is still proven by the handshake), so that a refusal is an MQTT
CONNACK with a reason, and a self-signed certificate can match by thumbprint.

Traps: on the server side `get_peer_cert_chain()` leaves out the leaf; session resumption would skip the certificate, so
it is off; a context must not change once it is in use, so no trust is kept in it.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Protocol

from OpenSSL import SSL, crypto

from emulator.mqtt.limits import (
    GOODBYE_SECONDS,
    HANDSHAKE_TIMEOUT_SECONDS,
    LINGER_SECONDS,
    MAX_BUFFERED_OUTGOING_BYTES,
    MAX_READ_BYTES,
)
from emulator.mqtt.transport.handshake_failures import CLOSED, TOOK_TOO_LONG, HandshakeFailure, failure_of

_CHUNK = 65_536
_RECORD = 16_384  # the most that one TLS record holds


class Application(Protocol):
    """The protocol on an established TLS connection."""

    def data_received(self, data: bytes) -> None: ...
    def connection_lost(self) -> None: ...
    def resume_writing(self) -> None: ...


class Outbox:
    """The connections of one listener that have bytes to send.

    What the bytes of one connection cause at others is sent as soon as those bytes are processed, before their sender is
    answered: a message is at its subscriber one round of the event loop earlier. Everything else goes out in
    the next round.
    """

    def __init__(self) -> None:
        self._waiting: list[TlsTransport] = []

    def add(self, transport: "TlsTransport") -> None:
        """Add a connection that has its first bytes to send."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self.send)
        self._waiting.append(transport)

    def send(self) -> None:
        """Send everything that waits."""
        waiting, self._waiting = self._waiting, []
        for transport in waiting:
            transport.drain()


class Acceptor(Protocol):
    """What a listener's connections belong to."""

    outbox: Outbox

    def admit(self, transport: "TlsTransport") -> bool:
        """Return whether one more connection is accepted; otherwise it is cut before TLS."""

    def application(self, transport: "TlsTransport") -> Application | None:
        """Return the application for a connection whose handshake is complete; None closes it."""

    def handshake_failed(self, transport: "TlsTransport", failure: HandshakeFailure) -> None: ...

    def gone(self, transport: "TlsTransport") -> None:
        """Forget a connection that has ended; called once for each that was admitted."""


class _Incoming(threading.local):
    """The buffer into which every connection reads, one after the other."""

    def __init__(self) -> None:
        self.view = memoryview(bytearray(MAX_READ_BYTES))


_incoming = _Incoming()


class TlsTransport(asyncio.BufferedProtocol):
    """One TCP connection with TLS on it; passes plain bytes to the application.

    What the application writes is gathered and goes out as few TLS records as it fits in: at the end of the bytes that
    were just read, or else as `Outbox` has it. While the peer does not read, nothing is read from it.
    """

    __slots__ = (
        "_acceptor",
        "_closing",
        "_context",
        "_drain_is_due",
        "_gathered",
        "_gathered_bytes",
        "_is_paused",
        "_lost",
        "_timer",
        "_tls",
        "_transport",
        "application",
        "is_established",
        "peer",
        "peer_chain",
        "protocol_suffix",
        "server_name",
    )

    def __init__(self, context: SSL.Context, acceptor: Acceptor) -> None:
        self._context = context
        self._tls: SSL.Connection | None = None
        self._acceptor = acceptor
        self._transport: asyncio.Transport | None = None
        self._closing = False
        self._lost = False
        self._is_paused = False
        self._drain_is_due = False
        self._gathered: list[bytes] = []
        self._gathered_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self.application: Application | None = None
        self.is_established = False
        self.peer = ""
        self.peer_chain: tuple[bytes, ...] = ()  # DER, leaf first; empty when no certificate was presented
        self.server_name = ""
        self.protocol_suffix = ""

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        peer = transport.get_extra_info("peername")
        self.peer = f"{peer[0]}:{peer[1]}" if peer else ""
        if not self._acceptor.admit(self):
            self._closing = self._lost = True
            transport.abort()
            return
        transport.set_write_buffer_limits(high=MAX_BUFFERED_OUTGOING_BYTES)
        # TCP_NODELAY is on: asyncio sets it on every socket.
        self._tls = SSL.Connection(self._context, None)
        self._tls.set_accept_state()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(HANDSHAKE_TIMEOUT_SECONDS, self._fail, TOOK_TOO_LONG)

    def get_buffer(self, sizehint: int) -> memoryview:
        return _incoming.view

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(bytes(_incoming.view[:nbytes]))

    def data_received(self, data: bytes) -> None:
        tls = self._tls
        if tls is None:
            return
        if self._closing:
            self._drop(tls, data)
            return
        self._drain_is_due = True  # below, once for everything that these bytes cause
        while data and not self._lost:
            data = data[tls.bio_write(data if len(data) <= _CHUNK else data[:_CHUNK]) :]
            if not self.is_established and not self._shake_hands(tls):
                continue
            self._read(tls)
        self._acceptor.outbox.send()
        self.drain()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if self._lost:
            return
        self._lost = True
        self._cancel_timer()
        if self.application is not None:
            self.application.connection_lost()
        elif not self._closing:
            self._note_server_name()
            self._acceptor.handshake_failed(self, CLOSED)
        self.application = None
        self._tls = None  # otherwise hundreds of them may wait for the garbage collector
        self._acceptor.gone(self)

    def pause_writing(self) -> None:
        self._is_paused = True
        if self._transport is not None and not self._closing:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._is_paused = False
        if self._lost or self._closing:
            return
        if self._transport is not None:
            self._transport.resume_reading()
        if self.application is not None:
            self.application.resume_writing()

    # TLS

    def _shake_hands(self, tls: SSL.Connection) -> bool:
        try:
            tls.do_handshake()
        except SSL.WantReadError:
            self._flush(tls)
            return False
        except SSL.Error as error:
            self._flush(tls)  # the alert
            self._fail(failure_of(error))
            return False
        self.is_established = True
        self._cancel_timer()
        if (
            tls.get_protocol_version() == SSL.TLS1_3_VERSION
        ):  # only unused tickets are left: they go with the first answer
            self._acknowledge()
        else:
            self._flush(tls)
        self.peer_chain = _peer_chain(tls)
        self._note_server_name()
        self.application = self._acceptor.application(self)
        if self.application is None:
            self.close()
        return True

    def _acknowledge(self) -> None:
        """Let TCP acknowledge at once: a client that uses Nagle's algorithm, as mosquitto does, would wait 40 ms with CONNECT."""
        raw = self._transport.get_extra_info("socket") if self._transport is not None else None
        if raw is not None:
            with contextlib.suppress(OSError, AttributeError):  # Linux
                raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def _note_server_name(self) -> None:
        name = self._tls.get_servername() if self._tls is not None else None
        self.server_name = name.decode("ascii", "replace") if name else ""

    def _fail(self, failure: HandshakeFailure) -> None:
        if self._lost or self._closing or self.is_established:
            return
        self._closing = True
        self._cancel_timer()
        self._note_server_name()
        self._acceptor.handshake_failed(self, failure)
        self._linger()

    def _read(self, tls: SSL.Connection) -> None:
        while not self._lost and not self._closing:
            try:
                data = tls.recv(_RECORD)
            except SSL.WantReadError:
                return
            except (SSL.ZeroReturnError, SSL.Error):
                self.close()
                return
            if not data or self.application is None:
                return
            self.application.data_received(data)

    def _flush(self, tls: SSL.Connection) -> None:
        """Write what TLS has produced to the network."""
        if self._transport is None or self._transport.is_closing():
            return
        while True:
            try:
                data = tls.bio_read(_CHUNK)
            except SSL.Error:
                return
            self._transport.write(data)
            if len(data) < _CHUNK:
                return

    def drain(self) -> None:
        """Send through TLS what the application has written."""
        self._drain_is_due = False
        tls = self._tls
        if tls is None or self._lost or not self._gathered:
            return
        data = self._gathered[0] if len(self._gathered) == 1 else b"".join(self._gathered)
        was_full, self._gathered_bytes = self._gathered_bytes > MAX_BUFFERED_OUTGOING_BYTES, 0
        self._gathered.clear()
        try:
            while data:  # a client may have asked for smaller records: what is left goes into the next
                data = data[tls.send(data if len(data) <= _RECORD else data[:_RECORD]) :]
        except SSL.Error:
            self.abort()
            return
        self._flush(tls)
        if was_full and not self._is_paused:  # asyncio has not paused us, so it will not call resume_writing
            asyncio.get_running_loop().call_soon(self._resume_application)

    def _resume_application(self) -> None:
        if self.application is not None and not (self._is_paused or self._closing or self._lost):
            self.application.resume_writing()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # The application's side

    @property
    def is_congested(self) -> bool:
        """Whether the peer reads so slowly that more would only fill the memory."""
        return self._is_paused or self._gathered_bytes > MAX_BUFFERED_OUTGOING_BYTES

    def write(self, data: bytes) -> None:
        """Send plain bytes. Does nothing once the connection is closing."""
        if self._closing or self._lost:
            return
        self._gathered.append(data)
        self._gathered_bytes += len(data)
        if not self._drain_is_due:
            self._drain_is_due = True
            self._acceptor.outbox.add(self)

    def await_end(self, then: Callable[[], None] | None = None) -> None:
        """Wait `GOODBYE_SECONDS` for the peer to close; after that call `then`, or close."""
        if self._closing or self._lost:
            return
        self._cancel_timer()
        self._timer = asyncio.get_running_loop().call_later(GOODBYE_SECONDS, then or self.close)

    def close(self) -> None:
        """Send what waits, then TLS's close_notify and TCP's FIN.

        What the peer still sends is read and dropped until it closes too, for `LINGER_SECONDS` at most. Closing TCP at once
        would answer it with a reset, which fails the peer's write and can destroy what it has not read yet.
        """
        if self._closing or self._lost:
            return
        self.drain()
        self._closing = True
        self._cancel_timer()
        tls = self._tls
        if tls is not None:
            with contextlib.suppress(SSL.Error):
                tls.shutdown()
            self._flush(tls)
        self._linger()

    def _linger(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        try:
            transport.write_eof()
        except OSError:  # the peer has reset the connection
            self.abort()
            return
        transport.resume_reading()  # a peer that is stuck writing cannot read what is left for it
        self._timer = asyncio.get_running_loop().call_later(LINGER_SECONDS, self.abort)

    def _drop(self, tls: SSL.Connection, data: bytes) -> None:
        """Drop what arrives after the end, up to the peer's own close_notify, after which nothing can follow."""
        if not self.is_established:
            return
        try:
            while data:
                data = data[tls.bio_write(data[:_CHUNK]) :]
                self._read_and_drop(tls)
        except SSL.Error:
            if self._transport is not None:
                self._transport.close()

    def _read_and_drop(self, tls: SSL.Connection) -> None:
        with contextlib.suppress(SSL.WantReadError):
            while tls.recv(_RECORD):
                pass

    def abort(self) -> None:
        """Close at once and drop what waits to be sent."""
        self._closing = True
        if self._transport is not None:
            self._transport.abort()


def _peer_chain(tls: SSL.Connection) -> tuple[bytes, ...]:
    """Return the certificates as the client sent them, leaf first. Only OpenSSL has parsed them so far."""
    leaf = tls.get_peer_certificate()
    if leaf is None:
        return ()
    sent = [leaf, *(tls.get_peer_cert_chain() or [])]
    return tuple(dict.fromkeys(crypto.dump_certificate(crypto.FILETYPE_ASN1, each) for each in sent))
