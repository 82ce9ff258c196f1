"""Users, teams and the activity log, independent of resource types."""

from typing import Any

from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    """A user who signs in. `is_superuser` makes an administrator of the portal."""

    activity_seen_at = models.DateTimeField(null=True, blank=True)  # notifications up to then were seen

    @property
    def display_name(self) -> str:
        return self.get_full_name() or self.username


class Team(models.Model):
    """Users who own resources together."""

    name = models.CharField(max_length=80, unique=True)
    members = models.ManyToManyField(User, related_name="teams", blank=True)

    def __str__(self) -> str:
        return self.name


class ActivityQuerySet(models.QuerySet["Activity"]):
    def of_object(self, kind: str, pk: int) -> "ActivityQuerySet":
        return self.filter(kind=kind, object_pk=pk)

    def of_scope(self, scope: int) -> "ActivityQuerySet":
        return self.filter(scope=scope)


class Activity(models.Model):
    """One change: actor, time, object, values before and after, and the outcome of its sync.

    Rows are only added and settled, never edited.
    """

    class Outcome(models.TextChoices):
        LOCAL = "local", "Saved"  # nothing to sync
        PENDING = "pending", "Pending"
        SUCCEEDED = "succeeded", "Succeeded"
        FAILED = "failed", "Failed"
        SUPERSEDED = "superseded", "Superseded"

    at = models.DateTimeField(db_index=True)
    actor = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    actor_name = models.CharField(max_length=150)
    team_name = models.CharField(max_length=80, blank=True)
    verb = models.CharField(max_length=120)  # "Upload certificate", "Create client", …
    scope = models.BigIntegerField(null=True, db_index=True)  # primary key of the namespace
    scope_name = models.CharField(max_length=80, blank=True)
    kind = models.CharField(max_length=60)  # model label, e.g. "namespaces.client"
    object_pk = models.BigIntegerField(null=True)
    object_name = models.CharField(max_length=160)
    before: Any = models.JSONField(null=True, blank=True)
    after: Any = models.JSONField(null=True, blank=True)
    generation = models.PositiveBigIntegerField(null=True)
    outcome = models.CharField(max_length=12, choices=Outcome, default=Outcome.LOCAL)
    outcome_code = models.CharField(max_length=120, blank=True)
    outcome_message = models.TextField(blank=True)
    settled_at = models.DateTimeField(null=True)

    objects = ActivityQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [
            models.Index(fields=["kind", "object_pk", "-at"]),
            models.Index(fields=["scope", "-at"]),
            models.Index(fields=["outcome", "settled_at"], name="activity_by_outcome"),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.object_name}"
