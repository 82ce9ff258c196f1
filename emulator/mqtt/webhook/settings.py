"""Which webhook decides for a namespace, from its `webhookAuthentication` in ARM, and what the operator allows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emulator.arm.faults.webhook_orders import WEBHOOK_ONLY
from emulator.events.allowed_urls import AllowedUrls
from emulator.storage.resources import Resource
from emulator.token_issuer import Identity

ANSWER_SECONDS = 5.0  # recommended as the bound of a webhook's answer


@dataclass(frozen=True)
class WebhookOptions:
    """What the operator chose. `ca`: a PEM file with certificates to trust besides the system's.

    `order`: whether a webhook decides alone, or only about clients that their certificate does not authenticate; a namespace can have
    an order of its own (`emulator.arm.faults.webhook_orders`).
    """

    allowed: AllowedUrls = field(default_factory=AllowedUrls)
    ca: Path | None = None
    order: str = WEBHOOK_ONLY
    seconds: float = ANSWER_SECONDS


@dataclass(frozen=True)
class WebhookSettings:
    """The webhook of one namespace. `audience` is configured as an application, its URI, or a scope of it."""

    url: str
    audience: str
    tenant: str
    identity: Identity

    @classmethod
    def of(cls, namespace: Resource) -> "WebhookSettings | None":
        """Return the webhook of a namespace; None if it has none."""
        configuration: Mapping[str, Any] = namespace.properties.get("topicSpacesConfiguration") or {}
        webhook = (configuration.get("clientAuthentication") or {}).get("webhookAuthentication")
        if not webhook:
            return None
        user_assigned = webhook["identity"].get("userAssignedIdentity")
        return cls(
            url=webhook["endpointUrl"],
            audience=webhook["azureActiveDirectoryApplicationIdOrUri"],
            tenant=webhook["azureActiveDirectoryTenantId"].lower(),
            identity=Identity.of_resource(user_assigned or namespace.id),
        )
