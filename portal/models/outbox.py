"""The outbox: mails on their way. A row is the queue entry; messages to workers are only hints."""

import uuid
from datetime import datetime
from typing import Any, Self

from django.db import models
from django.db.models import Q

from portal.models.notices import Notice
from portal.models.people import User


class OutgoingQuerySet(models.QuerySet[Any]):
    def due(self, at: datetime) -> Self:
        """Return what may be sent at `at`: not claimed by a worker and not waiting for its next attempt."""
        return self.filter(state__in=Outgoing.OPEN, next_attempt_at__lte=at)

    def unsettled(self) -> Self:
        return self.filter(state__in=(*Outgoing.OPEN, Outgoing.State.SENDING))


class Outgoing(models.Model):
    """One message to a server outside: claimed by a worker, handed over, and settled, each by a conditional UPDATE."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        SENDING = "sending", "Sending"
        UNKNOWN = "unknown", "Unknown"  # the server's answer was lost: it is sent again, and may arrive twice
        SENT = "sent", "Sent"
        FAILED = "failed", "Failed"
        EXPIRED = "expired", "Expired"
        CANCELLED = "cancelled", "Cancelled"

    OPEN = (State.WAITING, State.UNKNOWN)

    created_at = models.DateTimeField()
    state = models.CharField(max_length=9, choices=State, default=State.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    expires_at = models.DateTimeField()  # not sent any more from then on
    claim_token = models.UUIDField(null=True)
    claimed_at = models.DateTimeField(null=True)
    claimed_until = models.DateTimeField(null=True)
    handed_over_at = models.DateTimeField(null=True)  # the server may have the message from then on
    lost_answers = models.PositiveIntegerField(
        default=0
    )  # times that the server may have it without the portal knowing
    settled_at = models.DateTimeField(null=True)
    error_code = models.CharField(max_length=40, blank=True)
    error = models.CharField(max_length=500, blank=True)

    objects = OutgoingQuerySet.as_manager()

    class Meta:
        abstract = True

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN


def _message_key() -> str:
    return uuid.uuid4().hex


class OutgoingMail(Outgoing):
    """A mail to one address. Its text is encrypted, and erased as soon as the mail is sent or given up.

    Mails about a notice (`notice`) and links for a password (`purpose` "password_reset_asked") have no text: a worker
    writes it when it sends the mail, with the rights that the person has then.
    """

    key = models.CharField(max_length=32, unique=True, default=_message_key)  # makes the Message-ID, the same each time
    purpose = models.CharField(max_length=40)  # an event of portal.notifications.events, or what sign-in sends
    to = models.CharField(max_length=254)
    user = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="+")
    notice = models.ForeignKey(Notice, null=True, on_delete=models.CASCADE, related_name="mails")
    subject = models.CharField(max_length=300, blank=True)
    body = models.TextField(blank=True)  # encrypted JSON: text, html

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(state__in=("waiting", "unknown", "sending")),
                name="outgoing_mail_unsettled",
            ),
            models.Index(fields=["-created_at", "-id"], name="outgoing_mail_newest"),
            models.Index(fields=["settled_at"], name="outgoing_mail_settled"),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} to {self.to}"
