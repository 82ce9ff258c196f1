"""Users, teams and who is in which team."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.crypto import salted_hmac


class User(AbstractUser):
    """A user who signs in. `is_superuser` makes an administrator of the portal."""

    activity_seen_at = models.DateTimeField(null=True, blank=True)  # notifications up to then were seen
    sessions_ended_at = models.DateTimeField(null=True, blank=True)  # "Sign out everywhere" ended all older sessions
    disabled_at = models.DateTimeField(null=True, blank=True)  # last time; browsers known before are known no more
    break_glass = models.BooleanField(default=False)  # may use a password while local accounts are turned off
    hidden_columns: Any = models.JSONField(
        default=dict, blank=True
    )  # of each list, by its name: the columns turned off
    administrator_by_sso = models.BooleanField(
        default=False
    )  # is_superuser follows the groups of the identity provider

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


FORMER_KEPT = timedelta(days=14)  # as long as a request of approval is open


class Team(models.Model):
    """Users who own resources together."""

    name = models.CharField(max_length=80, unique=True)
    members = models.ManyToManyField(User, related_name="teams", blank=True, through="Membership")

    def __str__(self) -> str:
        return self.name


class MembershipQuerySet(models.QuerySet["Membership"]):
    def leave(self, at: datetime) -> None:
        """Delete these memberships, and remember for a while that the people were in the teams."""
        gone = [
            FormerMembership(team_id=team, user_id=user, left_at=at) for team, user in self.values_list("team", "user")
        ]
        FormerMembership.objects.bulk_create(gone)
        FormerMembership.objects.filter(left_at__lt=at - FORMER_KEPT).delete()
        self.delete()


class Membership(models.Model):
    """One person in one team."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    is_lead = models.BooleanField(default=False)  # manages the members of this team
    lead_since = models.DateTimeField(null=True)  # of those who were made lead later than member
    by_sso = models.BooleanField(default=False)  # follows the groups of the identity provider, and is not edited here

    objects = MembershipQuerySet.as_manager()

    class Meta:
        db_table = "portal_team_members"
        unique_together = [("team", "user")]

    def __str__(self) -> str:
        return f"{self.user} in {self.team}"


class FormerMembership(models.Model):
    """One person left one team lately. People who left a team still count as its members where it approves nothing of its own."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    left_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.user} left {self.team}"
