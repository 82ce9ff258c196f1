"""Log requests that are refused: anyone on the internet can send as many as they like, so not each is a line.

The first of a reason and a namespace is logged at once, then one line a minute with the number of the others.
"""

import asyncio
import logging
from collections import Counter

EVERY = 60.0  # seconds

logger = logging.getLogger(__name__)
Kind = tuple[int, str, str]  # level, namespace, code


class Refusals:
    """The refusals of one process. Namespaces and codes are known ones, so there are few kinds. Used by the event loop."""

    def __init__(self, every: float = EVERY) -> None:
        self._every = every
        self._further: Counter[Kind] = Counter()
        self._timers: dict[Kind, asyncio.TimerHandle] = {}

    def note(self, namespace: str, code: str, *, level: int = logging.WARNING) -> None:
        """Log that a request for a namespace was refused, or count it."""
        kind = (level, namespace, code)
        if kind in self._timers:
            self._further[kind] += 1
            return
        logger.log(level, "A request for %s was refused: %s.", namespace, code)
        self._wait(kind)

    def _wait(self, kind: Kind) -> None:
        self._timers[kind] = asyncio.get_running_loop().call_later(self._every, self._sum_up, kind)

    def _sum_up(self, kind: Kind) -> None:
        del self._timers[kind]
        if self._log_further(kind):
            self._wait(kind)

    def _log_further(self, kind: Kind) -> int:
        level, namespace, code = kind
        further = self._further.pop(kind, 0)
        if further:
            logger.log(level, "%d more requests for %s were refused: %s.", further, namespace, code)
        return further

    def stop(self) -> None:
        """Log what was counted."""
        for kind, timer in self._timers.items():
            timer.cancel()
            self._log_further(kind)
        self._timers.clear()
