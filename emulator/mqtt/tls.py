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
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL, crypto

from emulator.mqtt.limits import HANDSHAKE_TIMEOUT_SECONDS, MAX_BUFFERED_OUTGOING_BYTES

_CHUNK = 65_536


def server_context(certificate: Path, key: Path) -> SSL.Context:
    """A server context for TLS 1.2 and 1.3 that asks for a client certificate and accepts any, or none.

    Arguments: PEM files of the server's certificate (chain) and key.
    """
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.use_certificate_chain_file(str(certificate))
    context.use_privatekey_file(str(key))
    context.check_privatekey()
    context.set_verify(SSL.VERIFY_PEER, _accept_any)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_COMPRESSION)
    return context


def _accept_any(_c: SSL.Connection, _x: crypto.X509, _error: int, _depth: int, _ok: int) -> bool:
    return True


class Application(Protocol):
    """What speaks MQTT over an established TLS connection."""

    def connection_made(self, transport: "TlsTransport") -> None: ...
    def data_received(self, data: bytes) -> None: ...
    def connection_lost(self) -> None: ...
    def handshake_failed(self, transport: "TlsTransport", reason: str) -> None: ...
    def resume_writing(self) -> None: ...


class TlsTransport(asyncio.Protocol):
    """One TCP connection with TLS on it. Made once per connection; gives plain bytes to the application."""

    def __init__(self, context: SSL.Context, make_application: Callable[[], Application]) -> None:
        self._tls = SSL.Connection(context, None)
        self._tls.set_accept_state()
        self._application = make_application()
        self._transport: asyncio.Transport | None = None
        self._established = False
        self._closing = False
        self._lost = False
        self._unsent = bytearray()
        self._timer: asyncio.TimerHandle | None = None
        self.peer = ""
        self.peer_chain: tuple[bytes, ...] = ()  # DER, leaf first; empty when no certificate was presented
        self.server_name = ""

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=MAX_BUFFERED_OUTGOING_BYTES)
        raw = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer = transport.get_extra_info("peername")
        self.peer = f"{peer[0]}:{peer[1]}" if peer else ""
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(HANDSHAKE_TIMEOUT_SECONDS, self._fail, "The TLS handshake took too long.")

    def data_received(self, data: bytes) -> None:
        view = memoryview(data)
        while view and not self._lost:
            view = view[self._tls.bio_write(bytes(view[:_CHUNK])) :]
            if not self._established and not self._shake_hands():
                continue
            self._read()
        self._flush()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if self._lost:
            return
        self._lost = True
        if self._timer is not None:
            self._timer.cancel()
        if self._established:
            self._application.connection_lost()
        elif not self._closing:
            self._application.handshake_failed(self, "The client closed the connection during the TLS handshake.")

    def pause_writing(self) -> None:
        """asyncio's buffer is past its mark: `is_congested` tells the application."""

    def resume_writing(self) -> None:
        if self._established and not self._lost:
            self._application.resume_writing()

    # TLS

    def _shake_hands(self) -> bool:
        try:
            self._tls.do_handshake()
        except SSL.WantReadError:
            self._flush()
            return False
        except SSL.Error as error:
            self._flush()  # the alert
            self._fail(_words(error))
            return False
        self._established = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._flush()
        self.peer_chain = _peer_chain(self._tls)
        name = self._tls.get_servername()
        self.server_name = name.decode("ascii", "replace") if name else ""
        self._application.connection_made(self)
        return True

    def _fail(self, reason: str) -> None:
        if self._lost or self._closing or self._established:
            return
        self._closing = True
        self._application.handshake_failed(self, reason)
        if self._transport is not None:
            self._transport.close()

    def _read(self) -> None:
        while not self._lost and not self._closing:
            try:
                data = self._tls.recv(_CHUNK)
            except SSL.WantReadError:
                return
            except (SSL.ZeroReturnError, SSL.Error):
                self.close()
                return
            if not data:
                return
            self._application.data_received(data)

    def _flush(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        while True:
            try:
                data = self._tls.bio_read(_CHUNK)
            except SSL.Error:
                return
            if not data:
                return
            self._transport.write(data)

    # The application's side

    @property
    def is_congested(self) -> bool:
        """Whether the reader is so slow that queueing more would only grow memory."""
        return self._transport is not None and self._transport.get_write_buffer_size() > MAX_BUFFERED_OUTGOING_BYTES

    def write(self, data: bytes) -> None:
        """Send plain bytes. Quietly does nothing once the connection is closing."""
        if self._closing or self._lost:
            return
        view = memoryview(data)
        try:
            while view:
                view = view[self._tls.send(bytes(view[:_CHUNK])) :]
        except SSL.Error:
            self.abort()
            return
        self._flush()

    def close(self) -> None:
        """Send what is queued, say goodbye in TLS, and close."""
        if self._closing or self._lost:
            return
        self._closing = True
        with contextlib.suppress(SSL.Error):
            self._tls.shutdown()
        self._flush()
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once, dropping what is queued."""
        self._closing = True
        if self._transport is not None:
            self._transport.abort()


def _peer_chain(tls: SSL.Connection) -> tuple[bytes, ...]:
    leaf = tls.get_peer_certificate(as_cryptography=True)
    if leaf is None:
        return ()
    found = [leaf.public_bytes(Encoding.DER)]
    for certificate in tls.get_peer_cert_chain(as_cryptography=True) or []:
        der = certificate.public_bytes(Encoding.DER)
        if der not in found:
            found.append(der)
    return tuple(found)


def _words(error: SSL.Error) -> str:
    details = error.args[0] if error.args and isinstance(error.args[0], list) else []
    reason = str(details[-1][-1]) if details else ""
    known = {
        "http request": "The client spoke plain HTTP to the TLS port.",
        "wrong version number": "The client did not speak TLS; MQTT without TLS is not offered here.",
        "no shared cipher": "Client and endpoint share no cipher.",
        "unsupported protocol": "The client offers only TLS versions before 1.2.",
        "tlsv1 alert unknown ca": "The client does not trust this endpoint's certificate: give it the endpoint's CA file.",
        "sslv3 alert bad certificate": "The client refused this endpoint's certificate.",
        "sslv3 alert certificate unknown": "The client refused this endpoint's certificate.",
    }
    return known.get(reason, f"The TLS handshake failed: {reason or 'the connection was cut'}.")
