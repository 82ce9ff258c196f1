"""Where each trainee is in the lab, and the classes they are in."""

from lab.models.classes import Seat, TrainingClass
from lab.models.progress import Enrolment, Progress

__all__ = ["Enrolment", "Progress", "Seat", "TrainingClass"]
