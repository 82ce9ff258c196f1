"""Webhooks: addresses of other systems, what was sent to them, and how each attempt ended."""

import secrets
from typing import Any

from django.db import models
from django.db.models import Q

from portal.models.notices import Notice
from portal.models.outbox import Outgoing
from portal.models.people import User


class Webhook(models.Model):
    """One address of another system, and the events that it gets. The signing keys are encrypted and never shown again."""

    name = models.CharField(max_length=80)
    url = models.CharField(max_length=500)
    scope = models.BigIntegerField(null=True, db_index=True)  # primary key of its namespace; None: all
    events: Any = models.JSONField(default=list)  # codes of portal.notifications.events
    # The webhook gets what this person may see as an Owner or administrator: it ends with these rights.
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField()
    is_active = models.BooleanField(default=True)
    stopped_code = models.CharField(max_length=40, blank=True)  # why the portal switched it off
    signing_key = models.TextField()  # encrypted
    former_key = models.TextField(blank=True)  # encrypted; also signs until `former_key_until`
    former_key_until = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)  # in a row
    paused_until = models.DateTimeField(null=True)

    class Meta:
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return self.name


def _message_id() -> str:
    return f"msg_{secrets.token_urlsafe(18)}"


class WebhookDelivery(Outgoing):
    """One message to one webhook. `message_id` and `payload` are the same in each attempt."""

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    notice = models.ForeignKey(Notice, null=True, on_delete=models.SET_NULL, related_name="+")
    event = models.CharField(max_length=40)
    message_id = models.CharField(max_length=60, unique=True, default=_message_id)
    payload = models.TextField(blank=True)  # JSON, written at the first attempt
    status = models.PositiveSmallIntegerField(null=True)  # of the last answer

    class Meta:
        ordering = ["-created_at", "-pk"]
        verbose_name_plural = "webhook deliveries"
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(state__in=("waiting", "unknown", "sending")),
                name="webhook_delivery_unsettled",
            ),
            models.Index(fields=["webhook", "-created_at", "-id"], name="webhook_delivery_newest"),
            models.Index(fields=["settled_at"], name="webhook_delivery_settled"),
        ]

    def __str__(self) -> str:
        return f"{self.event} to {self.webhook}"


class WebhookAttempt(models.Model):
    """One attempt of a delivery: the status of the answer, or why there was none."""

    delivery = models.ForeignKey(WebhookDelivery, on_delete=models.CASCADE, related_name="tries")
    at = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True)
    code = models.CharField(max_length=40, blank=True)
    milliseconds = models.PositiveIntegerField()

    class Meta:
        ordering = ["-at", "-pk"]

    def __str__(self) -> str:
        return f"{self.status or self.code}"
