"""Users, teams and the activity log, independent of resource types."""

from collections.abc import Iterator
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.crypto import salted_hmac


class User(AbstractUser):
    """A user who signs in. `is_superuser` makes an administrator of the portal."""

    activity_seen_at = models.DateTimeField(null=True, blank=True)  # notifications up to then were seen
    sessions_ended_at = models.DateTimeField(null=True, blank=True)  # "Sign out everywhere" ended all older sessions
    break_glass = models.BooleanField(default=False)  # may use a password while local accounts are turned off

    @property
    def display_name(self) -> str:
        return self.get_full_name() or self.username

    def get_session_auth_hash(self) -> str:
        """Return what each session of the user must contain: it ends with the password, and at `sessions_ended_at`."""
        return self._bound_to_sessions(super().get_session_auth_hash())

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        for each in super().get_session_auth_fallback_hash():
            yield self._bound_to_sessions(each)

    def _bound_to_sessions(self, auth_hash: str) -> str:
        if self.sessions_ended_at is None:
            return auth_hash
        bound = f"{auth_hash}{self.sessions_ended_at.timestamp()}"
        return salted_hmac("portal.sessions", bound, secret="", algorithm="sha256").hexdigest()


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


class CachedValue(models.Model):
    """A value that all web processes share for a while, such as the count of a rate limit (`portal.serving.shared_cache`)."""

    key = models.CharField(max_length=255, primary_key=True)
    value = models.TextField()  # JSON
    expires_at = models.FloatField(db_index=True)  # seconds since 1970

    def __str__(self) -> str:
        return self.key


class FailedSignIns(models.Model):
    """The failed sign-ins of one account from one address within a minute, until a worker adds them to the activity log.

    The typed name is not kept: where no such account exists, it may be a password.
    """

    minute = models.DateTimeField()
    account = models.BigIntegerField()  # primary key of the user; 0 where no account has the typed name
    address = models.CharField(max_length=45)
    wrong = models.PositiveIntegerField(default=0)
    wrong_codes = models.PositiveIntegerField(default=0)  # of the second step, after the right password
    refused = models.PositiveIntegerField(default=0)  # by a rate limit, without checking the password

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["minute", "account", "address"], name="portal_failed_sign_ins_unique")
        ]

    def __str__(self) -> str:
        return f"{self.account} from {self.address}"


class SignInCount(models.Model):
    """How often something happened at sign-in since the portal was set up, for the metrics."""

    event = models.CharField(max_length=40, primary_key=True)
    count = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return self.event
