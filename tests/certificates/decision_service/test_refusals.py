"""The number of refused requests that were not logged one by one comes after a while, or when the process stops."""

import asyncio
import logging
from typing import Any

import pytest

from certificates.decision_service import refusals
from certificates.decision_service.refusals import Refusals

EXPECTED: list[tuple[int, Any]] = [
    (logging.WARNING, ("plant", "token-expired")),
    (logging.WARNING, ("plant", "token-missing")),
    (logging.INFO, ("plant", "token-expired")),
    (logging.WARNING, (24, "plant", "token-expired")),
]


class Lines(logging.Handler):
    """Level and values of each line, and an event when there are enough."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[int, Any]] = []
        self.enough = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append((record.levelno, record.args))
        if len(self.found) == len(EXPECTED):
            self.enough.set()


async def refused(every: float, *, stops: bool) -> list[tuple[int, Any]]:
    lines, noted = Lines(), Refusals(every)
    refusals.logger.addHandler(lines)
    try:
        for _ in range(25):
            noted.note("plant", "token-expired")
        noted.note("plant", "token-missing")
        noted.note("plant", "token-expired", level=logging.INFO)
        if stops:
            noted.stop()
        await asyncio.wait_for(lines.enough.wait(), 60)
    finally:
        noted.stop()
        refusals.logger.removeHandler(lines)
    return lines.found


@pytest.mark.parametrize(("every", "stops"), [(0.01, False), (60.0, True)])
def test_the_others_are_counted(every: float, stops: bool) -> None:
    assert asyncio.run(refused(every, stops=stops)) == EXPECTED
