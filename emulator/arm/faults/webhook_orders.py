"""Who is asked first where a webhook decides: the webhook, or the certificates of registered clients. For the control API.

No source says which of the two Azure asks first. So both can be tried, each namespace with an order of its own while the emulator
runs, and devices notice at their next CONNECT.
"""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from emulator.arm.requests.errors import invalid
from emulator.storage.resources import Resource
from emulator.storage.store import Store

WEBHOOK_ONLY, CERTIFICATE_FIRST = "webhook-only", "certificate-first"
ORDERS = (WEBHOOK_ONLY, CERTIFICATE_FIRST)
MAX_SWITCHED = 200  # namespaces at once


class Switch(NamedTuple):
    """Namespaces by their ids, and the order for them."""

    namespaces: Sequence[str]
    order: str


class WebhookOrders:
    """Reads and switches the orders. They are kept in the store, and end with their namespaces.

    `default` is the order of the command line, for namespaces that have none of their own.
    """

    def __init__(self, store: Store, default: str = WEBHOOK_ONLY) -> None:
        self._store = store
        self._default = default

    def of(self, namespace_id: str) -> str:
        """Return the order of a namespace, one of ORDERS."""
        return self._store.webhook_order(namespace_id) or self._default

    def all(self) -> dict[str, Any]:
        """Return the default, and the namespaces with a webhook or an order of their own."""
        found = [self._shown(each) for each in self._store.namespaces()]
        return {"default": self._default, "value": [each for each in found if each["hasWebhook"] or each["isOwn"]]}

    def _shown(self, namespace: Resource) -> dict[str, Any]:
        own = self._store.webhook_order(namespace.id)
        configuration = namespace.properties.get("topicSpacesConfiguration") or {}
        has_webhook = bool((configuration.get("clientAuthentication") or {}).get("webhookAuthentication"))
        shown = {"id": namespace.id, "order": own or self._default}
        return {**shown, "isOwn": own is not None, "hasWebhook": has_webhook}

    def switch(self, wanted: Switch) -> dict[str, Any]:
        """Switch the namespaces that exist, all of them or none. Return their ids."""
        found = [each for name in wanted.namespaces if (each := self._store.get(name)) is not None]
        with self._store.transaction():
            for namespace in found:
                self._store.set_webhook_order(namespace.id, wanted.order)
        return {"value": [namespace.id for namespace in found]}


def read_switch(body: bytes) -> Switch:
    """Return what a request asks for. Raise `ArmError` (400)."""
    try:
        members = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise invalid("The request content is not valid JSON.") from error
    if not isinstance(members, dict) or members.keys() != {"namespaces", "order"}:
        raise invalid("Send a JSON object with 'namespaces' and 'order'.")
    names, order = members["namespaces"], members["order"]
    if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
        raise invalid("'namespaces' must be an array of ids.", "namespaces")
    if len(names) > MAX_SWITCHED:
        raise invalid(f"At most {MAX_SWITCHED} namespaces can be switched at once.", "namespaces")
    if order not in ORDERS:
        raise invalid(f"'order' must be one of: {', '.join(ORDERS)}.", "order")
    return Switch(names, order)
