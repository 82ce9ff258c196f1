"""Requests of people for a role in a namespace."""

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from namespaces.models.core import Namespace, Role


class AccessRequestQuerySet(models.QuerySet["AccessRequest"]):
    def waiting(self, at: datetime) -> "AccessRequestQuerySet":
        """Requests that an owner can still decide about."""
        return self.filter(state=AccessRequest.State.OPEN, expires_at__gt=at, user__is_active=True)


class AccessRequest(models.Model):
    """A person asks for a role. Without a namespace: no namespace has the name that was typed, and no one was asked.

    The person is not shown the difference, because they may not know which namespaces exist.
    """

    class State(models.TextChoices):
        OPEN = "open", "Waiting"
        GRANTED = "granted", "Granted"
        DECLINED = "declined", "Declined"
        WITHDRAWN = "withdrawn", "Withdrawn"
        EXPIRED = "expired", "Expired"
        CLOSED = "closed", "Closed"  # the account was disabled

    namespace = models.ForeignKey(Namespace, null=True, on_delete=models.CASCADE, related_name="access_requests")
    namespace_name = models.CharField(max_length=50)  # as it was typed, or of the page that refused
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="access_requests")
    role = models.CharField(max_length=24, choices=Role)
    reason = models.CharField(max_length=500)
    state = models.CharField(max_length=9, choices=State, default=State.OPEN)
    asked_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    objects = AccessRequestQuerySet.as_manager()

    class Meta:
        ordering = ["-asked_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                name="one_open_access_request",
                fields=["namespace", "user", "role"],
                condition=Q(state="open", namespace__isnull=False),
            ),
            models.UniqueConstraint(
                "user",
                Lower("namespace_name"),
                "role",
                name="one_open_access_request_by_name",
                condition=Q(state="open", namespace__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} asks for {self.role} in {self.namespace_name}"

    @property
    def role_label(self) -> str:
        return str(Role(self.role).label)

    def state_at(self, at: datetime) -> "AccessRequest.State":
        """Return the state at a time: an open request expires without anyone's help."""
        is_over = self.state == self.State.OPEN and self.expires_at <= at
        return self.State.EXPIRED if is_over else self.State(self.state)
