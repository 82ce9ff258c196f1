"""The connections of the ARM endpoint: accepted up to a limit, and closed when they are silent, slow or idle."""

import asyncio
import contextlib
import logging
import socket
import ssl

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler

from emulator.arm.limits import HANDSHAKE_SECONDS, MAX_OPEN_HANDSHAKES, STALL_SECONDS, ArmLimits

logger = logging.getLogger("emulator.arm")


class BadRequestsInOneLine(logging.Filter):
    """Replaces the traceback that aiohttp logs for a request that is not HTTP by one line."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, HttpProcessingError):
            said = (str(error.message).splitlines() or [""])[0][:200]
            record.msg, record.args, record.exc_info = f"{record.msg}: %s", (*(record.args or ()), said), None
            record.levelno, record.levelname = logging.INFO, "INFO"
        return True


def http_logger() -> logging.Logger:
    """Return the logger for aiohttp."""
    found = logging.getLogger("emulator.arm.http")
    if not any(isinstance(each, BadRequestsInOneLine) for each in found.filters):
        found.addFilter(BadRequestsInOneLine())
    return found


class ArmListener:
    """Opens TLS on new connections and passes them to aiohttp, which cannot limit their number and handshakes."""

    def __init__(self, context: ssl.SSLContext, limits: ArmLimits) -> None:
        self._context = context
        self._limits = limits
        self._http: web.Server | None = None
        self._listening: asyncio.Server | None = None
        self._handshakes: dict[Accepted, None] = {}  # the oldest first
        self._without_request: dict[web.RequestHandler, asyncio.TimerHandle] = {}

    def application(self, application: web.Application) -> web.Application:
        """Return the application, which from now on reports the first request of each connection."""

        @web.middleware
        async def note_request(request: web.Request, handler: Handler) -> web.StreamResponse:
            if (timer := self._without_request.pop(request.protocol, None)) is not None:
                timer.cancel()
            return await handler(request)

        application.middlewares.append(note_request)
        return application

    async def start(self, listener: socket.socket, http: web.Server) -> None:
        """Accept connections for this server of aiohttp."""
        self._http = http
        loop = asyncio.get_running_loop()
        self._listening = await loop.create_server(lambda: Accepted(self), sock=listener, backlog=1024)

    def stop(self) -> None:
        """Accept no more connections, and end those that have sent no request."""
        if self._listening is not None:
            self._listening.close()
        for accepted in tuple(self._handshakes):
            accepted.abort()
        for handler, timer in self._without_request.items():
            timer.cancel()
            handler.force_close()
        self._without_request.clear()

    def admit(self, accepted: "Accepted") -> bool:
        """Return whether one more connection is within the limits."""
        assert self._http is not None
        if len(self._http.connections) + len(self._handshakes) >= self._limits.connections:
            logger.info("%s: closed, %s connections are open", accepted.peer, self._limits.connections)
            return False
        if len(self._handshakes) >= MAX_OPEN_HANDSHAKES:
            next(iter(self._handshakes)).abort()
        self._handshakes[accepted] = None
        return True

    async def serve(self, accepted: "Accepted", transport: asyncio.Transport) -> None:
        """Open TLS and pass the connection to aiohttp."""
        assert self._http is not None
        loop = asyncio.get_running_loop()
        began = loop.time()
        seconds = min(HANDSHAKE_SECONDS, self._limits.head_seconds)
        try:
            secured = await loop.start_tls(
                transport, accepted, self._context, server_side=True, ssl_handshake_timeout=seconds
            )
        except OSError as error:  # includes the errors of TLS and the timeout
            logger.debug("%s: no TLS: %s", accepted.peer, error)
            transport.abort()
            return
        finally:
            self._handshakes.pop(accepted, None)
        if secured is None or accepted.is_lost:
            return
        handler = self._http()
        secured.set_protocol(handler)
        handler.connection_made(secured)
        remaining = max(self._limits.head_seconds - (loop.time() - began), 0.0)
        self._without_request[handler] = loop.call_later(remaining, self._close_silent, handler)
        if accepted.received:
            handler.data_received(bytes(accepted.received))

    def forget(self, accepted: "Accepted") -> None:
        self._handshakes.pop(accepted, None)

    def _close_silent(self, handler: web.RequestHandler) -> None:
        if self._without_request.pop(handler, None) is not None:
            handler.force_close()


class Accepted(asyncio.Protocol):
    """A connection until TLS is open. What arrives with the end of the handshake is kept for aiohttp."""

    def __init__(self, listener: ArmListener) -> None:
        self._listener = listener
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None  # asyncio itself keeps no reference
        self.received = bytearray()
        self.peer = ""
        self.is_lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.peer = str((transport.get_extra_info("peername") or ("?",))[0])
        if not self._listener.admit(self):
            transport.abort()
            return
        raw = transport.get_extra_info("socket")
        with contextlib.suppress(OSError, AttributeError):  # Linux
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(STALL_SECONDS * 1000))
        self._transport = transport
        transport.pause_reading()
        self._task = asyncio.get_running_loop().create_task(self._listener.serve(self, transport))

    def data_received(self, data: bytes) -> None:
        self.received += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        self._listener.forget(self)

    def abort(self) -> None:
        self._listener.forget(self)
        if self._transport is not None:
            self._transport.abort()
