"""The webhook of one namespace, as its connections see it."""

from collections.abc import Callable

from emulator.mqtt.webhook.answers import Answer
from emulator.mqtt.webhook.asker import WebhookAsker
from emulator.mqtt.webhook.requests import request_body
from emulator.mqtt.webhook.settings import WEBHOOK_ONLY, WebhookSettings
from emulator.mqtt.wire.packets import Connect
from emulator.storage.resources import Resource


class NamespaceWebhook:
    """Asks the webhook of a namespace about a CONNECT."""

    def __init__(self, namespace_id: str, settings: WebhookSettings, asker: WebhookAsker) -> None:
        self._namespace_id = namespace_id
        self._settings = settings
        self._asker = asker

    @classmethod
    def of(cls, namespace: Resource, asker: WebhookAsker) -> "NamespaceWebhook | None":
        """Return the webhook of a namespace; None if it has none."""
        settings = WebhookSettings.of(namespace)
        return cls(namespace.id, settings, asker) if settings is not None else None

    @property
    def decides_alone(self) -> bool:
        """Whether the certificates of registered clients count for nothing."""
        return self._asker.options.order == WEBHOOK_ONLY

    def ask(self, connect: Connect, chain: tuple[bytes, ...], request_id: str, then: Callable[[Answer], None]) -> None:
        """Ask, and call `then` with the answer later. `chain` is what the client presented, as DER, leaf first."""
        self._asker.ask(self._settings, self._namespace_id, request_body(connect, chain), request_id, then)
