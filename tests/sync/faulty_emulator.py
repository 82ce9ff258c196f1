"""The emulator behind a bad network: `python -m tests.sync.faulty_emulator …` injects faults while FAULTS_WHILE exists.

A seeded draw decides the outcome of each request: rejected for a while, reset before or after it took effect, cut off,
long-running, or effective only after the caller has given up.
"""

import asyncio
import os
import random
import sys
from pathlib import Path

from aiohttp import web

from emulator.__main__ import main
from emulator.arm.application import ArmService
from emulator.fault_rules import Fault

OUTCOMES = {  # per mille
    "throttled": 8,
    "busy": 25,
    "broken": 25,
    "overloaded": 20,
    "reset before": 25,
    "reset after": 25,
    "torn": 20,
    "slow": 30,
    "late": 20,
    "long-running": 25,
}
LATE_SECONDS = 2.0
WORKED_ON_FOR = (0.1, 1.2)  # seconds: some longer than the portal polls
_draw = random.Random(int(os.environ.get("FAULTS_SEED", "1")))
_while = Path(os.environ.get("FAULTS_WHILE", "/nonexistent"))
_respond_well = ArmService._respond


def _outcome() -> str:
    number = _draw.randrange(1000)
    for outcome, share in OUTCOMES.items():
        number -= share
        if number < 0:
            return outcome
    return "well"


def _refusal(status: int, code: str, **headers: str) -> web.Response:
    body = {"error": {"code": code, "message": "The network is bad today."}}
    return web.json_response(body, status=status, headers={k.replace("_", "-"): v for k, v in headers.items()})


async def _respond_badly(self: ArmService, request: web.Request) -> web.StreamResponse:
    is_token = request.path.endswith("/token") or not request.path.startswith("/subscriptions")
    outcome = "well" if is_token or not os.path.exists(_while) else _outcome()  # noqa: ASYNC240 - a look, as short as any
    match outcome:
        case "throttled":
            return _refusal(429, "SubscriptionRequestsThrottled", Retry_After="1")
        case "busy":
            return _refusal(409, "AnotherOperationInProgress")
        case "broken":
            return _refusal(500, "InternalServerError")
        case "overloaded":
            return _refusal(503, "ServiceUnavailable", Retry_After="1")
        case "reset before":
            return _reset(request)
        case "slow":
            await asyncio.sleep(_draw.uniform(0.05, 0.6))
        case "late":
            await asyncio.sleep(LATE_SECONDS)
        case "long-running" if request.method != "GET":
            seconds = _draw.uniform(*WORKED_ON_FOR)
            self._faults.add(
                Fault(kind=outcome, methods=(request.method,), path=request.path, count=1, seconds=seconds)
            )
    response = await _respond_well(self, request)
    if not is_token:  # it limits nothing, so that the test takes seconds
        for operation in ("reads", "writes", "deletes"):
            name = f"x-ms-ratelimit-remaining-subscription-{operation}"
            if name in response.headers:
                response.headers[name] = "900"
    if outcome == "reset after":
        return _reset(request)
    if outcome == "torn" and isinstance(response, web.Response) and isinstance(response.body, bytes):
        torn = web.StreamResponse(status=response.status, headers=response.headers)
        torn.content_length = len(response.body)
        await torn.prepare(request)
        await torn.write(response.body[: len(response.body) // 2])
        return _reset(request)
    return response


def _reset(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


ArmService._respond = _respond_badly  # type: ignore[method-assign]

if __name__ == "__main__":
    sys.exit(main())
