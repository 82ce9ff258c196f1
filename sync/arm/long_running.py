"""Long-running operations: poll a change that Azure has accepted until it ends or the time is over.

https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from sync.arm.errors import AzureNotFound, AzureRefused, AzureUnreachable, json_of, retry_after_of

POLL_AT_LEAST, POLL_AT_MOST = 0.5, 5.0  # seconds between two polls
STILL_WORKING = "Azure accepted the change and is still working on it"
_FAILED = frozenset({"Failed", "Canceled"})
_ENDED = _FAILED | {"Succeeded"}


@dataclass(frozen=True)
class _Operation:
    """Where to poll. `is_result`: the URL returns the result of the change (Location), not its status (Azure-AsyncOperation)."""

    url: str
    is_result: bool


class Follower:
    """Follows one change of a resource until it ends.

    Args:
        look_at_resource: returns the response to a GET of the resource.
        look_at_operation: returns the response to a GET of a URL that Azure gave for polling.

    Both raise AzureNotFound, AzureRefused or AzureUnreachable. The time, ARM_OPERATION_TIMEOUT, starts here.
    """

    def __init__(self, *, look_at_resource: Callable[[], Any], look_at_operation: Callable[[str], Any]) -> None:
        self._look_at_resource = look_at_resource
        self._look_at_operation = look_at_operation
        self._deadline = time.monotonic() + settings.ARM_OPERATION_TIMEOUT

    def resource_after(self, response: Any) -> dict[str, Any]:
        """Return the resource after a PUT or PATCH has ended.

        Args:
            response: to the PUT or PATCH.

        Raises:
            AzureRefused: the change failed or was canceled.
            AzureNotFound: the resource does not exist any more.
            AzureUnreachable: a poll failed, or the change did not end in time (code "still_working").
        """
        operation = _operation_of(response)
        answer = json_of(response)
        while operation is not None or not _is_final(answer):
            self._wait(response)
            if operation is not None:
                status = self._poll(operation)
                if status is not None and not _has_ended(status):
                    response = status
                    continue
                operation = None
            response = self._look(self._look_at_resource)
            answer = json_of(response)
        if _state_of(answer) in _FAILED:
            raise AzureRefused("ProvisioningFailed", f"The change in Azure ended as {_state_of(answer)}.", 200)
        return dict(answer)

    def wait_for_absence(self, response: Any) -> None:
        """Return when the resource is deleted.

        Args:
            response: to the DELETE.

        Raises:
            AzureRefused: the deletion failed or was canceled.
            AzureUnreachable: a poll failed, or the deletion did not end in time (code "still_working").
        """
        operation = _operation_of(response)
        try:
            while True:
                self._wait(response)
                status = self._poll(operation) if operation is not None else None
                if status is not None and _has_ended(status):
                    return
                if status is None:
                    operation = None
                    status = self._look(self._look_at_resource)
                response = status
        except AzureNotFound:
            return

    def _wait(self, response: Any) -> None:
        """Sleep until the next poll, which never begins after the deadline."""
        left = self._deadline - time.monotonic()
        if left <= POLL_AT_LEAST:
            raise _still_working()
        wait = min(max(retry_after_of(response) or 1.0, POLL_AT_LEAST), POLL_AT_MOST)
        time.sleep(min(wait, left - POLL_AT_LEAST))

    def _look(self, look: Callable[[], Any]) -> Any:
        if time.monotonic() >= self._deadline:
            raise _still_working()
        return look()

    def _poll(self, operation: _Operation) -> Any:
        """Return the response about the operation, or None when Azure rejects the request and only the resource can show it."""
        try:
            return self._look(lambda: self._look_at_operation(operation.url))
        except AzureRefused as refusal:
            if operation.is_result or refusal.code == "ForeignLink":
                raise
            return None  # the portal may not read it, or Azure forgot it: neither says how the change ended


def _still_working() -> AzureUnreachable:
    return AzureUnreachable(STILL_WORKING, retry_after=5, code="still_working")


def _operation_of(response: Any) -> _Operation | None:
    status = response.headers.get("Azure-AsyncOperation")
    if status:
        return _Operation(str(status), is_result=False)
    result = response.headers.get("Location") if response.status_code == 202 else None
    return _Operation(str(result), is_result=True) if result else None


def _has_ended(response: Any) -> bool:
    """Return whether the change has ended. Raise AzureRefused when it failed or was canceled."""
    answer = json_of(response)
    state = str(answer.get("status") or "") if isinstance(answer, dict) else ""
    if state in _FAILED:
        raise AzureRefused(*_failure(answer), 200)
    return response.status_code != 202 and (not state or state in _ENDED)


def _failure(operation: Any) -> tuple[str, str]:
    """Return code and message of an operation that failed or was canceled."""
    error = operation.get("error") or {}
    code = str(error.get("code") or "OperationFailed")[:120]
    return code, str(error.get("message") or f"The change in Azure ended as {operation.get('status')}.")


def _is_final(answer: Any) -> bool:
    return isinstance(answer, dict) and bool(answer) and (_state_of(answer) or "Succeeded") in _ENDED


def _state_of(answer: Any) -> str:
    return str((answer.get("properties") or {}).get("provisioningState") or "") if isinstance(answer, dict) else ""
