"""Long-running operations: accepted at once, done or failed later, asked about in between."""

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from emulator.arm.requests.calls import Answer, Call, rendered
from emulator.arm.requests.errors import ArmError
from emulator.arm.requests.paths import EVENT_GRID
from emulator.arm.resource_types.api_versions import shown
from emulator.arm.views import View
from emulator.fault_rules import Fault
from emulator.storage.store import Resource, Store, id_key

RETRY_AFTER = "1"  # clients take "0" for none
KEPT = 1000  # operations that can be asked about; the oldest go first


@dataclass
class _Operation:
    id: str
    name: str
    resource_id: str
    finish: Callable[[], None]
    status: str = "InProgress"
    error: ArmError | None = None  # what it ends with
    is_delete: bool = False
    timer: asyncio.TimerHandle | None = None


class Operations:
    """The operations under way, and those that have ended lately. They do not survive a restart; the writes do."""

    def __init__(self, store: Store, view: View) -> None:
        self._store = store
        self._view = view
        self._all: dict[str, _Operation] = {}

    def require_idle(self, resource_id: str) -> None:
        """Refuse a write while another one of the same resource is under way."""
        key = id_key(resource_id)
        if any(each.status == "InProgress" and id_key(each.resource_id) == key for each in self._all.values()):
            raise ArmError(
                409,
                "AnotherOperationInProgress",
                f"Another operation on '{resource_id}' is in progress. Wait until it has ended, then try again.",
            )

    def write(self, call: Call, fault: Fault, written: Resource, existing: Resource | None) -> Answer:
        """Accept a PUT or PATCH. One that will fail changes nothing that lasts."""
        state = "Updating" if existing else "Creating"
        under_way = written.with_properties({**written.properties, "provisioningState": state})
        if fault.kind != "failing":
            self._store.put(written)
        self._view.show(written.id, under_way)
        operation = self._start(call, fault, written.id, lambda: None)
        body = rendered(shown(under_way, call.api_version))
        if call.method == "PATCH":
            return Answer(202, body, self._links(call, operation, "Azure-AsyncOperation", "Location"))
        return Answer(200 if existing else 201, body, self._links(call, operation, "Azure-AsyncOperation"))

    def delete(self, call: Call, fault: Fault, existing: Resource, delete: Callable[[], None]) -> Answer:
        """Accept a DELETE, which `delete` does when its time has come."""
        going = existing.with_properties({**existing.properties, "provisioningState": "Deleting"})
        self._view.show(existing.id, going)
        operation = self._start(call, fault, existing.id, delete)
        operation.is_delete = True
        return Answer(202, None, self._links(call, operation, "Azure-AsyncOperation", "Location"))

    def _start(self, call: Call, fault: Fault, resource_id: str, finish: Callable[[], None]) -> _Operation:
        name = str(uuid.uuid4()).upper()
        operation_id = (
            f"/subscriptions/{call.path.subscription}/providers/{EVENT_GRID}/locations/emulator/operationsStatus/{name}"
        )
        operation = _Operation(operation_id, name, resource_id, finish)
        if fault.kind == "failing":
            message = fault.message or "The emulator was asked to let this operation fail."
            operation.error = ArmError(fault.status, fault.error_code, message)
        operation.timer = asyncio.get_running_loop().call_later(fault.lasts, self._end, operation)
        self._all[name] = operation
        while len(self._all) > KEPT:
            oldest = next(iter(self._all.values()))
            if oldest.status == "InProgress":
                break
            del self._all[oldest.name]
        return operation

    def _end(self, operation: _Operation) -> None:
        self._view.forget(operation.resource_id)
        if operation.error is None:
            try:
                operation.finish()
            except ArmError as error:  # what is there now does not allow it any more
                operation.error = error
        operation.status = "Failed" if operation.error else "Succeeded"

    def cancel_all(self) -> None:
        """Forget them all; those under way never end."""
        for operation in self._all.values():
            if operation.timer is not None:
                operation.timer.cancel()
        self._all.clear()

    @staticmethod
    def _links(call: Call, operation: _Operation, *headers: str) -> dict[str, str]:
        links = {
            "Azure-AsyncOperation": operation.id,
            "Location": operation.id.replace("/operationsStatus/", "/operationResults/"),
        }
        query = f"?api-version={call.api_version}"
        return {"Retry-After": RETRY_AFTER, **{name: f"{call.origin}{links[name]}{query}" for name in headers}}

    # Asking

    def handle(self, call: Call) -> Answer:
        """`GET …/providers/Microsoft.EventGrid/locations/{location}/operationsStatus/{id}` or `operationResults/{id}`."""
        kind = call.path.types[-1].casefold() if len(call.path.names) == 2 else ""
        if kind not in ("operationsstatus", "operationresults"):
            raise ArmError(404, "InvalidResourceType", "There is nothing at this path.")
        if call.method != "GET":
            raise call.refuse_method("GET")
        operation = self._all.get(call.path.names[1].upper())
        if operation is None:
            raise ArmError(404, "ResourceNotFound", f"There is no operation '{call.path.names[1][:100]}'.")
        return self._status(operation) if kind == "operationsstatus" else self._result(call, operation)

    def _status(self, operation: _Operation) -> Answer:
        body: dict[str, Any] = {"id": operation.id, "name": operation.name, "status": operation.status}
        if operation.status == "InProgress":
            return Answer(200, body, {"Retry-After": RETRY_AFTER})
        if operation.error is not None:
            body |= operation.error.as_dict()
        return Answer(200, body)

    def _result(self, call: Call, operation: _Operation) -> Answer:
        if operation.status == "InProgress":
            return Answer(202, None, self._links(call, operation, "Location"))
        if operation.error is not None:
            raise operation.error
        found = None if operation.is_delete else self._store.get(operation.resource_id)
        return Answer(204) if found is None else Answer(200, rendered(shown(found, call.api_version)))
