"""ARM's token buckets: reads, writes and deletes are counted apart, as its rate-limit headers tell."""

import time
from collections.abc import Callable

from emulator.arm.errors import ArmError

# kind: (bucket size, refill per second), per subscription and principal
RATES = {"reads": (250, 25), "writes": (200, 10), "deletes": (200, 10)}
KINDS = {"GET": "reads", "HEAD": "reads", "DELETE": "deletes"}


class Throttle:
    """Counts calls for the headers. With `enforced` an empty bucket is an answer 429."""

    def __init__(self, *, enforced: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self._enforced = enforced
        self._clock = clock
        self._buckets = {kind: (float(size), clock()) for kind, (size, _) in RATES.items()}

    def take(self, method: str) -> dict[str, str]:
        """Count one call; the answer is the header that says how many are left. Raises `ArmError` 429 when enforced."""
        kind = KINDS.get(method, "writes")
        size, refill = RATES[kind]
        level, since = self._buckets[kind]
        now = self._clock()
        level = min(size, level + (now - since) * refill)
        if level < 1 and self._enforced:
            self._buckets[kind] = (level, now)
            raise ArmError(
                429,
                "SubscriptionRequestsThrottled",
                f"Number of '{kind}' for the subscription exceeded the limit of {refill} a second. Try again later.",
                headers={"Retry-After": "1"},
            )
        self._buckets[kind] = (max(0.0, level - 1), now)
        return {f"x-ms-ratelimit-remaining-subscription-{kind}": str(int(max(0.0, level - 1)))}
