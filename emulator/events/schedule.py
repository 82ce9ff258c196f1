"""When a failed delivery is tried again, and when it is given up.

Source: https://learn.microsoft.com/azure/event-grid/delivery-and-retry
"""

from dataclasses import dataclass
from random import Random

RESPONSE_SECONDS = 30.0  # Event Grid waits this long for a response
LEAST_RESPONSE_SECONDS = 10.0  # however small the scale: a busy machine may take long
SUCCESS = range(200, 205)
NOT_RETRIED = frozenset({400, 401, 403, 413})
DELAYS = (10.0, 30.0, 60.0, 300.0, 600.0, 1_800.0, 3_600.0, 10_800.0, 21_600.0, 43_200.0)  # the last one repeats
LEAST_DELAYS = {408: 120.0, 503: 30.0}
MOST_RETRY_AFTER = 3_600.0  # seconds that a webhook can ask for
JITTER = 0.1  # "a small randomization": up to this part more


@dataclass(frozen=True)
class RetryPolicy:
    """The `retryPolicy` of an event subscription: Event Grid stops at the first of the two."""

    attempts: int = 30
    minutes: int = 1_440


@dataclass(frozen=True)
class Outcome:
    """What came of one attempt. `status` is 0 without a response, `outcome` one of Azure's names for it."""

    status: int
    outcome: str
    retry_after: float = 0.0  # seconds, from the response

    @property
    def is_delivered(self) -> bool:
        return self.status in SUCCESS


class Schedule:
    """The delays before the next attempt, in seconds. `scale` shortens Event Grid's times, so that a test need not wait."""

    def __init__(self, scale: float = 1.0, random: Random | None = None) -> None:
        self._scale = scale
        self._random = random or Random()  # noqa: S311  spreads retries, protects nothing

    @property
    def response_seconds(self) -> float:
        return max(RESPONSE_SECONDS * self._scale, LEAST_RESPONSE_SECONDS)

    def scaled(self, seconds: float) -> float:
        return seconds * self._scale

    def lifetime(self, policy: RetryPolicy) -> float:
        """Return how long an event is tried to be delivered."""
        return self.scaled(policy.minutes * 60.0)

    def next_delay(self, outcome: Outcome, attempts: int, policy: RetryPolicy) -> float | None:
        """Return the delay after this many failed attempts, or None if there is no other. `Retry-After` is not scaled."""
        if outcome.status in NOT_RETRIED or attempts >= policy.attempts:
            return None
        delay = max(DELAYS[min(attempts, len(DELAYS)) - 1], LEAST_DELAYS.get(outcome.status, 0.0))
        delay = self.scaled(delay) * (1.0 + JITTER * self._random.random())
        return max(delay, min(outcome.retry_after, MOST_RETRY_AFTER))
