"""What workers record: pushes with their steps, the shared budget, heartbeats, discards and leases."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import models


class PushRecord(models.Model):
    """One push of one row: the requests to Azure, their times, and the outcome. Timelines are made of these."""

    kind = models.CharField(max_length=60)  # model label, as in the activity log
    object_pk = models.BigIntegerField()
    scope = models.BigIntegerField(db_index=True)  # primary key of the namespace
    generation = models.PositiveBigIntegerField()
    claimed_at = models.DateTimeField()
    settled_at = models.DateTimeField(db_index=True)
    outcome = models.CharField(max_length=12)  # reconcile.Pushed
    message = models.TextField(blank=True)
    # [{"step": "sent", "method": "PUT", "status": 200, "request_id": …, "at": ISO, "seconds": 0.02}, …]
    steps: Any = models.JSONField(default=list)
    # What Azure may have held before it, as `describe` returns it: [{"name": "sensor-1", …}, …]; null: nothing
    former_states: Any = models.JSONField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["kind", "object_pk", "-id"]),
            models.Index(fields=["outcome", "settled_at"], name="pushes_by_outcome"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.object_pk} generation {self.generation}: {self.outcome}"


class Budget(models.Model):
    """A token bucket for one operation type in one subscription, shared by all workers."""

    subscription = models.CharField(max_length=64)  # lower case
    operation = models.CharField(max_length=8)  # "reads", "writes" or "deletes"
    level = models.FloatField()  # requests that may be sent at `counted_at`; below zero: overdrawn
    capacity = models.FloatField()
    refill = models.FloatField()  # requests a second
    counted_at = models.DateTimeField()
    blocked_until = models.DateTimeField(null=True)
    blocked_reason = models.CharField(max_length=300, blank=True)
    failures = models.PositiveIntegerField(default=0)  # outages in a row
    remaining = models.IntegerField(null=True)  # as Azure last reported it
    window_at = models.DateTimeField(null=True)  # since when `window_answers` are counted, to learn the refill
    window_remaining = models.IntegerField(null=True)
    window_answers = models.PositiveIntegerField(default=0)
    throttled = models.PositiveIntegerField(default=0)  # answers 429 so far

    class Meta:
        constraints = [models.UniqueConstraint(fields=["subscription", "operation"], name="one_budget_per_operation")]

    def __str__(self) -> str:
        return f"{self.operation} of {self.subscription}"


class WorkerBeat(models.Model):
    """A worker process and its last heartbeat."""

    worker = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=200)
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    in_flight = models.PositiveIntegerField(default=0)
    pushed = models.PositiveBigIntegerField(default=0)
    memory_bytes = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering = ["name", "started_at"]

    def __str__(self) -> str:
        return self.name


class Discard(models.Model):
    """A rejected change to be discarded, one of many: a worker replaces it with what Azure holds."""

    kind = models.CharField(max_length=60)  # model label
    object_pk = models.BigIntegerField()
    scope = models.BigIntegerField(db_index=True)  # primary key of the namespace
    generation = models.PositiveBigIntegerField()  # a newer change is not discarded
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    asked_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "object_pk"], name="one_discard_per_row")]

    def __str__(self) -> str:
        return f"{self.kind} {self.object_pk} generation {self.generation}"


class Lease(models.Model):
    """A periodic job that only one process runs at a time."""

    name = models.CharField(max_length=60, unique=True)
    token = models.UUIDField(null=True)
    until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name


class PeriodicRun(models.Model):
    """When a periodic job last ended, so that everyone sees whether the clock and the workers still run it."""

    name = models.CharField(max_length=40, unique=True)  # a key of `sync.workers.periodic.EXPECTED`
    ended_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


RECORDS_KEPT = timedelta(days=30)
_LED_NOWHERE = ("delayed", "not claimed")


def forget_old_records(at: datetime) -> None:
    """Delete attempts without a result that are older than a month.

    A push that completed a change is kept: it has the request ids that Azure's own logs show.
    """
    PushRecord.objects.filter(outcome__in=_LED_NOWHERE, settled_at__lt=at - RECORDS_KEPT).delete()
