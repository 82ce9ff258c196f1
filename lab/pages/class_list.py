"""The classes of the portal, and the entry in the menu of its home."""

from dataclasses import dataclass

from django.db.models import Count, Q

from lab.actions.classes.access import is_offered
from lab.models import TrainingClass
from portal.models import User
from portal.registry import ShellItem

MOST_LISTED = 100


@dataclass(frozen=True)
class ListedClass:
    """A class with the number of its seats and of those that are taken."""

    training: TrainingClass
    seats: int
    joined: int


def listed_classes() -> list[ListedClass]:
    """Return the newest classes, those that run first."""
    joined = Count("seats", filter=Q(seats__joined_at__isnull=False))
    rows = TrainingClass.objects.select_related("trainer").annotate(of_seats=Count("seats"), of_joined=joined)
    found = [ListedClass(row, row.of_seats, row.of_joined) for row in rows[:MOST_LISTED]]
    return sorted(found, key=lambda each: each.training.has_ended)


def _may_hold(user: User) -> bool:
    return user.is_superuser and is_offered()


HOME = ShellItem("Learn", "Class", "presentation", "classes:class_list", order=320, is_shown=_may_hold)
