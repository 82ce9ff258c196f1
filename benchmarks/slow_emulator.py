"""The emulator, each of whose ARM answers takes LATENCY seconds longer: `python -m benchmarks.slow_emulator …`."""

import asyncio
import os
import sys

from aiohttp import web

from emulator.__main__ import main
from emulator.arm.application import ArmService

LATENCY = float(os.environ.get("LATENCY", "0.02"))
_answer_at_once = ArmService._respond


async def _answer_later(self: ArmService, request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(LATENCY)
    return await _answer_at_once(self, request)


ArmService._respond = _answer_later  # type: ignore[method-assign]

if __name__ == "__main__":
    sys.exit(main())
