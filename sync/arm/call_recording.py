"""Record requests to Azure for timelines, budgets and logs."""

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

OPERATIONS = {
    "GET": "reads",
    "HEAD": "reads",
    "DELETE": "deletes",
}  # ARM has three buckets; other methods count as writes
_REMAINING = "x-ms-ratelimit-remaining-subscription-{}"


def operation_of(method: str) -> str:
    """Return the bucket in which ARM counts a request: "reads", "writes" or "deletes".

    Source: https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling
    """
    return OPERATIONS.get(method, "writes")


@dataclass
class Call:
    """One request.

    `status`: of the response, 0 without one. `seconds`: until the response. `azure_request_id`: Azure's ID from the
    response. `remaining`: requests left in ARM's bucket, if reported. `retry_after`: seconds, if Azure asks to wait.
    """

    method: str
    path: str
    request_id: str  # ours, which is known even without a response
    at: datetime
    seconds: float = 0.0
    status: int = 0
    azure_request_id: str = ""
    remaining: int | None = None
    retry_after: float | None = None

    @property
    def operation(self) -> str:
        """Return the bucket in which ARM counts it."""
        return operation_of(self.method)

    @property
    def subscription(self) -> str:
        """Return the subscription ID in lower case, or "" for a call outside any subscription."""
        steps = self.path.split("/", 3)
        return steps[2].lower() if len(steps) > 2 and steps[1].lower() == "subscriptions" else ""


_calls: ContextVar[list[Call] | None] = ContextVar("calls", default=None)


@contextmanager
def recorded() -> Iterator[list[Call]]:
    """Yield a list that receives every request sent by this thread in the block, in order."""
    calls: list[Call] = []
    token = _calls.set(calls)
    try:
        yield calls
    finally:
        _calls.reset(token)


class RecordingPolicy(HTTPPolicy[Any, Any]):
    """The last policy before the transport: records each request and its outcome."""

    def send(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        calls = _calls.get()
        if calls is None:
            return self.next.send(request)
        sent = request.http_request
        path = "/" + sent.url.split("://", 1)[-1].split("/", 1)[-1].split("?", 1)[0]
        call = Call(sent.method, path, sent.headers.get("x-ms-client-request-id", ""), timezone.now())
        calls.append(call)
        began = time.monotonic()
        try:
            response = self.next.send(request)
        finally:
            call.seconds = time.monotonic() - began
        answer = response.http_response
        call.status = answer.status_code
        call.azure_request_id = answer.headers.get("x-ms-request-id", "")
        call.retry_after = retry_after_of(answer)
        try:
            call.remaining = int(answer.headers.get(_REMAINING.format(call.operation)))
        except (TypeError, ValueError):
            call.remaining = None
        return response
