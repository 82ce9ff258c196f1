"""A gunicorn worker in which slow or half-open requests occupy no thread, and that shares connections fairly.

gunicorn's threaded worker gives a connection to a thread as soon as its first byte arrives, and the thread waits for the
rest of the request head without a limit: as many half-open requests as there are threads block the worker. Here the event
loop waits until the head is complete, and closes the connection when that takes too long. A proxy that buffers requests
does the same; this worker makes the portal safe without one.

Attempts to sign in have threads of their own (see portal.serving.sign_in_lanes), which get complete requests only.

With several processes, each leaves a new connection to one that has fewer, and one that has far more closes some of its own
when they are kept open after a response (see portal.serving.connection_counts).
"""

import contextlib
import errno
import selectors
import socket
import struct
import threading
import time
from concurrent.futures import Future
from functools import partial
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

from portal.logs import HideSecrets
from portal.serving.connection_counts import ConnectionCounts
from portal.serving.sign_in_lanes import NO_LENGTH, TOO_MANY, Attempt, SignInLanes, attempt_in

HEAD_SECONDS = 10.0  # for a request head, from the start of the connection or the end of the previous request
STALL_SECONDS = 20  # without any progress in receiving a request body or sending a response
REQUEST_SECONDS = 300.0  # for a whole request in a thread, a slow download included
LINGER_SECONDS = 2.0  # for a client to close its side after the last response
LINGER_BYTES = 65_536  # of unread data, such as the body of a rejected request
LINGERING = 1000
LEAVE_SECONDS = 0.02  # how long a new connection is left to a process that has fewer
LEAVE_PAUSE = 0.0005
HEAD_BYTES = 32_768  # limit of a request head; browsers send a few thousand bytes
TIMED_OUT = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
HIDE_SECRETS = HideSecrets()
COUNTS = ConnectionCounts()  # made in gunicorn's main process, which imports this module before it forks
TOO_LONG = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class Connection(TConn):  # type: ignore[misc]  # gunicorn has no type hints
    """A connection that is closed without blocking the event loop.

    After the last response, gunicorn waits in the event loop until the client closes its side, for two seconds at most:
    every client that leaves its side open would stop the whole process for so long.
    """

    def __init__(self, worker: "BoundedThreadWorker", *args: Any) -> None:
        super().__init__(*args)
        self._worker = worker

    def close(self, graceful: bool = False) -> None:
        self._worker.forget(self)
        if graceful:
            self._worker.linger(self)
        else:
            super().close()


class BoundedThreadWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no type hints
    """gunicorn's `gthread` worker with time limits for clients."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.log.error_log.addFilter(HIDE_SECRETS)  # gunicorn logs the address of a request that fails
        self._lock = threading.Lock()
        self._in_threads: dict[TConn, float] = {}  # connection → deadline of its thread, by time.monotonic()
        self._lingering: dict[Connection, tuple[float, int]] = {}  # deadline, and how many bytes may still come
        self._left_at = 0.0
        self._to_close: set[TConn] = set()  # after the response that is being made
        self._attempts: dict[TConn, Attempt] = {}  # complete requests to sign in, until their turn is fixed

    def init_process(self) -> None:
        self._lanes = SignInLanes()
        super().init_process()

    def run(self) -> None:
        try:
            super().run()
        finally:
            self._lanes.stop()

    def load_wsgi(self) -> None:
        super().load_wsgi()
        self.wsgi: Any = self._lanes.noting(self.wsgi)

    def notify(self) -> None:
        """Report to gunicorn's main process and to the other processes; the event loop calls this at least every second."""
        super().notify()
        if self._accepting:
            COUNTS.report(self.age, self.nr_conns)

    def set_accept_enabled(self, enabled: bool) -> None:
        super().set_accept_enabled(enabled)
        if not enabled:
            COUNTS.withdraw(self.age)

    def _leave_to_another(self) -> bool:
        """Return whether to leave a new connection to a process with fewer, which was woken too, for LEAVE_SECONDS."""
        fewest = COUNTS.fewest_of_others(self.age)
        if fewest is None or fewest >= self.nr_conns:
            return False
        now = time.monotonic()
        if now - self._left_at > 2 * LEAVE_SECONDS:  # another connection than the last one that was left
            self._left_at = now
        if now - self._left_at > LEAVE_SECONDS:
            self._left_at = 0.0
            return False
        time.sleep(LEAVE_PAUSE)  # the event loop offers it again until a process accepts it
        return True

    def accept(self, listener: socket.socket) -> None:
        """Accept a connection and wait for its first request without a thread."""
        if self.cfg.is_ssl:  # a request head cannot be seen in encrypted data
            super().accept(listener)
            return
        if self._leave_to_another():
            return
        try:
            client, address = listener.accept()
        except OSError as fault:
            if fault.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                raise
            return
        self.nr_conns += 1
        COUNTS.report(self.age, self.nr_conns)
        stall = struct.pack("ll", STALL_SECONDS, 0)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, stall)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, stall)
        connection = Connection(self, self.cfg, client, address, listener.getsockname())
        self._wait_for_head(connection, time.monotonic() + HEAD_SECONDS)

    def on_client_socket_readable(self, conn: TConn, client: socket.socket) -> None:
        """Read the next request of a connection that was kept alive."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._start_if_complete(conn, time.monotonic() + HEAD_SECONDS)

    def on_pending_socket_readable(self, conn: TConn, client: socket.socket) -> None:
        """Read more of a request head."""
        self.poller.unregister(client)
        self.pending_conns.remove(conn)
        self._start_if_complete(conn, conn.timeout)

    def _start_if_complete(self, conn: TConn, deadline: float) -> None:
        if self.cfg.is_ssl:  # a request head cannot be seen in encrypted data
            conn.data_ready = True
            self.enqueue_req(conn)
            return
        arrived = _arrived(conn.sock)
        if arrived and b"\r\n\r\n" in arrived and (attempt := attempt_in(arrived)):
            if attempt.length is None or attempt.length > HEAD_BYTES:
                self._refuse(conn, NO_LENGTH)
                return
            if len(arrived) < attempt.length:
                self._wait_for_head(conn, deadline, len(arrived))
                return
            self._attempts[conn] = attempt
        if not arrived or b"\r\n\r\n" in arrived:
            _wake_after(conn.sock, 1)
            conn.data_ready = True
            self.enqueue_req(conn)
        elif len(arrived) < HEAD_BYTES:
            self._wait_for_head(conn, deadline, len(arrived))
        else:
            self._refuse(conn, TOO_LONG)

    def enqueue_req(self, conn: TConn) -> None:
        """Give a request to a thread; an attempt to sign in waits for its turn."""
        attempt = self._attempts.pop(conn, None)
        if attempt is None and conn.parser is not None and attempt_in(conn.parser.unreader.buf.getvalue()):
            self._refuse(conn, TOO_MANY)  # sent before the answer to the last request, as no browser does
        elif attempt is None:
            super().enqueue_req(conn)
        elif not self._lanes.submit(attempt, _host_of(conn.client), partial(self._handle_attempt, conn)):
            self._refuse(conn, TOO_MANY)

    def _handle_attempt(self, conn: TConn) -> None:
        """Handle an attempt to sign in, and give its connection back before its thread rests."""
        done: Future[Any] = Future()
        try:
            done.set_result(self.handle(conn))
        except BaseException as fault:  # noqa: BLE001 - `finish_request` closes the connection
            done.set_exception(fault)
        self.method_queue.defer(self.finish_request, conn, done)

    def _wait_for_head(self, conn: TConn, deadline: float, arrived: int = 0) -> None:
        _wake_after(conn.sock, arrived + 1)
        conn.timeout = deadline
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def linger(self, conn: Connection) -> None:
        """Close our side of a connection now, and the rest when the client has closed its side or after LINGER_SECONDS.

        Closing at once could make the client lose the end of the response, when it is still sending.
        """
        try:
            conn.sock.shutdown(socket.SHUT_WR)
            conn.sock.setblocking(False)
            if len(self._lingering) >= LINGERING:
                raise BlockingIOError
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._discard, conn))
        except (OSError, KeyError, ValueError):
            conn.close()
            return
        self._lingering[conn] = (time.monotonic() + LINGER_SECONDS, LINGER_BYTES)

    def _discard(self, conn: Connection, client: socket.socket) -> None:
        """Read what the client still sends, and close the connection at its end."""
        deadline, rest = self._lingering[conn]
        try:
            arrived = len(client.recv(LINGER_BYTES))
        except BlockingIOError:
            return
        except OSError:
            arrived = 0
        if arrived == 0 or arrived > rest:
            self._close_lingering(conn)
        else:
            self._lingering[conn] = (deadline, rest - arrived)

    def _close_lingering(self, conn: Connection) -> None:
        del self._lingering[conn]
        with contextlib.suppress(OSError, KeyError, ValueError):
            self.poller.unregister(conn.sock)
        conn.close()

    def murder_pending(self) -> None:
        """Close connections whose request head is late, whose request takes too long, or whose client does not close."""
        if not self.alive:
            self._lanes.close()
        now = time.monotonic()
        for conn in [each for each, (deadline, _) in self._lingering.items() if deadline <= now]:
            self._close_lingering(conn)
        for conn in [each for each in self.pending_conns if each.timeout <= now]:
            self.pending_conns.remove(conn)
            with contextlib.suppress(OSError, KeyError, ValueError):
                self.poller.unregister(conn.sock)
            self._refuse(conn, TIMED_OUT)
        with self._lock:
            late = [conn for conn, until in self._in_threads.items() if until <= now]
        for conn in late:
            with contextlib.suppress(OSError):
                conn.sock.shutdown(socket.SHUT_RDWR)  # wakes its thread, which ends the request

    def _refuse(self, conn: TConn, answer: bytes) -> None:
        """Close a connection. Send `answer` first when a part of a request has arrived."""
        with contextlib.suppress(OSError):
            if conn.sock.recv(HEAD_BYTES, socket.MSG_DONTWAIT):
                conn.sock.send(answer, socket.MSG_DONTWAIT)
        self.nr_conns -= 1
        conn.close()

    def handle_request(self, req: Any, conn: TConn) -> Any:
        """Answer a request. Close the connection afterwards when another process has far fewer: the client opens a new one."""
        with self._lock:
            kept = self.nr_conns - len(self._to_close)
            if isinstance(conn, Connection) and COUNTS.has_too_many(self.age, kept):
                self._to_close.add(conn)
                req.force_close()
        return super().handle_request(req, conn)

    def forget(self, conn: TConn) -> None:
        """Note that a connection has been closed."""
        with self._lock:
            self._to_close.discard(conn)

    def handle(self, conn: TConn) -> Any:
        """Handle a request in a thread, for REQUEST_SECONDS at most."""
        with self._lock:
            self._in_threads[conn] = time.monotonic() + REQUEST_SECONDS
        try:
            return super().handle(conn)
        finally:
            with self._lock:
                self._in_threads.pop(conn, None)


def _arrived(client: socket.socket) -> bytes | None:
    """Return received bytes without consuming them, or None when the connection is broken."""
    try:
        return client.recv(HEAD_BYTES, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except OSError:
        return None


def _host_of(client: Any) -> str:
    """Return the host of a peer; "" for a Unix domain socket, which has none."""
    return str(client[0]) if isinstance(client, tuple) else ""


def _wake_after(client: socket.socket, count: int) -> None:
    """Make the socket readable for the event loop only when `count` bytes have arrived."""
    with contextlib.suppress(OSError):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, count)
