"""A proxy whose connections can be made to fail, as those of a network or a server do."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

Address = Path | tuple[str, int]  # a socket, or host and port


class Proxy:
    """Forward connections from `port` to a server, until `cut` or `forget` is called. New connections always work."""

    def __init__(self, server: Address) -> None:
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._pairs: list[_Pair] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Close every connection now, as a server does when it restarts."""
        for pair in self._pairs:
            pair.close()

    def forget(self) -> None:
        """Let every connection look open until it is used, as after a firewall has dropped it for being idle."""
        for pair in self._pairs:
            pair.is_forgotten = True

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # ends a waiting accept()
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
    """A connection of a client and the matching one to the server."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.is_forgotten = False
        self._ends = (client, server)
        for here, there in ((client, server), (server, client)):
            threading.Thread(target=self._forward, args=(here, there), daemon=True).start()

    def _forward(self, here: socket.socket, there: socket.socket) -> None:
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
def proxy_to(server: Address) -> Iterator[Proxy]:
    """Run a proxy to this server for the block."""
    proxy = Proxy(server)
    try:
        yield proxy
    finally:
        proxy.close()
