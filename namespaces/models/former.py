"""What is remembered of rows that are gone, so that deleting and creating again is no way around an approval."""

from typing import Any

from django.conf import settings
from django.db import models

from namespaces.models.core import Namespace


class FormerThumbprint(models.Model):
    """An authentication name whose client had Thumbprint Match when it was deleted."""

    namespace = models.ForeignKey(Namespace, on_delete=models.CASCADE, related_name="former_thumbprints")
    authentication_key = models.CharField(max_length=512)  # as `Client.authentication_key`

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["namespace", "authentication_key"], name="former_thumbprint_once"),
        ]

    def __str__(self) -> str:
        return self.authentication_key


class FormerPolicy(models.Model):
    """The approval policy of a namespace that was disconnected. It holds again when the namespace is connected again."""

    resource_key = models.CharField(max_length=400, unique=True)  # as `Namespace.resource_key`
    values: Any = models.JSONField()

    def __str__(self) -> str:
        return self.resource_key


class FormerRole(models.Model):
    """A role in a namespace that was disconnected. Nobody has it; the person who connects it again may give it back."""

    resource_key = models.CharField(max_length=400, db_index=True)  # as `Namespace.resource_key`
    role = models.CharField(max_length=24)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+")
    team = models.ForeignKey("portal.Team", null=True, on_delete=models.CASCADE, related_name="+")

    def __str__(self) -> str:
        return f"{self.role} in {self.resource_key}"
