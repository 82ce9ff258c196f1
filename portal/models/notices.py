"""Notices: what happened, who gets to know, and how each person and team wants it."""

from django.db import models
from django.db.models import Q

from portal.models.people import Team, User


class Notice(models.Model):
    """One event that people should know about.

    Events with one `group_key` are one notice with a count, until it is mailed or an hour has passed: then the key is None.
    """

    event = models.CharField(max_length=40)  # a code of portal.notifications.events
    at = models.DateTimeField(db_index=True)  # of the newest event in it
    opened_at = models.DateTimeField()
    subject = models.CharField(max_length=200)
    summary = models.CharField(max_length=200, blank=True)  # the subject of several events; {count} is their number
    sentence = models.CharField(max_length=1000)
    url = models.CharField(max_length=500)  # a path of this portal
    scope = models.BigIntegerField(null=True, db_index=True)  # primary key of the namespace; None: about the person
    scope_name = models.CharField(max_length=80, blank=True)
    team = models.ForeignKey(Team, null=True, on_delete=models.SET_NULL, related_name="+")  # owns what it is about
    kind = models.CharField(max_length=60, blank=True)  # model label
    object_name = models.CharField(max_length=160, blank=True)
    group = models.CharField(max_length=200, blank=True, db_index=True)
    group_key = models.CharField(max_length=200, null=True, unique=True)  # the group, while events may join
    count = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["-at", "-pk"]

    def __str__(self) -> str:
        return f"{self.event}: {self.subject}"

    @property
    def title(self) -> str:
        """Return the subject, or for several events the summary with their number."""
        if self.count > 1 and self.summary:
            return self.summary.replace("{count}", f"{self.count:,}")
        return self.subject


class NoticeRecipient(models.Model):
    """A person who gets a notice. `in_bell`: shown there; `in_digest`: part of the next daily mail until `digested_at`."""

    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="recipients")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    in_bell = models.BooleanField(default=True)
    in_digest = models.BooleanField(default=False)
    digested_at = models.DateTimeField(null=True)
    digest = models.ForeignKey("OutgoingMail", null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["notice", "user"], name="portal_notice_recipient_unique")]
        indexes = [
            models.Index(
                fields=["user"],
                condition=Q(in_digest=True, digested_at__isnull=True),
                name="notice_recipient_to_digest",
            )
        ]

    def __str__(self) -> str:
        return f"{self.notice} for {self.user}"


class Channel(models.TextChoices):
    """How a person gets an event."""

    NONE = "none", "Not at all"
    BELL = "bell", "In the bell"
    DIGEST = "digest", "In the bell and the daily summary"
    MAIL = "mail", "In the bell and by e-mail at once"


class NoticePreference(models.Model):
    """How a person gets one kind of event, or how the members of a team do who have chosen nothing themselves."""

    user = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="notice_preferences")
    team = models.ForeignKey(Team, null=True, on_delete=models.CASCADE, related_name="notice_preferences")
    event = models.CharField(max_length=40)
    channel = models.CharField(max_length=6, choices=Channel)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(user__isnull=False, team__isnull=True) | Q(user__isnull=True, team__isnull=False),
                name="portal_notice_preference_of_one",
            ),
            models.UniqueConstraint(
                fields=["user", "event"], condition=Q(team__isnull=True), name="portal_notice_preference_of_user"
            ),
            models.UniqueConstraint(
                fields=["team", "event"], condition=Q(user__isnull=True), name="portal_notice_preference_of_team"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event}: {self.channel}"


class DigestTime(models.Model):
    """When a person gets the daily summary."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="digest_time")
    hour = models.PositiveSmallIntegerField(default=8)
    time_zone = models.CharField(max_length=60, default="UTC")
    last_day = models.DateField(null=True)  # in that zone, on which the summary was last put into the outbox

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(hour__lte=23), name="portal_digest_hour")]

    def __str__(self) -> str:
        return f"{self.hour}:00 {self.time_zone}"


class Reminder(models.Model):
    """How close to an expiry date people were last reminded of it, so that no reminder is repeated."""

    key = models.CharField(max_length=200, primary_key=True)  # event, namespace and thumbprint
    days = models.PositiveSmallIntegerField()  # the smallest threshold that was announced
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.key}: {self.days}"
