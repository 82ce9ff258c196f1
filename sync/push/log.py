"""One structured line for each push, with the request ids that Azure's own logs know."""

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sync.push.delivery import Delivery

logger = logging.getLogger("sync.push")


def log_push(delivery: "Delivery", outcome: str) -> None:
    """Level INFO for what went well, WARNING for what did not."""
    row = delivery.row
    level = logging.WARNING if outcome in {"parked", "delayed"} else logging.INFO
    if not logger.isEnabledFor(level):
        return
    logger.log(
        level,
        "%s %s generation %d: %s%s",
        row.kind,
        row,
        delivery.sent,
        outcome,
        f" ({delivery.message})" if delivery.message else "",
        extra={
            "kind": row.kind,
            "object": row.pk,
            "resource_id": row.arm_id(),
            "generation": delivery.sent,
            "outcome": str(outcome),
            "requests": [
                {
                    "method": call.method,
                    "status": call.status,
                    "ms": round(1000 * call.seconds),
                    "client_request_id": call.request_id,
                    "request_id": call.azure_request_id,
                }
                for call in delivery.calls
            ],
        },
    )
