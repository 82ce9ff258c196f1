"""Sequence numbers of sessions: one for each connection, the same for its end, greater each time.

Receivers order events by them and ignore smaller numbers, so they must not start again at 1 after a restart. Only a mark
is stored, once for every thousand connections: a run starts above the mark that the last one left.
"""

from collections.abc import Callable

STEP = 1_000  # numbers that one mark allows
MAX_OPEN = 50_000  # connections whose end has not come
MAX_SESSIONS = 50_000  # whose numbers are remembered; then all of them start above the greatest


class SequenceNumbers:
    """The numbers of one namespace. `mark` is the stored one, `store_mark` stores a greater one."""

    def __init__(self, mark: int, store_mark: Callable[[int], None]) -> None:
        self._start = self._mark = mark
        self._greatest = mark
        self._store_mark = store_mark
        self._last: dict[str, int] = {}
        self._open: dict[str, int] = {}  # by the trace id of the connection

    def connected(self, session_name: str, trace_id: str) -> int:
        """Return the number of a new connection."""
        if len(self._open) >= MAX_OPEN:  # the ends of the oldest were dropped
            del self._open[next(iter(self._open))]
        number = self._open[trace_id] = self._next(session_name)
        return number

    def disconnected(self, session_name: str, trace_id: str) -> int:
        """Return the number of a connection that has ended; a new one if its start was not seen."""
        number = self._open.pop(trace_id, None)
        return self._next(session_name) if number is None else number

    def _next(self, session_name: str) -> int:
        if len(self._last) >= MAX_SESSIONS and session_name not in self._last:
            self._last.clear()
            self._start = self._greatest
        number = self._last[session_name] = self._last.get(session_name, self._start) + 1
        if number > self._mark:
            self._mark = number + STEP - 1
            self._store_mark(self._mark)
        self._greatest = max(self._greatest, number)
        return number
