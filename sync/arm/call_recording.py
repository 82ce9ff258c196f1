"""Every request to Azure, written down as it goes: for timelines, budgets and logs."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import HTTPPolicy
from django.utils import timezone

from sync.arm.errors import retry_after_of

OPERATIONS = {"GET": "reads", "HEAD": "reads", "DELETE": "deletes"}  # ARM's three buckets; all else writes
_REMAINING = "x-ms-ratelimit-remaining-subscription-{}"


def operation_of(method: str) -> str:
    """The bucket that ARM counts a request in: "reads", "writes" or "deletes"."""
    return OPERATIONS.get(method, "writes")


@dataclass
class Call:
    """One request. `status` is 0 while, and when, there is no answer."""

    method: str
    path: str
    request_id: str  # ours: it is known also when no answer comes
    at: datetime
    seconds: float = 0.0
    status: int = 0
    azure_request_id: str = ""
    remaining: int | None = None
    retry_after: float | None = None

    @property
    def operation(self) -> str:
        return operation_of(self.method)

    @property
    def subscription(self) -> str:
        """Lower case; "" for a call outside any subscription."""
        steps = self.path.split("/", 3)
        return steps[2].lower() if len(steps) > 2 and steps[1].lower() == "subscriptions" else ""


_calls: ContextVar[list[Call] | None] = ContextVar("calls", default=None)


@contextmanager
def recorded() -> Iterator[list[Call]]:
    """Collect every request that this thread sends in the block."""
    calls: list[Call] = []
    token = _calls.set(calls)
    try:
        yield calls
    finally:
        _calls.reset(token)


class RecordingPolicy(HTTPPolicy[Any, Any]):
    """Last before the wire: sees each request once, and how it ended."""

    def send(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        calls = _calls.get()
        if calls is None:
            return self.next.send(request)
        sent = request.http_request
        path = "/" + sent.url.split("://", 1)[-1].split("/", 1)[-1].split("?", 1)[0]
        call = Call(sent.method, path, sent.headers.get("x-ms-client-request-id", ""), timezone.now())
        calls.append(call)
        begun = time.monotonic()
        try:
            response = self.next.send(request)
        finally:
            call.seconds = time.monotonic() - begun
        answer = response.http_response
        call.status = answer.status_code
        call.azure_request_id = answer.headers.get("x-ms-request-id", "")
        call.retry_after = retry_after_of(answer)
        try:
            call.remaining = int(answer.headers.get(_REMAINING.format(call.operation)))
        except (TypeError, ValueError):
            call.remaining = None
        return response
