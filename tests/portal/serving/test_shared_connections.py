"""Several web processes share kept connections evenly. A real gunicorn, real sockets."""

import http.client
import signal
import socket
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from portal.serving.connection_counts import ConnectionCounts
from tests.support.servers.gunicorn_process import gunicorn_process
from tests.support.waiting import until

APPLICATION = """
import os
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%d" % os.getpid()]
"""
# On a busy machine, the process with fewer connections may need long to accept one.
PATIENT = """
from portal.serving import bounded_worker, connection_counts
bounded_worker.LEAVE_SECONDS = connection_counts.CURRENT_SECONDS = 60.0
"""


@dataclass(frozen=True)
class Server:
    port: int
    process: "subprocess.Popen[bytes]"


@pytest.fixture
def port(server: Server) -> int:
    return server.port


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    options = ("--workers=2", "--threads=2", "--keep-alive=60")
    with gunicorn_process(tmp_path, APPLICATION, PATIENT, *options) as (number, process):
        until(lambda: len(held_by(number, 2)) == 2, "both processes accept connections")
        yield Server(number, process)


def ask(client: socket.socket) -> str:
    """Make a request on a kept connection, and return the process that answered."""
    client.sendall(b"GET / HTTP/1.1\r\nHost: local\r\n\r\n")
    answer = http.client.HTTPResponse(client)
    answer.begin()
    return answer.read().decode()


class KeptClient:
    """A client that keeps its connection as long as the server does, and opens another one then."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=90)

    def ask(self) -> str:
        """Make a request, and return the process that answered."""
        self._connection.request("GET", "/")
        return self._connection.getresponse().read().decode()

    def close(self) -> None:
        self._connection.close()


def finish(client: socket.socket) -> None:
    """Make the last request and wait until the process has closed the connection."""
    client.sendall(b"GET / HTTP/1.1\r\nHost: local\r\nConnection: close\r\n\r\n")
    while client.recv(65_536):
        pass


def held_by(port: int, count: int) -> Counter[str]:
    """Return how many of these connections, open together, each process has accepted."""
    with ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=90)) for _ in range(count)]
        shares = Counter(ask(client) for client in clients)
        for client in clients:
            finish(client)
    return shares


def test_kept_connections_are_shared_evenly(port: int) -> None:
    assert sorted(held_by(port, 12).values()) == [6, 6]


def test_a_process_that_starts_later_gets_its_share_of_kept_connections(server: Server) -> None:
    with ExitStack() as stack:
        server.process.send_signal(signal.SIGTTOU)
        until(lambda: len(held_by(server.port, 4)) == 1, "one process is left")
        clients = [KeptClient(server.port) for _ in range(12)]
        for client in clients:
            stack.callback(client.close)
        (first,) = {client.ask() for client in clients}

        server.process.send_signal(signal.SIGTTIN)
        until(lambda: len({client.ask() for client in clients}) == 2, "the new process has connections", every=0.1)
        for client in clients:
            client.ask()
        shares = Counter(client.ask() for client in clients)
    assert 4 <= shares[first] <= 8
    assert sum(shares.values()) == 12
    assert len(shares) == 2


def test_connections_are_closed_only_where_another_process_has_far_fewer() -> None:
    counts = ConnectionCounts()
    assert not counts.has_too_many(1, 100)
    counts.report(2, 10)
    assert not counts.has_too_many(1, 16)
    assert counts.has_too_many(1, 17)
    counts.report(3, 0)
    assert counts.has_too_many(1, 2)
    assert not counts.has_too_many(1, 1)


def test_counts_of_other_processes_are_seen_until_they_withdraw() -> None:
    counts = ConnectionCounts()
    assert counts.fewest_of_others(1) is None
    counts.report(1, 3)
    assert counts.fewest_of_others(1) is None
    counts.report(2, 7)
    counts.report(3, 5)
    assert counts.fewest_of_others(1) == 5
    assert counts.fewest_of_others(3) == 3
    counts.withdraw(3)
    assert counts.fewest_of_others(1) == 7
