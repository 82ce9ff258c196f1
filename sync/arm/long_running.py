"""Changes that Azure accepts and works on: asked about until they have ended, or until it takes too long.

https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from sync.arm.errors import AzureNotFound, AzureRefused, AzureUnreachable, json_of, retry_after_of

LOOK_AT_LEAST, LOOK_AT_MOST = 0.5, 5.0  # seconds between two looks
STILL_WORKING = "Azure accepted the change and is still working on it"
_ENDED_BADLY = frozenset({"Failed", "Canceled"})
_ENDED = _ENDED_BADLY | {"Succeeded"}


@dataclass(frozen=True)
class _Operation:
    """Where to ask how it goes. `tells_by_status`: the answer is that of the change itself, and not about it."""

    url: str
    tells_by_status: bool


class Follower:
    """Follows one change of a resource. The two callables raise AzureNotFound, AzureRefused, AzureUnreachable."""

    def __init__(self, *, look_at_resource: Callable[[], Any], look_at_operation: Callable[[str], Any]) -> None:
        self._look_at_resource = look_at_resource
        self._look_at_operation = look_at_operation
        self._deadline = time.monotonic() + settings.ARM_OPERATION_TIMEOUT

    def resource_after(self, response: Any) -> dict[str, Any]:
        """What the resource is at the end of the PUT or PATCH that `response` answers."""
        operation = _operation_of(response)
        answer = json_of(response)
        while operation is not None or not _is_final(answer):
            self._wait(response)
            if operation is not None:
                told = self._asked(operation)
                if told is not None and not _has_ended(told):
                    response = told
                    continue
                operation = None
            response = self._look(self._look_at_resource)
            answer = json_of(response)
        if _state_of(answer) in _ENDED_BADLY:
            raise AzureRefused("ProvisioningFailed", f"Azure ended the change as {_state_of(answer)}.", 200)
        return dict(answer)

    def wait_for_absence(self, response: Any) -> None:
        """Return when the resource is gone, after the DELETE that `response` answers."""
        operation = _operation_of(response)
        try:
            while True:
                self._wait(response)
                told = self._asked(operation) if operation is not None else None
                if told is not None and _has_ended(told):
                    return
                if told is None:
                    operation = None
                    told = self._look(self._look_at_resource)
                response = told
        except AzureNotFound:
            return

    def _wait(self, response: Any) -> None:
        """Until the next look, which is never begun after the deadline."""
        left = self._deadline - time.monotonic()
        if left <= LOOK_AT_LEAST:
            raise _still_working()
        wait = min(max(retry_after_of(response) or 1.0, LOOK_AT_LEAST), LOOK_AT_MOST)
        time.sleep(min(wait, left - LOOK_AT_LEAST))

    def _look(self, look: Callable[[], Any]) -> Any:
        if time.monotonic() >= self._deadline:
            raise _still_working()
        return look()

    def _asked(self, operation: _Operation) -> Any:
        """Return the state of the operation, or None when Azure does not give it and the resource must show it."""
        try:
            return self._look(lambda: self._look_at_operation(operation.url))
        except AzureRefused as refusal:
            if operation.tells_by_status or refusal.code == "ForeignLink":
                raise
            return None  # forbidden or forgotten: that is no answer about the change


def _still_working() -> AzureUnreachable:
    return AzureUnreachable(STILL_WORKING, retry_after=5, code="still_working")


def _operation_of(response: Any) -> _Operation | None:
    status = response.headers.get("Azure-AsyncOperation")
    if status:
        return _Operation(str(status), tells_by_status=False)
    result = response.headers.get("Location") if response.status_code == 202 else None
    return _Operation(str(result), tells_by_status=True) if result else None


def _has_ended(response: Any) -> bool:
    """Raises AzureRefused when it has ended badly."""
    told = json_of(response)
    state = str(told.get("status") or "") if isinstance(told, dict) else ""
    if state in _ENDED_BADLY:
        raise AzureRefused(*_failure(told), 200)
    return response.status_code != 202 and (not state or state in _ENDED)


def _failure(operation: Any) -> tuple[str, str]:
    """Code and message of a long-running operation that ended badly."""
    error = operation.get("error") or {}
    code = str(error.get("code") or "OperationFailed")[:120]
    return code, str(error.get("message") or f"Azure ended the change as {operation.get('status')}.")


def _is_final(answer: Any) -> bool:
    return isinstance(answer, dict) and bool(answer) and (_state_of(answer) or "Succeeded") in _ENDED


def _state_of(answer: Any) -> str:
    return str((answer.get("properties") or {}).get("provisioningState") or "") if isinstance(answer, dict) else ""
