"""Change sets: changes that wait for the approval of other people, and the policy of a namespace that asks for it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from namespaces.control.rules.approvals import Given, Standing
from namespaces.control.rules.digests import digest_of_changes
from namespaces.control.rules.policy import DEFAULT_NEEDS, Need, Policy
from namespaces.models.core import Namespace
from portal.activity import CHANGE_SETS

KIND = CHANGE_SETS  # in the activity log and in notices


def default_needs() -> list[str]:
    return sorted(DEFAULT_NEEDS)


class ControlPolicy(models.Model):
    """Which changes of a namespace need approval, by whom, and by how many. Without a row, none does."""

    namespace = models.OneToOneField(
        Namespace, primary_key=True, on_delete=models.CASCADE, related_name="control_policy"
    )
    enabled = models.BooleanField(default=False)
    needs: Any = models.JSONField(default=default_needs)  # codes of namespaces.control.rules.policy.Need
    approvals = models.PositiveSmallIntegerField(default=1)
    by_owners = models.BooleanField(default=True)
    by_leads = models.BooleanField(default=True)  # of the teams affected
    by_team = models.ForeignKey("portal.Team", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    emergency = models.BooleanField(default=True)  # an Owner may apply a change set at once
    edition = models.PositiveBigIntegerField(default=1)

    def __str__(self) -> str:
        return f"policy of {self.namespace}"

    @property
    def rules(self) -> Policy:
        """Return the policy as the pure rules take it."""
        known = {need.value for need in Need}
        return Policy(
            enabled=self.enabled,
            needs=frozenset(Need(code) for code in self.needs if code in known),
            approvals=self.approvals,
            by_owners=self.by_owners,
            by_leads=self.by_leads,
            by_team=self.by_team_id,
            emergency=self.emergency,
        )


class ChangeSetQuerySet(models.QuerySet["ChangeSet"]):
    def waiting(self, at: datetime) -> "ChangeSetQuerySet":
        """Change sets about which people can still decide."""
        return self.filter(state=ChangeSet.State.OPEN, expires_at__gt=at)

    def unfinished(self) -> "ChangeSetQuerySet":
        """Change sets that a worker has to apply or to follow."""
        return self.filter(state__in=ChangeSet.UNFINISHED)

    def unconfirmed_emergencies(self) -> "ChangeSetQuerySet":
        """Change sets that an Owner applied at once and that no other person has confirmed; not those that were never written."""
        forced = self.filter(emergency_at__isnull=False, confirmed_at__isnull=True)
        return forced.filter(Q(applied_at__isnull=False) | Q(state=ChangeSet.State.APPROVED))


class ChangeSet(models.Model):
    """One or more changes of a namespace that are requested, approved and applied together."""

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"  # kept for the requester, who has not asked yet
        OPEN = "open", "Waiting for approval"
        APPROVED = "approved", "Approved"  # a worker applies it
        SENDING = "sending", "Being sent"  # the rows are written; Azure has not confirmed all of them
        PARKED = "parked", "Stopped by Azure"  # Azure rejected a change, or it cannot be sent
        DONE = "done", "Applied"
        STALE = "stale", "No longer applies"  # it can be rebased
        DECLINED = "declined", "Declined"
        WITHDRAWN = "withdrawn", "Withdrawn"
        EXPIRED = "expired", "Expired"

    UNFINISHED = (State.APPROVED, State.SENDING, State.PARKED)
    EDITABLE = (State.DRAFT, State.OPEN, State.STALE)

    namespace = models.ForeignKey(Namespace, on_delete=models.CASCADE, related_name="change_sets")
    title = models.CharField(max_length=120, blank=True)
    reason = models.CharField(max_length=1000, blank=True)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="change_sets")
    state = models.CharField(max_length=9, choices=State, default=State.DRAFT)
    needs: Any = models.JSONField(default=list)  # codes of the policy for which its changes need approval
    revision = models.PositiveIntegerField(default=1)  # grows with each edit and rebase, which void the approvals
    digest = models.CharField(max_length=64, blank=True)  # of its changes
    teams: Any = models.JSONField(default=list)  # affected when it was requested or last shown; 0 for no team
    standing: Any = models.JSONField(
        default=dict
    )  # who might approve, and who is on the requester's side, at the request
    created_at = models.DateTimeField()
    requested_at = models.DateTimeField(null=True)  # of this revision: rights count that were held before
    expires_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)  # approved, declined, withdrawn, expired, applied at once
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    applied_at = models.DateTimeField(null=True)  # the first changes were written and are sent
    ended_at = models.DateTimeField(null=True)  # Azure has confirmed all of them
    problem_code = models.CharField(max_length=120, blank=True)
    problem = models.TextField(blank=True)  # why it stopped, no longer applies or was declined
    emergency_at = models.DateTimeField(null=True)
    emergency_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    emergency_reason = models.CharField(max_length=1000, blank=True)
    confirmed_at = models.DateTimeField(null=True)
    confirmed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    inverse_of = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="inverses")

    objects = ChangeSetQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["namespace", "state", "-id"], name="change_set_by_state"),
            models.Index(
                fields=["id"],
                name="change_set_unfinished",
                condition=Q(state__in=["open", "approved", "sending", "parked"]),
            ),
            models.Index(
                fields=["id"],
                name="change_set_unconfirmed",
                condition=Q(emergency_at__isnull=False, confirmed_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"change set {self.pk}"

    def state_at(self, at: datetime) -> "ChangeSet.State":
        """Return the state at a time: an open request expires without anyone's help."""
        is_over = self.state == self.State.OPEN and self.expires_at <= at
        return self.State.EXPIRED if is_over else self.State(self.state)

    @property
    def is_emergency(self) -> bool:
        return self.emergency_at is not None

    @property
    def standing_at_request(self) -> Standing:
        """Return who had which right, and who was on the requester's side, when this revision was requested."""
        kept: Mapping[str, Any] = self.standing or {}
        sources = {int(pk): frozenset(texts) for pk, texts in kept.get("sources", {}).items()}
        return Standing(sources, frozenset(kept.get("own_side", ())))

    def sources_at_request(self, namespace_pk: int) -> dict[int, frozenset[str]]:
        """Return who had which right in another namespace that asks for approval too, when this revision was requested."""
        kept: Mapping[str, Any] = (self.standing or {}).get("elsewhere", {}).get(str(namespace_pk), {})
        return {int(pk): frozenset(texts) for pk, texts in kept.items()}

    @property
    def own_teams(self) -> frozenset[int]:
        """Return the requester's teams as they were at the request."""
        return frozenset((self.standing or {}).get("own_teams", ()))


