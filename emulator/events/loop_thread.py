"""A thread with an event loop of its own, for requests to webhooks: the broker hands over what it has, and never waits."""

import asyncio
import threading
from abc import ABC, abstractmethod

STOP_SECONDS = 5.0


class LoopThread(threading.Thread, ABC):
    """Runs `_work` until `stop`. One signal stands for many items: `_work` takes all that there are after each `_next_wake`."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._loop = asyncio.new_event_loop()
        self._woken = asyncio.Event()
        self._is_awake = False  # `_woken` is going to be set
        self._is_over = False

    def wake(self) -> None:
        """Let the thread take what came in."""
        if not self._is_awake:
            self._is_awake = True
            self._loop.call_soon_threadsafe(self._woken.set)

    def stop(self) -> None:
        """End the thread, and wait for it for a while."""
        self._is_over = True
        if self.is_alive():
            self._loop.call_soon_threadsafe(self._woken.set)
            self.join(STOP_SECONDS)

    # In the thread

    def run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._work())
        finally:
            self._loop.close()

    @abstractmethod
    async def _work(self) -> None:
        """Take what comes in until `_is_over`."""

    async def _next_wake(self) -> None:
        await self._woken.wait()
        self._woken.clear()
        self._is_awake = False  # before anything is taken, so that what comes in later wakes again
