"""Alarms about clients that connected with a certificate that another CA key signed than before."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from namespaces.models.core import Client, Namespace
from sync.models import Sight


class IssuerAlarmQuerySet(models.QuerySet["IssuerAlarm"]):
    def visible_to(self, sight: Sight) -> "IssuerAlarmQuerySet":
        """Alarms about clients that this person sees and that are not being deleted."""
        seen: Any = Client.visible_to(sight).present()
        return self.filter(client__in=seen.order_by().values("pk"))

    def open(self) -> "IssuerAlarmQuerySet":
        return self.filter(state=IssuerAlarm.State.OPEN)


class IssuerAlarm(models.Model):
    """A client was expected to come with a certificate that one key signed, and came with one that `key` signed.

    One row for a change: while it is open, the client may flip between the two without a further row. A decision closes it.
    Keys are SHA-256 hashes of the public key; names of issuers are only shown, never compared.
    """

    class State(models.TextChoices):
        OPEN = "open", "Open"
        EXPECTED = "expected", "Expected"
        DISABLED = "disabled", "Client disabled"

    namespace = models.ForeignKey(Namespace, on_delete=models.CASCADE, related_name="issuer_alarms")
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="issuer_alarms")
    former_key = models.CharField(max_length=64)
    key = models.CharField(max_length=64)
    former_issuer = models.TextField(blank=True)  # "" where it is not known any more
    issuer = models.TextField(blank=True)
    former_thumbprint = models.CharField(max_length=64, blank=True)  # of the certificate that was expected
    thumbprint = models.CharField(max_length=64, blank=True)
    ca_name = models.CharField(max_length=50, blank=True)  # the uploaded CA certificate that vouched
    caller = models.CharField(max_length=60, blank=True)
    cursor = models.BigIntegerField()  # of the first attempt, in the connection log
    at = models.DateTimeField()
    last_at = models.DateTimeField()
    count = models.PositiveIntegerField(default=1)  # how often the client changed to this key while the alarm was open
    state = models.CharField(max_length=8, choices=State, default=State.OPEN)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    objects = IssuerAlarmQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-pk"]
        constraints = [
            models.UniqueConstraint(name="one_open_issuer_alarm", fields=["client", "key"], condition=Q(state="open")),
            models.CheckConstraint(
                name="issuer_alarm_decided",
                condition=Q(state="open", decided_at=None) | ~Q(state="open") & Q(decided_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(name="issuer_alarm_by_state", fields=["namespace", "state", "at"]),
            models.Index(name="issuer_alarm_by_change", fields=["client", "former_key", "key"]),
        ]

    def __str__(self) -> str:
        return f"{self.client}: {self.former_issuer} → {self.issuer}"
