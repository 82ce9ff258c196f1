"""Reads of Azure beside the pushes: each within the budget, and patient where Azure asks for patience."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar

from sync.arm.call_recording import recorded
from sync.arm.errors import AzureUnreachable
from sync.arm.protocols import PagedReader
from sync.arm.resource_ids import subscription_of
from sync.throttling import budget

TRIES = 4  # of one page
PAUSE = 1.0  # seconds before the second try where Azure names none; twice as long before each further one
LONGEST_WAIT = 60.0  # seconds for one page: a worker has the time
AT_A_PAGE = 3.0  # … and where a person waits
TELL_EVERY = 5.0  # seconds


Found = TypeVar("Found")


class PatientReader:
    """Reads through a gateway, one page after the other.

    Each page is taken out of the budget of reads, its answer is learned from, and a fault that may pass is waited for:
    as long as Azure asks, at most `longest_wait` seconds, `tries` times in all. `meanwhile` is called now and then, so
    that whoever reads can say that it is still at it.
    """

    def __init__(
        self,
        gateway: PagedReader,
        *,
        longest_wait: float = LONGEST_WAIT,
        tries: int = TRIES,
        meanwhile: Callable[[], object] | None = None,
    ) -> None:
        self._gateway = gateway
        self._longest_wait = longest_wait
        self._tries = tries
        self._meanwhile = meanwhile
        self._told_at = time.monotonic()
        self.requests = 0

    def get(self, arm_id: str, *, api_version: str | None = None) -> dict[str, Any]:
        """As the gateway's. Raises what that raises, and AzureUnreachable when the budget has nothing left for long."""
        return self._read(arm_id, lambda: self._gateway.get(arm_id, api_version=api_version))

    def list_children(self, namespace_id: str, kind: str) -> Iterator[dict[str, Any]]:
        """As the gateway's. Raises as `get`."""
        link = ""
        while True:
            found, link = self._read(namespace_id, partial(self._gateway.page_of_children, namespace_id, kind, link))
            yield from found
            if not link:
                return

    def _read(self, resource_id: str, ask: Callable[[], Found]) -> Found:
        subscription = subscription_of(resource_id)
        for attempt in range(1, self._tries + 1):
            self._take_a_read(subscription)
            try:
                return self._asked(ask)
            except AzureUnreachable as outage:
                wait = PAUSE * 2 ** (attempt - 1) if outage.retry_after is None else outage.retry_after
                if attempt == self._tries or wait > self._longest_wait:
                    if outage.throttled:
                        raise _patience(wait) from None
                    raise
            self._sleep(wait)
        raise AssertionError("unreachable")

    def _asked(self, ask: Callable[[], Found]) -> Found:
        with recorded() as calls:
            try:
                return ask()
            finally:
                self.requests += len(calls)
                budget.learn(calls)
                self._tell()

    def _take_a_read(self, subscription: str) -> None:
        deadline = time.monotonic() + self._longest_wait
        while True:
            grant = budget.reserve(subscription, "reads", 1)
            if grant.count:
                return
            if time.monotonic() + grant.wait > deadline:
                raise _patience(grant.wait)
            self._sleep(grant.wait)

    def _sleep(self, seconds: float) -> None:
        """In short steps, so that it can be told that we are still here."""
        ends = time.monotonic() + max(seconds, 0.02)
        while (left := ends - time.monotonic()) > 0:
            time.sleep(min(left, 2.0))
            self._tell()

    def _tell(self) -> None:
        if self._meanwhile is not None and time.monotonic() - self._told_at >= TELL_EVERY:
            self._told_at = time.monotonic()
            self._meanwhile()


def _patience(seconds: float) -> AzureUnreachable:
    said = f"Azure asks us to wait {max(round(seconds), 1)} s"
    return AzureUnreachable(said, seconds, sent=False, throttled=True, answered=True)
