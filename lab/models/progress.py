"""Progress of people in the exercises. Exercises are files, so rows refer to them by their slug."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q


class Enrolment(models.Model):
    """A person's place in the lab: the namespace that the exercises use, and the exercise being worked on."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="lab_enrolment")
    namespace = models.ForeignKey("namespaces.Namespace", null=True, on_delete=models.SET_NULL, related_name="+")
    exercise = models.SlugField(max_length=60, blank=True, default="")  # "" until the first exercise is begun
    is_running = models.BooleanField(default=False)  # the panel is shown beside every page
    is_folded = models.BooleanField(default=False)  # to the rail of 44 pixels

    def __str__(self) -> str:
        return f"{self.user}: {self.exercise or 'not begun'}"


class Progress(models.Model):
    """One exercise of one person in one namespace, from its beginning."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="lab_progress")
    namespace = models.ForeignKey("namespaces.Namespace", on_delete=models.CASCADE, related_name="lab_progress")
    exercise = models.SlugField(max_length=60)
    started_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)
    skipped_at = models.DateTimeField(null=True, blank=True)
    shown_at = models.DateTimeField(null=True, blank=True)  # the portal did the step for the trainee
    hints_opened = models.PositiveSmallIntegerField(default=0)
    passed: Any = models.JSONField(default=dict, blank=True)  # key of a check → when it was first true, in ISO 8601
    facts: Any = models.JSONField(default=dict, blank=True)  # public facts of the start, such as names and thumbprints
    met: Any = models.JSONField(default=dict, blank=True)  # code of a refusal → when it last came up, in ISO 8601
    wrong_turn = models.CharField(max_length=60, blank=True, default="")  # the last one, by its code
    wrong_turn_at = models.DateTimeField(null=True, blank=True)
    wrong_turn_facts: Any = models.JSONField(default=dict, blank=True)  # names of files and certificates, never content

    class Meta:
        ordering = ["started_at", "pk"]
        constraints = [
            models.UniqueConstraint(name="exercise_once", fields=["user", "namespace", "exercise"]),
            models.CheckConstraint(
                name="wrong_turn_with_time",
                condition=Q(wrong_turn="") | Q(wrong_turn_at__isnull=False),
            ),
        ]
        indexes = [models.Index(name="lab_progress_in_place", fields=["namespace", "user"])]

    def __str__(self) -> str:
        return f"{self.user}: {self.exercise}"
