"""Who the emulator asks first where a webhook decides: no source says it of Azure, so trainers try both."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from portal import activity
from portal.models import User
from sync.capabilities.fault_training import CannotTrain, FaultControl
from sync.registry import Scope


@dataclass(frozen=True)
class Order:
    """An order as people read it. The emulator knows it by `code`."""

    code: str
    title: str
    sentence: str


ORDERS = (
    Order("webhook-only", "The webhook decides alone", "It is asked about each CONNECT, and its answer is the only one that counts."),
    Order(
        "certificate-first",
        "Certificates are checked first",
        "A registered client with a valid certificate connects without a question, even if that certificate is revoked in this"
        " portal. The webhook is asked about all others.",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class ShownOrder:
    """The order of a namespace, and whether it has a webhook at all."""

    order: Order
    has_webhook: bool


def order_of(control: FaultControl, scope: Scope) -> ShownOrder:
    """Return the order of a namespace. Raise AzureRefused or AzureUnreachable."""
    found = control.webhook_orders()
    own = (each for each in found.get("value") or () if str(each.get("id", "")).lower() == scope.resource_id.lower())
    mine: Mapping[str, Any] = next(own, {})
    return ShownOrder(_known(mine.get("order") or found.get("default")) or ORDERS[0], bool(mine.get("hasWebhook")))


def switch_order(actor: User, control: FaultControl, scope: Scope, code: str) -> Order:
    """Switch the order of a namespace. Raise CannotTrain, AzureRefused or AzureUnreachable."""
    wanted = _known(code)
    if wanted is None:
        raise CannotTrain("Choose who is asked first.", "order")
    before = order_of(control, scope).order
    if wanted != before:
        control.switch_webhook_order([scope.resource_id], wanted.code)
        activity.record(
            actor,
            verb="Switch order",
            kind="sync.fault",
            object_pk=None,
            object_name="Who is asked first",
            scope=scope.pk,
            scope_name=scope.name,
            before={"order": before.title},
            after={"order": wanted.title},
        )
    return wanted


def _known(code: object) -> Order | None:
    return next((each for each in ORDERS if each.code == code), None)
