"""A way to a server over which connections can be made to fail as networks and servers make them fail."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

Address = Path | tuple[str, int]  # a socket, or host and port


class Way:
    """Listens on `port` and passes on what comes, until it is told otherwise. New connections always work."""

    def __init__(self, server: Address) -> None:
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._pairs: list[_Pair] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Close every connection now, as a server does that restarts."""
        for pair in self._pairs:
            pair.close()

    def forget(self) -> None:
        """Let every connection seem well until it is used, as a firewall does that has forgotten an idle one."""
        for pair in self._pairs:
            pair.is_forgotten = True

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes who waits in accept
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client = self._listener.accept()[0]
            except OSError:
                return
            self._pairs.append(_Pair(client, _connect(self._server)))


class _Pair:
    """One connection of a client, and the one to the server that belongs to it."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.is_forgotten = False
        self._ends = (client, server)
        for here, there in ((client, server), (server, client)):
            threading.Thread(target=self._pass_on, args=(here, there), daemon=True).start()

    def _pass_on(self, here: socket.socket, there: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while (data := here.recv(65536)) and not self.is_forgotten:
                there.sendall(data)
        self.close()

    def close(self) -> None:
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


def _connect(server: Address) -> socket.socket:
    if isinstance(server, tuple):
        return socket.create_connection(server)
    made = socket.socket(socket.AF_UNIX)
    made.connect(str(server))
    return made


@contextlib.contextmanager
def way_to(server: Address) -> Iterator[Way]:
    way = Way(server)
    try:
        yield way
    finally:
        way.close()
