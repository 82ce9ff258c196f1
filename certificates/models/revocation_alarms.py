"""Alarms about devices that were let in with a revoked certificate, although this portal decides."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from certificates.x509.certificate import Certificate
from certificates.x509.serial_numbers import serial_digits
from namespaces.models import Client, Namespace
from sync.models import Sight


class RevocationAlarmQuerySet(models.QuerySet["RevocationAlarm"]):
    def visible_to(self, sight: Sight) -> "RevocationAlarmQuerySet":
        """Alarms about clients that this person sees and that are not being deleted."""
        seen: Any = Client.visible_to(sight).present()
        return self.filter(client__in=seen.order_by().values("pk"))

    def open(self) -> "RevocationAlarmQuerySet":
        return self.filter(state=RevocationAlarm.State.OPEN)


class RevocationAlarm(models.Model):
    """A client was let in after the switch, and its certificate, or a CA certificate above it, had been revoked before.

    One row for each client and revoked certificate: while it is open, further connections only count. `cursor` is the number of the
    first attempt in the connection log; None where a person reported what no log shows.
    """

    class State(models.TextChoices):
        OPEN = "open", "Open"
        SETTLED = "settled", "Settled"
        DISABLED = "disabled", "Client disabled"
        RELEASED = "released", "Revocation undone"

    namespace = models.ForeignKey(Namespace, on_delete=models.CASCADE, related_name="revocation_alarms")
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="revocation_alarms")
    thumbprint = models.CharField(max_length=64)  # of the revoked certificate
    subject = models.TextField(blank=True)
    serial = models.CharField(max_length=64, blank=True)
    is_ca = models.BooleanField(default=False)
    is_listed = models.BooleanField(default=False)  # by the revocation list of its issuer, not by hand
    caller = models.CharField(max_length=60, blank=True)
    cursor = models.BigIntegerField(null=True)
    reported_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField()
    last_at = models.DateTimeField()
    count = models.PositiveIntegerField(default=1)
    state = models.CharField(max_length=8, choices=State, default=State.OPEN)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    objects = RevocationAlarmQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                name="one_open_revocation_alarm", fields=["client", "thumbprint"], condition=Q(state="open")
            ),
            models.CheckConstraint(
                name="revocation_alarm_decided",
                condition=Q(state="open", decided_at=None) | ~Q(state="open") & Q(decided_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(name="revocation_alarm_by_state", fields=["namespace", "state", "at"]),
            models.Index(name="revocation_alarm_by_cert", fields=["client", "thumbprint", "decided_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.client}: {self.subject or self.thumbprint}"

    def set_certificate(self, certificate: Certificate) -> None:
        self.thumbprint, self.subject = certificate.thumbprint_sha256, certificate.subject
        self.serial, self.is_ca = serial_digits(certificate.serial_number), certificate.is_ca
