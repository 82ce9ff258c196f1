"""How many connections each web process has open, in memory that all of them share.

The processes accept from one listening socket, and the kernel may hand every connection to the same process. Proxies and
browsers keep connections for minutes, so that process would then do all the work. With these counts, a process leaves a
new connection to one that has fewer, and one with far more closes some of them after their next response: after a start or
a reload, all connections may belong to the process that was ready first.
"""

import struct
import time
from mmap import mmap

SLOTS = 256
_SLOT = struct.Struct("qd")  # connections, and when they were counted, by time.monotonic()
CURRENT_SECONDS = 3.0  # processes report every second; a count that is older belongs to a process that ended or hangs


class ConnectionCounts:
    """Create it before the processes are forked: they inherit its memory."""

    def __init__(self) -> None:
        self._memory = mmap(-1, SLOTS * _SLOT.size)

    def report(self, process: int, connections: int) -> None:
        """Publish how many connections a process has; `process` numbers them as they start."""
        _SLOT.pack_into(self._memory, process % SLOTS * _SLOT.size, connections, time.monotonic())

    def withdraw(self, process: int) -> None:
        """Remove a process that accepts no more connections."""
        _SLOT.pack_into(self._memory, process % SLOTS * _SLOT.size, 0, 0.0)

    def fewest_of_others(self, process: int) -> int | None:
        """Return the smallest current count of the other processes, or None when there is no other."""
        since = time.monotonic() - CURRENT_SECONDS
        counts = [
            connections
            for slot, (connections, at) in enumerate(_SLOT.iter_unpack(self._memory[:]))
            if at > since and slot != process % SLOTS
        ]
        return min(counts, default=None)

    def has_too_many(self, process: int, connections: int) -> bool:
        """Return whether the process, with this number of connections, has far more than another: half as many again."""
        fewest = self.fewest_of_others(process)
        return fewest is not None and connections > 1.5 * fewest + 1
