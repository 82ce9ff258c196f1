"""A class: a trainer, its seats, and what each seat has been given."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

MOST_SEATS = 60
ACCOUNTS = "class-"  # what the user names of seats begin with; nobody can change a user name
LONGEST_NAME, LONGEST_QUESTION, LONGEST_MESSAGE = 40, 200, 300  # characters


class TrainingClass(models.Model):
    """Trainees who learn at the same time, each in a seat of their own."""

    class State(models.TextChoices):
        OPEN = "open", "Open"  # the join code opens free seats
        LOCKED = "locked", "Locked"  # nobody joins; trainees who have joined go on
        ENDED = "ended", "Ended"

    title = models.CharField(max_length=80)
    trainer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=6, choices=State, default=State.OPEN)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    # Its namespaces are in a subscription of their own: requests of the class use up no budget of other namespaces.
    subscription = models.CharField(max_length=36, blank=True)
    join_code = models.TextField(blank=True)  # encrypted: the board shows it
    message = models.CharField(max_length=LONGEST_MESSAGE, blank=True)  # to all seats
    message_at = models.DateTimeField(null=True)
    faults: Any = models.JSONField(default=dict)  # code of a fault that was started → id of its rule, since when
    report: Any = models.JSONField(null=True)  # rows of the report as they were at the end

    class Meta:
        ordering = ["-created_at", "-pk"]
        verbose_name = "class"
        verbose_name_plural = "classes"
        constraints = [
            models.CheckConstraint(name="class_state_known", condition=Q(state__in=["open", "locked", "ended"])),
            models.CheckConstraint(
                name="class_ended_with_time",
                condition=Q(state="ended", ended_at__isnull=False) | (~Q(state="ended") & Q(ended_at__isnull=True)),
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def has_ended(self) -> bool:
        return self.state == self.State.ENDED


class SeatQuerySet(models.QuerySet["Seat"]):
    def running(self) -> "SeatQuerySet":
        """Return the seats of classes that have not ended."""
        return self.exclude(training__state=TrainingClass.State.ENDED)

    def joined(self) -> "SeatQuerySet":
        return self.filter(joined_at__isnull=False)


class Seat(models.Model):
    """One place in a class: a namespace, a team with one member, and the account that a trainee gets by joining."""

    training = models.ForeignKey(TrainingClass, on_delete=models.CASCADE, related_name="seats")
    number = models.PositiveSmallIntegerField()
    namespace = models.OneToOneField(
        "namespaces.Namespace", null=True, on_delete=models.SET_NULL, related_name="seat"
    )  # None after the class
    team = models.OneToOneField("portal.Team", null=True, on_delete=models.SET_NULL, related_name="seat")
    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="seat")
    first_name = models.CharField(max_length=LONGEST_NAME, blank=True)
    return_hash = models.CharField(max_length=64, blank=True)  # of the return code
    joined_at = models.DateTimeField(null=True)
    help_text = models.CharField(max_length=LONGEST_QUESTION, blank=True)
    help_at = models.DateTimeField(null=True)  # since when the trainee asks for help
    watched_at = models.DateTimeField(null=True)  # when the trainer last began to look over the shoulder

    objects = SeatQuerySet.as_manager()

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(name="seat_number_once", fields=["training", "number"]),
            models.CheckConstraint(name="seat_number_possible", condition=Q(number__gte=1, number__lte=MOST_SEATS)),
            models.CheckConstraint(
                name="seat_joined_with_name_and_code",
                condition=Q(joined_at__isnull=True, return_hash="", help_at__isnull=True)
                | (Q(joined_at__isnull=False) & ~Q(first_name="") & ~Q(return_hash="")),
            ),
            models.CheckConstraint(
                name="seat_question_with_time", condition=Q(help_text="") | Q(help_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number:02} {self.first_name}".strip()
