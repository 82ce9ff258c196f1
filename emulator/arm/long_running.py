"""Long-running operations: accepted at once, finished later, polled in between.

Source: https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations
"""

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from emulator.arm.requests.calls import Call
from emulator.arm.requests.errors import ArmError
from emulator.arm.requests.paths import EVENT_GRID
from emulator.arm.requests.responses import ArmResponse, rendered
from emulator.arm.resource_types.api_versions import without_unknown
from emulator.arm.visible_state import VisibleState
from emulator.fault_rules import Fault
from emulator.storage.resources import Resource, id_key, is_at_or_below
from emulator.storage.store import Store

RETRY_AFTER = "1"  # seconds; Azure's SDKs ignore "0"
MAX_KEPT = 1000  # operations; then the oldest are dropped


@dataclass
class _Operation:
    id: str
    name: str
    resource_id: str
    finish: Callable[[], None]
    status: str = "InProgress"
    error: ArmError | None = None  # why it fails
    is_delete: bool = False
    timer: asyncio.TimerHandle | None = None


class LongRunningOperations:
    """The operations in progress and those that ended recently. They are lost at a restart; their writes are not."""

    def __init__(self, store: Store, visible: VisibleState) -> None:
        self._store = store
        self._visible = visible
        self._all: dict[str, _Operation] = {}

    def require_idle(self, resource_id: str) -> None:
        """Raise `ArmError` (409) if an operation on this resource is in progress."""
        key = id_key(resource_id)
        if any(each.status == "InProgress" and id_key(each.resource_id) == key for each in self._all.values()):
            raise ArmError(
                409,
                "AnotherOperationInProgress",
                f"Another operation on '{resource_id}' is in progress. Try again when it has ended.",
            )

    def write(self, call: Call, fault: Fault, written: Resource, existing: Resource | None) -> ArmResponse:
        """Accept a PUT or PATCH: 200, 201 or 202. If the operation is going to fail, nothing is stored."""
        state = "Updating" if existing else "Creating"
        in_progress = written.with_properties({**written.properties, "provisioningState": state})
        if fault.kind != "failing":
            self._store.put(written)
        self._visible.show(written.id, in_progress)
        operation = self._start(call, fault, written.id, lambda: None)
        body = rendered(without_unknown(in_progress, call.api_version))
        if call.method == "PATCH":
            return ArmResponse(202, body, self._links(call, operation, "Azure-AsyncOperation", "Location"))
        return ArmResponse(200 if existing else 201, body, self._links(call, operation, "Azure-AsyncOperation"))

    def delete(self, call: Call, fault: Fault, existing: Resource, delete: Callable[[], None]) -> ArmResponse:
        """Accept a DELETE: 202. The operation calls `delete` when it ends."""
        deleting = existing.with_properties({**existing.properties, "provisioningState": "Deleting"})
        self._visible.show(existing.id, deleting)
        operation = self._start(call, fault, existing.id, delete)
        operation.is_delete = True
        return ArmResponse(202, None, self._links(call, operation, "Azure-AsyncOperation", "Location"))

    def begin(self, call: Call, in_progress: Resource) -> tuple[dict[str, str], Callable[[ArmError | None], None]]:
        """Start an operation that ends when its work does. Return the headers to send, and the function that ends it.

        Until then, reads return `in_progress`. The function takes the error, or None for success.
        """
        self._visible.show(in_progress.id, in_progress)
        operation = self._register(call, in_progress.id, lambda: None)

        def end(error: ArmError | None) -> None:
            operation.error = error
            self._end(operation)

        return self._links(call, operation, "Azure-AsyncOperation"), end

    def _start(self, call: Call, fault: Fault, resource_id: str, finish: Callable[[], None]) -> _Operation:
        operation = self._register(call, resource_id, finish)
        if fault.kind == "failing":
            message = fault.message or "A fault of the emulator lets this operation fail."
            operation.error = ArmError(fault.status, fault.error_code, message)
        operation.timer = asyncio.get_running_loop().call_later(fault.duration, self._end, operation)
        return operation

    def _register(self, call: Call, resource_id: str, finish: Callable[[], None]) -> _Operation:
        name = str(uuid.uuid4()).upper()
        operation_id = (
            f"/subscriptions/{call.path.subscription}/providers/{EVENT_GRID}/locations/emulator/operationsStatus/{name}"
        )
        operation = _Operation(operation_id, name, resource_id, finish)
        self._all[name] = operation
        while len(self._all) > MAX_KEPT:
            oldest = next(iter(self._all.values()))
            if oldest.status == "InProgress":
                break
            del self._all[oldest.name]
        return operation

    def _end(self, operation: _Operation) -> None:
        self._visible.forget(operation.resource_id)
        if operation.error is None:
            try:
                operation.finish()
            except ArmError as error:  # the resources have changed in the meantime
                operation.error = error
        operation.status = "Failed" if operation.error else "Succeeded"

    def cancel_all(self) -> None:
        """Drop all operations; those in progress never end."""
        for operation in self._all.values():
            if operation.timer is not None:
                operation.timer.cancel()
        self._all.clear()

    def cancel_below(self, resource_id: str) -> None:
        """Drop the operations on a resource and on everything below it; those in progress never end."""
        for operation in list(self._all.values()):
            if is_at_or_below(operation.resource_id, resource_id):
                if operation.timer is not None:
                    operation.timer.cancel()
                del self._all[operation.name]

    @staticmethod
    def _links(call: Call, operation: _Operation, *headers: str) -> dict[str, str]:
        links = {
            "Azure-AsyncOperation": operation.id,
            "Location": operation.id.replace("/operationsStatus/", "/operationResults/"),
        }
        query = f"?api-version={call.api_version}"
        return {"Retry-After": RETRY_AFTER, **{name: f"{call.origin}{links[name]}{query}" for name in headers}}

    # Polling

    def handle(self, call: Call) -> ArmResponse:
        """Respond to `GET …/providers/Microsoft.EventGrid/locations/{location}/operationsStatus/{id}` or `operationResults`.

        Raise `ArmError` (404, 405), or the error of an operation that failed when asked for its result.
        """
        kind = call.path.types[-1].casefold() if len(call.path.names) == 2 else ""
        if kind not in ("operationsstatus", "operationresults"):
            raise ArmError(404, "InvalidResourceType", "This path does not exist.")
        if call.method != "GET":
            raise call.method_not_allowed("GET")
        operation = self._all.get(call.path.names[1].upper())
        if operation is None:
            raise ArmError(404, "ResourceNotFound", f"There is no operation '{call.path.names[1][:100]}'.")
        return self._status(operation) if kind == "operationsstatus" else self._result(call, operation)

    def _status(self, operation: _Operation) -> ArmResponse:
        body: dict[str, Any] = {"id": operation.id, "name": operation.name, "status": operation.status}
        if operation.status == "InProgress":
            return ArmResponse(200, body, {"Retry-After": RETRY_AFTER})
        if operation.error is not None:
            body |= operation.error.as_dict()
        return ArmResponse(200, body)

    def _result(self, call: Call, operation: _Operation) -> ArmResponse:
        if operation.status == "InProgress":
            return ArmResponse(202, None, self._links(call, operation, "Location"))
        if operation.error is not None:
            raise operation.error
        found = None if operation.is_delete else self._store.get(operation.resource_id)
        return (
            ArmResponse(204) if found is None else ArmResponse(200, rendered(without_unknown(found, call.api_version)))
        )
