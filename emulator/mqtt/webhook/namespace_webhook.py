"""The webhook of one namespace, as its connections see it."""

from collections.abc import Callable

from emulator.arm.faults.webhook_orders import WEBHOOK_ONLY
from emulator.mqtt.webhook.answers import Answer
from emulator.mqtt.webhook.asker import WebhookAsker
from emulator.mqtt.webhook.requests import request_body
from emulator.mqtt.webhook.settings import WebhookSettings
from emulator.mqtt.wire.packets import Connect
from emulator.storage.resources import Resource
from emulator.storage.store import Store


class NamespaceWebhook:
    """Asks the webhook of a namespace about a CONNECT."""

    def __init__(self, namespace_id: str, settings: WebhookSettings, asker: WebhookAsker, store: Store) -> None:
        self._namespace_id = namespace_id
        self._settings = settings
        self._asker = asker
        self._store = store

    @classmethod
    def of(cls, namespace: Resource, asker: WebhookAsker, store: Store) -> "NamespaceWebhook | None":
        """Return the webhook of a namespace; None if it has none."""
        settings = WebhookSettings.of(namespace)
        return cls(namespace.id, settings, asker, store) if settings is not None else None

    @property
    def decides_alone(self) -> bool:
        """Whether the certificates of registered clients count for nothing. Read for each CONNECT: it can be switched at any time."""
        order = self._store.webhook_order(self._namespace_id) or self._asker.options.order
        return order == WEBHOOK_ONLY

    def ask(self, connect: Connect, chain: tuple[bytes, ...], request_id: str, then: Callable[[Answer], None]) -> None:
        """Ask, and call `then` with the answer later. `chain` is what the client presented, as DER, leaf first."""
        self._asker.ask(self._settings, self._namespace_id, request_body(connect, chain), request_id, then)
