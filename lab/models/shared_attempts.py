"""Attempts that people share by a link: frozen copies, without keys and without names of other teams' resources."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models

from namespaces.models import Namespace
from portal.models import User


class AttemptSharing(models.Model):
    """What a namespace allows about shared attempts. Without a row: the defaults."""

    namespace = models.OneToOneField(Namespace, on_delete=models.CASCADE, related_name="attempt_sharing")
    allows_public = models.BooleanField(default=False)  # links that work without an account

    def __str__(self) -> str:
        return f"{self.namespace}: {'with' if self.allows_public else 'no'} public links"


class SharedAttemptQuerySet(models.QuerySet["SharedAttempt"]):
    def visible_to(self, user: User, namespace: Namespace) -> "SharedAttemptQuerySet":
        """A person's own shared attempts in a namespace that was read for this person."""
        return self.filter(namespace.sight.condition("namespace", is_hideable=False), owner=user, namespace=namespace)


class SharedAttempt(models.Model):
    """One link to one attempt. The secret in it is kept as its hash only.

    `frozen` is what it shows (`lab.sharing.frozen`), and `case` a row for the engine's table of cases, or None.
    """

    namespace = models.ForeignKey(Namespace, on_delete=models.CASCADE, related_name="shared_attempts")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="shared_attempts")
    secret_hash = models.CharField(max_length=64, unique=True)
    cursor = models.BigIntegerField()
    client_name = models.CharField(max_length=128, blank=True)
    frozen: Any = models.JSONField()
    case: Any = models.JSONField(null=True)
    is_public = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    objects = SharedAttemptQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(name="shared_by_person", fields=["owner", "namespace"])]

    def __str__(self) -> str:
        return f"{self.owner}: attempt {self.cursor}"

    def has_expired(self, now: datetime) -> bool:
        return now >= self.expires_at

    @property
    def title(self) -> str:
        """Return what the attempt was about, for lists."""
        frozen: dict[str, Any] = self.frozen
        return str(frozen.get("user_name") or frozen.get("subject") or "no certificate")
