"""ARM's rate limits: token buckets for reads, writes and deletes, and the headers that report what is left.

Source: https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling
"""

import math
import time
from collections.abc import Callable

from emulator.arm.requests.errors import ArmError

# (bucket size, refill per second), per subscription and service principal
RATES = {"reads": (250, 25), "writes": (200, 10), "deletes": (200, 10)}
KINDS = {"GET": "reads", "HEAD": "reads", "DELETE": "deletes"}
MAX_BUCKETS = 3000


def remaining_header(method: str) -> str:
    """Return the name of the header with the number of requests left for this method."""
    return f"x-ms-ratelimit-remaining-subscription-{KINDS.get(method, 'writes')}"


class Throttle:
    """Counts calls for the headers. If `enforced`, an empty bucket leads to a 429.

    `clock` returns seconds.
    """

    def __init__(self, *, enforced: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self._always = self._enforced = enforced
        self._clock = clock
        self._buckets: dict[tuple[str, str], tuple[float, float]] = {}  # level, and when it was measured

    def enforce(self, enforced: bool) -> None:
        """Turn the limits on, with full buckets, or off unless the emulator was started with them."""
        wanted = enforced or self._always
        if wanted and not self._enforced:
            self._buckets.clear()
        self._enforced = wanted

    def refill(self) -> None:
        """Fill all buckets."""
        self._buckets.clear()

    def take(self, method: str, subscription: str) -> dict[str, str]:
        """Count one call and return the header with the number of calls left. Raise `ArmError` (429) if enforced."""
        kind = KINDS.get(method, "writes")
        size, refill = RATES[kind]
        now = self._clock()
        key = (subscription.casefold(), kind)
        level, since = self._buckets.get(key, (float(size), now))
        level = min(size, level + (now - since) * refill)
        if level < 1 and self._enforced:
            self._buckets[key] = (level, now)
            wait = math.ceil((1 - level) / refill)
            raise ArmError(
                429,
                "SubscriptionRequestsThrottled",
                f"Number of '{kind}' for the subscription exceeded the limit of {refill} a second. Try again after"
                f" {wait} seconds.",
                headers={"Retry-After": str(wait), remaining_header(method): "0"},
            )
        if len(self._buckets) > MAX_BUCKETS:  # callers can invent subscription ids
            self._buckets.clear()
        self._buckets[key] = (max(0.0, level - 1), now)
        return {remaining_header(method): str(int(max(0.0, level - 1)))}
