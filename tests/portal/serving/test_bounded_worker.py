"""The web server stays reachable while clients are slow, half-open or silent. A real gunicorn, real sockets."""

import http.client
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from portal.demo.tls import tls_files
from portal.serving.bounded_worker import HEAD_BYTES
from tests.support.servers.gunicorn_process import gunicorn_process
from tests.support.waiting import until

APPLICATION = """
import time
def application(environ, start_response):
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%d" % len(body)]
"""
WORKER = """
from portal.serving import bounded_worker
bounded_worker.HEAD_SECONDS = 2.0
"""
THREADS = 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gunicorn")


@pytest.fixture(scope="module")
def port(folder: Path) -> Iterator[int]:
    with gunicorn_process(folder, APPLICATION, WORKER, "--workers=1", f"--threads={THREADS}") as (number, _):
        until(lambda: get(number) == "0", "gunicorn answers")
        yield number


def get(port: int) -> str:
    """Make a request within half the time for which silent clients would block the threads, one after the other."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("GET", "/")
        return connection.getresponse().read().decode()


def opened(port: int, data: bytes = b"") -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=60)
    client.sendall(data)
    return client


def received(client: socket.socket) -> bytes:
    """Return everything until the server closes its side."""
    answer = b""
    while data := client.recv(4096):
        answer += data
    return answer


LAST = b"GET / HTTP/1.1\r\nHost: local\r\nConnection: close\r\n\r\n"


def test_clients_that_do_not_close_delay_nobody(port: int) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(opened(port, LAST)) for _ in range(10)]
        for client in clients:
            assert received(client).startswith(b"HTTP/1.1 200 OK")
        # gunicorn alone waits two seconds for each of them, one after the other, and `get` has ten.
        assert get(port) == "0"


def test_a_body_that_nobody_reads_does_not_cut_the_response_off(port: int) -> None:
    with opened(port, b"POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello" + b"x" * 20_000) as client:
        assert received(client).endswith(b"5")


@pytest.mark.parametrize("data", [b"", b"GET / HTTP/1.1\r\nHost: local"], ids=["silent", "half-open"])
def test_slow_clients_take_no_thread(port: int, data: bytes) -> None:
    with ExitStack() as stack:
        for _ in range(10 * THREADS):
            stack.enter_context(opened(port, data))
        # All of them are still open; each thread would be taken five times over.
        assert get(port) == "0"


@pytest.mark.parametrize(
    ("data", "answer"), [(b"", b""), (b"GET / HTTP/1.1\r\nHost: local", b"HTTP/1.1 408 ")], ids=["silent", "half-open"]
)
def test_what_does_not_become_a_request_is_closed(port: int, data: bytes, answer: bytes) -> None:
    with opened(port, data) as client:
        assert client.recv(4096).startswith(answer)


def test_a_head_in_pieces_is_a_request(port: int) -> None:
    with opened(port) as client:
        for piece in (b"GET / HT", b"TP/1.1\r\nHost: a\r", b"\nConnection: close\r\n", b"\r\n"):
            client.sendall(piece)
        assert received(client).startswith(b"HTTP/1.1 200 OK")


def test_a_kept_connection_serves_one_request_after_the_other(port: int) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        for size in (0, 5, 100_000):
            connection.request("POST", "/", body=b"x" * size)
            assert connection.getresponse().read() == b"%d" % size


def test_a_half_request_on_kept_connections_takes_no_thread(port: int) -> None:
    with ExitStack() as stack:
        for _ in range(3 * THREADS):
            connection = stack.enter_context(closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)))
            connection.request("GET", "/")
            connection.getresponse().read()
            assert connection.sock is not None
            connection.sock.sendall(b"GET / HTTP/1.1\r\nHo")
        assert get(port) == "0"


def test_a_head_that_is_too_long_is_refused(port: int) -> None:
    with opened(port, b"GET / HTTP/1.1\r\nX: " + b"a" * (HEAD_BYTES - 19)) as client:
        assert client.recv(4096).startswith(b"HTTP/1.1 431 ")


def test_the_log_has_no_secret_address_without_the_production_settings_too(port: int, folder: Path) -> None:
    with opened(port, b"GET  /namespaces/calendar/s3cret.ics\r\n\r\n") as client:
        assert client.recv(4096).startswith(b"HTTP/1.1 400 ")
    log = folder / "log"
    until(lambda: "calendar/[hidden]" in log.read_text(encoding="utf-8"), "the line is written")
    assert "s3cret" not in log.read_text(encoding="utf-8")


def test_a_kept_connection_serves_over_tls_too(tmp_path: Path) -> None:
    """As the demo does for a class on other machines: there is no proxy in front."""
    files = tls_files(tmp_path, "localhost", now=datetime.now(UTC))
    options = ("--workers=1", f"--threads={THREADS}", f"--certfile={files.certificate}", f"--keyfile={files.key}")
    trusting = ssl.create_default_context(cafile=files.ca)
    with gunicorn_process(tmp_path, APPLICATION, WORKER, *options) as (number, _):

        def connected() -> http.client.HTTPSConnection:
            return http.client.HTTPSConnection("localhost", number, timeout=10, context=trusting)

        def answers() -> bool:
            with suppress(OSError, http.client.HTTPException), closing(connected()) as connection:
                connection.request("GET", "/")
                return connection.getresponse().read() == b"0"
            return False

        until(answers, "gunicorn answers")
        with closing(connected()) as kept:
            bodies, sockets = [], set()
            for body in ("", "x" * 5, "y" * 40_000):
                kept.request("POST", "/", body=body)
                bodies.append(kept.getresponse().read())
                sockets.add(kept.sock)
            assert (bodies, len(sockets)) == ([b"0", b"5", b"40000"], 1)
