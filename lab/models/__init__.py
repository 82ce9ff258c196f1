"""Where each trainee is in the lab."""

from lab.models.progress import Enrolment, Progress

__all__ = ["Enrolment", "Progress"]
