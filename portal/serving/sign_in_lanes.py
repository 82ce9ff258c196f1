"""Threads of their own for attempts to sign in, so that guessing passwords does not hold up other requests.

A web process checks one password at a time. Addresses whose last attempt failed share a second thread, which rests after each
failure for nine times as long as the attempt took: however many connections guess, they get a tenth of one thread, and people
at other addresses do not wait for them. Which attempts are refused is decided elsewhere (`portal.sign_in.rate_limits`).
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

PATHS = frozenset({b"/sign-in/", b"/sign-in/code/"})
FAILED = ("422", "429")
SHARE = 0.1  # of the time of a thread, for attempts of addresses whose last one failed
LONGEST_REST = 2.0  # seconds
REMEMBERED_SECONDS = 60.0  # how long an address counts as one that failed
REMEMBERED = 10_000  # addresses
MOST_WAITING = 200  # attempts of addresses that have not failed
MOST_WAITING_AFTER_FAILURE = 50
TOO_MANY = (
    b"HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain; charset=utf-8\r\nRetry-After: 30\r\nConnection: close\r\n"
    b"Content-Length: 60\r\n\r\nToo many attempts to sign in. Wait a minute, then try again."
)
NO_LENGTH = b"HTTP/1.1 411 Length Required\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@dataclass(frozen=True)
class Attempt:
    """A request to sign in. `length`: bytes of head and body, None where the request does not say.

    `forwarded`: the addresses that the request says it came through. They may be forged, so they only slow it down.
    """

    length: int | None
    forwarded: tuple[str, ...] = ()


def attempt_in(arrived: bytes) -> Attempt | None:
    """Return the attempt to sign in that a complete request head is, or None."""
    if arrived[:5].upper() != b"POST ":
        return None
    head = arrived.partition(b"\r\n\r\n")[0]
    first, *lines = head.split(b"\r\n")
    if _path_of(first.split(b" ")[1]) not in PATHS:
        return None
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
    digits = headers.get(b"content-length", b"0")
    has_length = digits.isdigit() and len(digits) < 10 and b"transfer-encoding" not in headers
    forwarded = headers.get(b"x-forwarded-for", b"").decode("latin-1")
    return Attempt(
        length=len(head) + 4 + int(digits) if has_length else None,
        forwarded=tuple(each.strip() for each in forwarded.split(",") if each.strip()),
    )


def _path_of(target: bytes) -> bytes:
    """Return the decoded path of a request target, which may be percent-encoded or an absolute URL."""
    try:
        path = urlsplit(target).path if b"://" in target else target.partition(b"?")[0]
    except ValueError:
        return b""
    return unquote_to_bytes(path)


class SignInLanes:
    """The two threads of a web process, made after the fork."""

    def __init__(self) -> None:
        self._prompt, self._slow = (ThreadPoolExecutor(1, thread_name_prefix="sign-in") for _ in range(2))
        self._lock = threading.Lock()
        self._failed: OrderedDict[str, float] = OrderedDict()  # network → when it failed last, by time.monotonic()
        self._waiting = {self._prompt: 0, self._slow: 0}
        self._answer = threading.local()
        self._closing = threading.Event()

    def noting(self, application: Application) -> Application:
        """Wrap a WSGI application so that the lanes know how it answered, and the address that it trusts."""

        def noted(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            def start(status: str, *more: Any) -> Any:
                if getattr(self._answer, "is_attempt", False) and status.startswith(FAILED):
                    # Before the client can know it, and try again.
                    self._note_failure(str(environ.get("REMOTE_ADDR", "")))
                    self._answer.has_failed = True
                return start_response(status, *more)

            return application(environ, start)

        return noted

    def submit(self, attempt: Attempt, peer: str, handle: Callable[[], object]) -> bool:
        """Have `handle` called when it is the turn of the attempt. Return False where too many wait already."""
        with self._lock:
            has_failed = any(self._has_failed(each) for each in (peer, *attempt.forwarded))
            lane = self._slow if has_failed else self._prompt
            if self._waiting[lane] >= (MOST_WAITING_AFTER_FAILURE if has_failed else MOST_WAITING):
                return False
            self._waiting[lane] += 1
        lane.submit(self._run, lane, handle)
        return True

    def close(self) -> None:
        """Finish what waits, without rests."""
        self._closing.set()

    def stop(self) -> None:
        """Drop what still waits."""
        self.close()
        for lane in (self._prompt, self._slow):
            lane.shutdown(wait=False, cancel_futures=True)

    def _run(self, lane: ThreadPoolExecutor, handle: Callable[[], object]) -> None:
        with self._lock:
            self._waiting[lane] -= 1
        self._answer.is_attempt, self._answer.has_failed = True, False
        began = time.monotonic()
        handle()
        if self._answer.has_failed and lane is self._slow:
            self._closing.wait(min((time.monotonic() - began) * (1 / SHARE - 1), LONGEST_REST))

    def _note_failure(self, address: str) -> None:
        with self._lock:
            network = _network_of(address)
            self._failed[network] = time.monotonic()
            self._failed.move_to_end(network)
            if len(self._failed) > REMEMBERED:
                self._failed.popitem(last=False)

    def _has_failed(self, address: str) -> bool:
        failed_at = self._failed.get(_network_of(address))
        return failed_at is not None and time.monotonic() - failed_at < REMEMBERED_SECONDS


def _network_of(address: str) -> str:
    """Return what counts as one address: an IPv4 address, or the network of an IPv6 address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address[:50]
    return str(ip_network(f"{address}/64", strict=False)) if isinstance(parsed, IPv6Address) else str(parsed)
