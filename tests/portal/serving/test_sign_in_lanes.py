"""Guessing passwords holds up neither other requests nor people at other addresses. A real gunicorn, real sockets."""

import http.client
import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from portal.serving.sign_in_lanes import Attempt, attempt_in
from tests.support.servers.gunicorn_process import gunicorn_process
from tests.support.waiting import until

# Passwords take a while to check. Whoever forwards an address is trusted, as a proxy would be.
APPLICATION = """
import time
checking = most = 0
def application(environ, start_response):
    global checking, most
    environ["REMOTE_ADDR"] = environ.pop("HTTP_X_FORWARDED_FOR", environ["REMOTE_ADDR"])
    body = environ["wsgi.input"].read()
    status = "200 OK"
    if environ["PATH_INFO"] == "/sign-in/":
        checking += 1
        most = max(most, checking)
        time.sleep(0.02)
        checking -= 1
        status = "302 Found" if body == b"right" else "422 Unprocessable Content"
    start_response(status, [("Content-Type", "text/plain")])
    return [b"%d" % most]
"""
WORKER = """
from portal.serving import bounded_worker, sign_in_lanes
bounded_worker.HEAD_SECONDS = 1.0
sign_in_lanes.SHARE, sign_in_lanes.LONGEST_REST = 0.0001, {rest}
sign_in_lanes.MOST_WAITING_AFTER_FAILURE = 10
"""


@contextmanager
def serving(folder: Path, rest: float) -> Iterator[int]:
    """Serve the application, with rests of that many seconds, and yield the port."""
    folder.mkdir()
    with gunicorn_process(folder, APPLICATION, WORKER.format(rest=rest), "--workers=1", "--threads=2") as (port, _):
        until(lambda: ask(port, "GET", "/") == 200, "gunicorn answers")
        yield port


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with serving(tmp_path_factory.mktemp("gunicorn") / "short", 0.05) as number:
        yield number


def ask(port: int, method: str, path: str, body: str = "", address: str = "192.0.2.1") -> int:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request(method, path, body or None, {"X-Forwarded-For": address})
        answer = connection.getresponse()
        answer.read()
        return answer.status


def most_at_once(port: int) -> int:
    """Return how many passwords were checked at the same time at most."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("GET", "/")
        return int(connection.getresponse().read())


def guess(port: int, address: str) -> socket.socket:
    """Send a wrong password, and return the connection without waiting for the answer."""
    client = socket.create_connection(("127.0.0.1", port), timeout=60)
    head = f"POST /sign-in/ HTTP/1.1\r\nHost: local\r\nX-Forwarded-For: {address}\r\nContent-Length: 5\r\n\r\nwrong"
    client.sendall(head.encode())
    return client


def test_others_do_not_wait_for_guessers(tmp_path: Path) -> None:
    """The rest after a guess takes a minute here: in one queue with the guesses, everyone would wait for minutes."""
    with serving(tmp_path / "long", 60.0) as port, ExitStack() as stack:
        assert ask(port, "POST", "/sign-in/", "wrong", "198.51.100.9") == 422
        waiting = [stack.enter_context(guess(port, "198.51.100.9")) for _ in range(3)]
        assert waiting[0].recv(100).startswith(b"HTTP/1.1 422 ")
        assert ask(port, "GET", "/", address="203.0.113.1") == 200
        for number in range(3):
            assert ask(port, "POST", "/sign-in/", "right", f"203.0.113.{number}") == 302
        for client in waiting[1:]:
            client.setblocking(False)
            with pytest.raises(BlockingIOError):
                client.recv(1)
        assert most_at_once(port) <= 2, "one password in each lane"


def test_a_person_at_the_address_of_guessers_signs_in_too(port: int) -> None:
    with ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(guess(port, "198.51.100.9"))
        assert ask(port, "POST", "/sign-in/", "right", "198.51.100.9") == 302


def test_no_more_wait_than_there_is_room_for(tmp_path: Path) -> None:
    with serving(tmp_path / "long", 60.0) as port, ExitStack() as stack:
        assert ask(port, "POST", "/sign-in/", "wrong", "198.51.100.20") == 422
        assert stack.enter_context(guess(port, "198.51.100.20")).recv(100).startswith(b"HTTP/1.1 422 ")  # now it rests
        clients = [stack.enter_context(guess(port, "198.51.100.20")) for _ in range(14)]
        until(lambda: len([each for each in clients if readable(each)]) == 4, "those without room have an answer")
        assert {each.recv(100)[:13] for each in clients if readable(each)} == {b"HTTP/1.1 429 "}


def readable(client: socket.socket) -> bool:
    return bool(select.select([client], [], [], 0)[0])


def test_a_body_that_does_not_come_takes_no_turn(port: int) -> None:
    head = b"POST /sign-in/ HTTP/1.1\r\nHost: local\r\nX-Forwarded-For: 203.0.113.8\r\nContent-Length: 5\r\n\r\nri"
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(head)
        assert ask(port, "POST", "/sign-in/", "right", "203.0.113.9") == 302
        client.sendall(b"ght")
        assert client.recv(100).startswith(b"HTTP/1.1 302 ")
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(head)
        assert client.recv(100).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("header", [b"Transfer-Encoding: chunked", b"Content-Length: 99999", b"Content-Length: x"])
def test_a_body_of_unknown_length_is_refused(port: int, header: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(b"POST /sign-in/ HTTP/1.1\r\nHost: local\r\n" + header + b"\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 411 ")


def test_guesses_sent_without_waiting_for_answers_are_refused(port: int) -> None:
    one = b"POST /sign-in/ HTTP/1.1\r\nHost: local\r\nContent-Length: 5\r\n\r\nwrong"
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(one + one)
        answer = b""
        while data := client.recv(4096):
            answer += data
    assert answer.startswith(b"HTTP/1.1 422 ")
    assert answer.count(b"HTTP/1.1 422 ") == 1


@pytest.mark.parametrize(
    "target",
    [b"/sign-in/", b"/sign-in/?next=/people/", b"/sign%2din/", b"http://portal.example/sign-in/?x", b"/sign-in/code/"],
)
def test_an_attempt_is_known_however_it_is_spelled(target: bytes) -> None:
    head = b"POST " + target + b" HTTP/1.1\r\nX-Forwarded-For: 192.0.2.1, 192.0.2.2\r\ncontent-length:  3\r\n\r\n"
    assert attempt_in(head + b"abc") == Attempt(len(head) + 3, ("192.0.2.1", "192.0.2.2"))


@pytest.mark.parametrize(
    "head",
    [
        b"GET /sign-in/ HTTP/1.1",
        b"POST /people/ HTTP/1.1",
        b"POST /sign-in/reset/ HTTP/1.1",
        b"POST  ",
        b"",
        b"POST http://[ HTTP/1.1",
    ],
)
def test_other_requests_are_none(head: bytes) -> None:
    assert attempt_in(head + b"\r\n\r\n") is None