class ChangeQuerySet(models.QuerySet["Change"]):
    def digest(self) -> str:
        """Return the digest of these changes."""
        return digest_of_changes([each.content for each in self.order_by("position")])


class Change(models.Model):
    """One change of a change set. The rows of the portal stay as they are until the set is applied."""

    change_set = models.ForeignKey(ChangeSet, on_delete=models.CASCADE, related_name="changes")
    position = models.PositiveIntegerField()
    kind = models.CharField(max_length=40)  # code of namespaces.control.kinds
    operation = models.CharField(max_length=12)  # a sync.control.Operation, or one of the kind's own
    name = models.CharField(max_length=160)  # of the object, in its namespace
    edition = models.CharField(max_length=40, blank=True)  # of the row that it changes, as it was shown
    team = models.ForeignKey(
        "portal.Team", null=True, on_delete=models.SET_NULL, related_name="+"
    )  # that owns the object
    before: Any = models.JSONField(null=True)  # snake_case keys, certificates as PEM, never a private key
    values: Any = models.JSONField(null=True)
    object_pk = models.BigIntegerField(null=True)  # of the row that was written
    generation = models.PositiveBigIntegerField(null=True)  # that was written; null while it is not, or nothing is sent
    written_at = models.DateTimeField(null=True)
    confirmed_at = models.DateTimeField(null=True)  # Azure has it, or it was overtaken
    overtaken = models.BooleanField(
        default=False
    )  # the object was edited again, discarded or deleted before Azure had it
    held = models.BooleanField(default=False)  # written as part of a large set: the sync waits for the rest of it
    former: Any = models.JSONField(null=True)  # while it is held: the row as it was before, to put it back

    objects = ChangeQuerySet.as_manager()

    class Meta:
        ordering = ["change_set", "position"]
        constraints = [models.UniqueConstraint(fields=["change_set", "position"], name="change_once_per_position")]
        indexes = [models.Index(fields=["kind", "object_pk"], name="change_held", condition=Q(held=True))]

    def __str__(self) -> str:
        return f"{self.operation} {self.kind} {self.name}"

    @property
    def content(self) -> dict[str, Any]:
        """Return what people approve of it."""
        names = ("kind", "operation", "name", "edition", "before", "values")
        return {name: getattr(self, name) for name in names}


class Approval(models.Model):
    """One person approved one revision of a change set, as it was shown to that person."""

    change_set = models.ForeignKey(ChangeSet, on_delete=models.CASCADE, related_name="approvals")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    revision = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)  # of the changes
    teams: Any = models.JSONField(default=list)  # that were shown as affected
    rights: Any = models.JSONField(default=list)  # by which the person approved
    at = models.DateTimeField()

    class Meta:
        ordering = ["at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["change_set", "user", "revision"], name="one_approval_of_a_revision"),
        ]

    def __str__(self) -> str:
        return f"{self.user} approves {self.change_set}"

    @property
    def given(self) -> Given:
        return Given(self.user_id, self.digest, frozenset(self.teams))


class ChangeSetComment(models.Model):
    """What a person said about a change set."""

    change_set = models.ForeignKey(ChangeSet, on_delete=models.CASCADE, related_name="comments")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    text = models.CharField(max_length=1000)

    class Meta:
        ordering = ["at", "pk"]

    def __str__(self) -> str:
        return f"{self.user}: {self.text[:40]}"
