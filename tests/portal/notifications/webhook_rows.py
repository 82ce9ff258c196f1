"""Webhooks, events and times that the tests of webhooks share."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from namespaces.models import Namespace
from portal.models import User, Webhook, WebhookDelivery
from portal.notifications.announcing import Place, announce
from portal.notifications.webhooks.changes import create_webhook


def make(actor: User, url: str, **more: Any) -> tuple[Webhook, str]:
    return create_webhook(actor, **{"name": "Chat", "url": url, "scope": None, "events": ["ca_expiry"], **more})


def tell(namespace: Namespace, event: str = "ca_expiry", **more: Any) -> None:
    place = Place(namespace.pk, namespace.name)
    text = {"subject": "CA certificate line-a expires", "sentence": "In 7 days.", "url": "/namespaces/1/"}
    announce(event, to=[], **{**text, "scope": place, **more})


def now_due() -> None:
    past = timezone.now() - timedelta(seconds=1)
    WebhookDelivery.objects.filter(settled_at=None).update(next_attempt_at=past)
    Webhook.objects.update(paused_until=None)


def states() -> list[tuple[str, str]]:
    return list(WebhookDelivery.objects.order_by("pk").values_list("state", "error_code"))
