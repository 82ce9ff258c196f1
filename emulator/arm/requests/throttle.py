"""ARM's token buckets: reads, writes and deletes are counted apart, as its rate-limit headers tell."""

import math
import time
from collections.abc import Callable

from emulator.arm.requests.errors import ArmError

# kind: (bucket size, refill per second), per subscription and principal
RATES = {"reads": (250, 25), "writes": (200, 10), "deletes": (200, 10)}
KINDS = {"GET": "reads", "HEAD": "reads", "DELETE": "deletes"}
MOST_BUCKETS = 3000


def header_for(method: str) -> str:
    """The header that says how many such requests are left."""
    return f"x-ms-ratelimit-remaining-subscription-{KINDS.get(method, 'writes')}"


class Throttle:
    """Counts calls for the headers. With `enforced` an empty bucket is an answer 429."""

    def __init__(self, *, enforced: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self._always = self._enforced = enforced
        self._clock = clock
        self._buckets: dict[tuple[str, str], tuple[float, float]] = {}  # level, and when it was so

    def enforce(self, enforced: bool) -> None:
        """Put the limits in force, with full buckets, or out of force where the emulator was started without them."""
        wanted = enforced or self._always
        if wanted and not self._enforced:
            self._buckets.clear()
        self._enforced = wanted

    def refill(self) -> None:
        self._buckets.clear()

    def take(self, method: str, subscription: str) -> dict[str, str]:
        """Count one call; the answer is the header that says how many are left. Raises `ArmError` 429 when enforced."""
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
                headers={"Retry-After": str(wait), header_for(method): "0"},
            )
        if len(self._buckets) > MOST_BUCKETS:  # of subscriptions that nobody has made
            self._buckets.clear()
        self._buckets[key] = (max(0.0, level - 1), now)
        return {header_for(method): str(int(max(0.0, level - 1)))}
