"""End a run in which a test hangs, and print where each of its threads is.

`faulthandler_timeout` of pytest does this too, but it starts a thread for each test and waits for the end of that thread: on
two busy cores, half a minute of a whole run. Here the time is started again every half minute, unless a test has not ended since.
"""

import faulthandler
import os
import sys
import threading
from collections.abc import Generator

import pytest

LONGEST = 600  # seconds that a test may take, and at most BEAT more
BEAT = 30  # seconds


class HangingTests:
    """Watch the tests of this process, from a thread."""

    def __init__(self, *, longest: float = LONGEST, beat: float = BEAT) -> None:
        assert sys.__stderr__ is not None
        self._stderr = os.dup(sys.__stderr__.fileno())  # before pytest captures it
        self._longest, self._beat = longest, beat
        self._starts_and_ends = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="hanging tests", daemon=True)

    def pytest_sessionstart(self) -> None:
        self._thread.start()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self) -> Generator[None, object, object]:
        self._starts_and_ends += 1
        try:
            return (yield)
        finally:
            self._starts_and_ends += 1

    @pytest.hookimpl(tryfirst=True)
    def pytest_enter_pdb(self) -> None:
        self._over.set()

    def pytest_unconfigure(self) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        faulthandler.cancel_dump_traceback_later()
        os.close(self._stderr)

    def _watch(self) -> None:
        """Start the time again. Where a test keeps even this thread from running, the time ends all the same."""
        seen = 0
        while not self._over.wait(self._beat):
            runs_a_test, is_same = self._starts_and_ends % 2 == 1, self._starts_and_ends == seen
            if not (runs_a_test and is_same):
                seen = self._starts_and_ends
                faulthandler.dump_traceback_later(self._longest, exit=True, file=self._stderr)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(HangingTests(), "hanging-tests")
