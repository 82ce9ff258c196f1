"""The requests of one push, as plain JSON to be kept."""

from collections.abc import Sequence
from typing import Any

from sync.arm.call_recording import Call


def steps_of(calls: Sequence[Call]) -> list[dict[str, Any]]:
    """The requests of one push as plain JSON, to be kept."""
    steps = []
    wrote = False
    for call in calls:
        if call.method == "GET":
            step = "read back" if wrote else "read"
            if _is_operation(call.path):
                step = "Azure's operation"
        else:
            step, wrote = "sent", True
        steps.append(
            {
                "step": step,
                "method": call.method,
                "status": call.status,
                "request_id": call.request_id,
                "azure_request_id": call.azure_request_id,
                "at": call.at.isoformat(),
                "seconds": round(call.seconds, 4),
            }
        )
    return steps


def _is_operation(path: str) -> bool:
    """Whether a path leads to a long-running operation. ARM's paths alternate between type and name, and a client may
    be called "operation-1", too."""
    return any(kind.lower().startswith("operation") for kind in path.strip("/").split("/")[::2])
