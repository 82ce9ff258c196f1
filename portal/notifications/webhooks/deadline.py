"""A limit for a whole exchange with a receiver. The time-outs of `requests` begin again with each byte that arrives."""

import socket
import threading
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


def limit_session(session: Any, seconds: float) -> None:
    """Let each connection of a session end after so many seconds."""

    class Limited:
        """Ends the connection when its time is over: a thread that waits for a byte then gets an error."""

        timer: threading.Timer | None = None

        def connect(self) -> None:
            super().connect()  # type: ignore[misc]  # of the connection that is mixed in
            self.timer = threading.Timer(seconds, _end, [self.sock])  # type: ignore[attr-defined]
            self.timer.daemon = True
            self.timer.start()

        def close(self) -> None:
            if self.timer is not None:
                self.timer.cancel()
            super().close()  # type: ignore[misc]

    class PlainConnection(Limited, HTTPConnection):
        pass

    class SecureConnection(Limited, HTTPSConnection):
        pass

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = PlainConnection

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = SecureConnection

    for adapter in session.adapters.values():
        adapter.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}


def _end(connected: socket.socket) -> None:
    try:
        socket.socket.shutdown(connected, socket.SHUT_RDWR)
    except OSError:
        return  # it has ended
