"""Reads of Azure outside of pushes, such as imports and comparisons: within the budget, retried when a fault may pass.

What is read is stored and shown, so private keys in it are masked here. A resource whose name holds one is left out.
"""

import logging
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar

from certificates.x509.key_masking import mask_of, masked
from certificates.x509.private_keys import holds_a_private_key
from sync.arm.call_recording import recorded
from sync.arm.errors import AzureUnreachable
from sync.arm.protocols import PagedReader
from sync.arm.resource_ids import subscription_of
from sync.throttling import budget

TRIES = 4  # per page
PAUSE = 1.0  # seconds before the second try, doubled before each further one, unless Azure names a time
LONGEST_WAIT = 60.0  # seconds per page, in a worker
LONGEST_WAIT_OF_USER = 3.0  # seconds per page, while a user waits
PROGRESS_INTERVAL = 5.0  # seconds
logger = logging.getLogger(__name__)


Found = TypeVar("Found")


class BudgetedReader:
    """Reads through a gateway, page by page.

    Each page is reserved in the budget of reads, and its response corrects the budget. A page is read again after a
    fault that may pass.

    Args:
        gateway: where to read from.
        longest_wait: seconds to wait for one page, at most.
        tries: number of requests for one page, at most.
        meanwhile: called about every five seconds while reading, for instance to renew a lease.
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
        self._reported_at = time.monotonic()
        self.requests = 0

    def get(self, arm_id: str, *, api_version: str | None = None) -> dict[str, Any]:
        """Return a resource. Raise as the gateway does, and AzureUnreachable when the budget allows no read for long."""
        found: dict[str, Any] = masked(self._read(arm_id, lambda: self._gateway.get(arm_id, api_version=api_version)))
        return found

    def list_children(self, namespace_id: str, kind: str) -> Iterator[dict[str, Any]]:
        """Yield the children of a kind. Raise as `get`."""
        link = ""
        while True:
            found, link = self._read(namespace_id, partial(self._gateway.page_of_children, namespace_id, kind, link))
            for resource in found:
                name = str(resource.get("name") or "")
                if holds_a_private_key(name):
                    logger.warning("Left out a resource of %s: its name is %s.", namespace_id, mask_of(name))
                else:
                    yield masked(resource)
            if not link:
                return

    def _read(self, resource_id: str, ask: Callable[[], Found]) -> Found:
        subscription = subscription_of(resource_id)
        for attempt in range(1, self._tries + 1):
            self._reserve_read(subscription)
            try:
                return self._recorded(ask)
            except AzureUnreachable as outage:
                wait = PAUSE * 2 ** (attempt - 1) if outage.retry_after is None else outage.retry_after
                if attempt == self._tries or wait > self._longest_wait:
                    if outage.throttled:
                        raise _throttled(wait) from None
                    raise
            self._sleep(wait)
        raise AssertionError("unreachable")

    def _recorded(self, ask: Callable[[], Found]) -> Found:
        with recorded() as calls:
            try:
                return ask()
            finally:
                self.requests += len(calls)
                budget.learn(calls)
                self._report_progress()

    def _reserve_read(self, subscription: str) -> None:
        """Wait until the budget grants a read. Raise AzureUnreachable when that takes too long."""
        deadline = time.monotonic() + self._longest_wait
        while True:
            grant = budget.reserve(subscription, "reads", 1)
            if grant.count:
                return
            if time.monotonic() + grant.wait > deadline:
                raise _throttled(grant.wait)
            self._sleep(grant.wait)

    def _sleep(self, seconds: float) -> None:
        """Sleep in short steps, and report progress between them."""
        ends = time.monotonic() + max(seconds, 0.02)
        while (left := ends - time.monotonic()) > 0:
            time.sleep(min(left, 2.0))
            self._report_progress()

    def _report_progress(self) -> None:
        if self._meanwhile is not None and time.monotonic() - self._reported_at >= PROGRESS_INTERVAL:
            self._reported_at = time.monotonic()
            self._meanwhile()


def _throttled(seconds: float) -> AzureUnreachable:
    reason = f"Azure is throttling requests: wait {max(round(seconds), 1)} s"
    return AzureUnreachable(reason, seconds, code="throttled", sent=False, throttled=True, answered=True)
