"""Drift: where Azure differs from what the portal last left there, and how each difference was resolved."""

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import models
from django.db.models.functions import Lower
from django.utils.dateparse import parse_datetime
from django.utils.text import capfirst, get_text_list

from sync.models.sight import Sight, of_seen_objects


@dataclass(frozen=True)
class ShownField:
    """A field that differs, as pages show it: each side line by line."""

    name: str  # the key of `describe`, by which a decision names it
    label: str
    base: tuple[str, ...]
    ours: tuple[str, ...]
    azure: tuple[str, ...]

    @property
    def ours_in_words(self) -> str:
        return ", ".join(self.ours) or "nothing"

    @property
    def azure_in_words(self) -> str:
        return ", ".join(self.azure) or "nothing"


@dataclass(frozen=True)
class ChangeInAzure:
    """Who last changed a resource in Azure, as its `systemData` says."""

    by: str  # a user name, or the id of an application
    by_type: str  # User, Application, ManagedIdentity or Key; "" where it is not said
    at: datetime | None


class FindingQuerySet(models.QuerySet["Finding"]):
    def visible_to(self, sight: Sight) -> "FindingQuerySet":
        """Differences that this person may see: those of rows that they see, and of what no team owns yet."""
        return self.filter(of_seen_objects(sight))


class Finding(models.Model):
    """One resource that was changed, created or deleted outside the portal."""

    class Class(models.TextChoices):
        CHANGED = "changed", "Changed in Azure"
        BOTH = "both", "Changed in both"
        DELETED = "deleted", "Deleted in Azure"
        APPEARED = "appeared", "Appeared in Azure"

    class State(models.TextChoices):
        OPEN = "open", "Open"
        IGNORED = "ignored", "Ignored"
        RESOLVED = "resolved", "Resolved"

    kind = models.CharField(max_length=60)  # model label
    scope = models.BigIntegerField(db_index=True)  # primary key of the namespace
    name = models.CharField(max_length=160)
    object_pk = models.BigIntegerField(null=True)  # None: the portal has no row
    drift = models.CharField(max_length=8, choices=Class)
    # [{"field": …, "base": …, "ours": …, "azure": …}, …] for what differs, fields are keys of `describe`
    fields: Any = models.JSONField(default=list)
    resource: Any = models.JSONField(null=True)  # what Azure holds; None: nothing
    is_loud = models.BooleanField(default=False)  # clients may have gained access
    note = models.TextField(blank=True)
    state = models.CharField(max_length=8, choices=State, default=State.OPEN)
    found_at = models.DateTimeField()
    seen_at = models.DateTimeField()  # by the newest scan
    resolution = models.CharField(max_length=200, blank=True)
    resolved_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    resolved_at = models.DateTimeField(null=True)

    # Set by the page that lists it: whether its user may decide about it, and for a row of another team, whom to ask.
    may_decide = False
    owner_name = ""
    whom_to_ask = ""

    objects = FindingQuerySet.as_manager()

    class Meta:
        ordering = ["-is_loud", "-found_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                "kind",
                "scope",
                Lower("name"),
                condition=~models.Q(state="resolved"),
                name="one_unresolved_finding_per_resource",
            ),
        ]
        indexes = [models.Index(name="finding_of_row", fields=["object_pk", "kind"])]

    def __str__(self) -> str:
        return f"{self.name}: {self.get_drift_display()}"

    @property
    def what(self) -> str:
        """The kind of object in words: "Client", "CA certificate"."""
        return capfirst(str(apps.get_model(self.kind)._meta.verbose_name))

    @property
    def shown_fields(self) -> list[ShownField]:
        model: Any = apps.get_model(self.kind)
        return [
            ShownField(
                each["field"],
                model.label_of(each["field"]),
                *(model.shown(each["field"], each[side]) for side in ("base", "ours", "azure")),
            )
            for each in self.fields
        ]

    @property
    def change(self) -> ChangeInAzure | None:
        """Return who changed it in Azure; None where Azure does not say it, as of what was deleted."""
        said = (self.resource or {}).get("systemData")
        if not isinstance(said, dict) or not said.get("lastModifiedBy"):
            return None
        try:
            at = parse_datetime(str(said.get("lastModifiedAt") or ""))
        except ValueError:
            at = None
        known = at if at is not None and at.tzinfo is not None else None
        return ChangeInAzure(str(said["lastModifiedBy"])[:200], str(said.get("lastModifiedByType") or "")[:40], known)

    def labels(self, names: Collection[str]) -> str:
        """Return the labels of these fields, for a sentence."""
        return get_text_list([field.label for field in self.shown_fields if field.name in names], "and")

    @property
    def as_shown(self) -> str:
        """Identify the finding and its content, as a page posts it back: people decide about what they saw."""
        said = json.dumps([self.drift, self.fields, self.resource], sort_keys=True, default=str)
        return f"{self.pk}-{hashlib.sha256(said.encode()).hexdigest()[:16]}"


class Scan(models.Model):
    """One comparison of a namespace with Azure."""

    scope = models.BigIntegerField(db_index=True)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    requests = models.PositiveIntegerField(default=0)
    resources = models.PositiveIntegerField(default=0)
    found = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)

    is_running = (
        False  # set by callers that check the lease; a scan that has not ended and is not running was interrupted
    )

    class Meta:
        ordering = ["-started_at"]

    def __str__(self) -> str:
        return f"scan of {self.scope} at {self.started_at}"


FINDINGS_KEPT = timedelta(days=30)


def forget_scope(scope: int) -> None:
    """Delete the findings and scans of a namespace that is no longer in the portal."""
    Finding.objects.filter(scope=scope).delete()
    Scan.objects.filter(scope=scope).delete()


def forget_old_findings(at: datetime, scopes: Collection[int]) -> None:
    """Delete findings resolved over 30 days ago (the activity log keeps the decisions), and those outside `scopes`."""
    Finding.objects.filter(state=Finding.State.RESOLVED, resolved_at__lt=at - FINDINGS_KEPT).delete()
    gone = set(Finding.objects.order_by().values_list("scope", flat=True).distinct())
    gone |= set(Scan.objects.order_by().values_list("scope", flat=True).distinct())
    for scope in gone.difference(scopes):
        forget_scope(scope)
