"""The activity log."""

from typing import Any

from django.db import models

from portal.models.people import User


class ActivityQuerySet(models.QuerySet["Activity"]):
    def of_object(self, kind: str, pk: int) -> "ActivityQuerySet":
        return self.filter(kind=kind, object_pk=pk)

    def of_scope(self, scope: int) -> "ActivityQuerySet":
        return self.filter(scope=scope)


class Activity(models.Model):
    """One change: actor, time, object, values before and after, and the outcome of its sync.

    Rows are only added and settled once, never edited: triggers of the database see to that (`portal.evidence`), and only
    `manage.py prune_activity` deletes them. `SETTLED_FIELDS` is all that settling changes.
    """

    class Outcome(models.TextChoices):
        LOCAL = "local", "Saved"  # nothing to sync
        PENDING = "pending", "Pending"
        SUCCEEDED = "succeeded", "Succeeded"
        FAILED = "failed", "Failed"
        SUPERSEDED = "superseded", "Superseded"

    SETTLED_FIELDS = ("outcome", "outcome_code", "outcome_message", "settled_at")

    at = models.DateTimeField(db_index=True)
    actor = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+"
    )  # people are disabled instead
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
    address = models.CharField(max_length=45, blank=True)  # of the browser, behind the trusted proxies
    request_id = models.CharField(max_length=64, blank=True)  # as in the server's log; empty for workers and commands
    reason = models.TextField(blank=True)  # as the actor gave it, or why something was denied
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
