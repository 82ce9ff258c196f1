"""Links that let one person in, once: invitations, and links to choose a password."""

from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Q

from portal.models.people import Team, User


class AccessLinkQuerySet(models.QuerySet["AccessLink"]):
    def open(self, at: datetime) -> "AccessLinkQuerySet":
        return self.filter(used_at=None, revoked_at=None, expires_at__gt=at)

    def invitations(self) -> "AccessLinkQuerySet":
        return self.filter(purpose=AccessLink.Purpose.JOIN)

    def waiting(self) -> "AccessLinkQuerySet":
        """Return the invitations that nobody has accepted or revoked, expired ones included."""
        return self.invitations().filter(used_at=None, revoked_at=None)


class AccessLink(models.Model):
    """A link that works once, until it expires or is revoked. Only the hash of its secret is stored.

    An invitation creates an account, with the teams and roles that it names. The other purpose is a new password.
    """

    class Purpose(models.TextChoices):
        JOIN = "join", "Invitation"
        PASSWORD = "password", "Password link"

    purpose = models.CharField(max_length=8, choices=Purpose)
    secret_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    created_by = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="links_created")
    used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    user = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="links")  # who used or may use it
    # Of the person who is invited
    email = models.CharField(max_length=254, blank=True)
    first_name = models.CharField(max_length=150, blank=True)
    last_name = models.CharField(max_length=150, blank=True)
    makes_administrator = models.BooleanField(default=False)
    teams = models.ManyToManyField(Team, through="InvitedTeam", related_name="+")
    roles: Any = models.JSONField(default=list)  # keys of `portal.registry.RoleBook`

    objects = AccessLinkQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="portal_link_of_a_user_or_invitation", condition=Q(purpose="join") | Q(user__isnull=False)
            ),
            models.CheckConstraint(
                name="portal_link_used_or_revoked", condition=Q(used_at__isnull=True) | Q(revoked_at__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return self.shown_name or f"link {self.pk}"

    @property
    def shown_name(self) -> str:
        if self.user is not None:
            return self.user.username
        return f"{self.first_name} {self.last_name}".strip() or self.email


class InvitedTeam(models.Model):
    """A team that the person joins on accepting the invitation."""

    link = models.ForeignKey(AccessLink, on_delete=models.CASCADE, related_name="invited_teams")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    is_lead = models.BooleanField(default=False)

    class Meta:
        unique_together = [("link", "team")]

    def __str__(self) -> str:
        return f"{self.link} to {self.team}"
