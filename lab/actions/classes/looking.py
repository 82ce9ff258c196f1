"""Look over the shoulder of a trainee: in the trainer's own session, seen by the trainee, and in the activity log of the seat."""

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from lab.actions.classes.changes import running
from lab.actions.classes.errors import ClassError
from lab.models import Seat
from portal import activity
from portal.models import User

LOOKS_FOR = timedelta(minutes=10)  # then the trainer has to begin again


def is_watched(seat: Seat, now: datetime) -> bool:
    """Return whether a trainer looks at the seat now."""
    return seat.watched_at is not None and seat.watched_at > now - LOOKS_FOR


def begin_to_look(actor: User, *, seat: Seat) -> None:
    """Let the trainer see what the trainee does, for ten minutes. The trainee sees it at once. Raise ClassError."""
    with transaction.atomic(durable=True):
        running(actor, seat.training)
        if not Seat.objects.joined().filter(pk=seat.pk).update(watched_at=timezone.now()):
            raise ClassError("", "free", "Nobody sits here yet.")
        _record(actor, seat, "Look over the shoulder")


def end_look(actor: User, *, seat: Seat) -> None:
    with transaction.atomic(durable=True):
        running(actor, seat.training)
        if Seat.objects.filter(pk=seat.pk, watched_at__isnull=False).update(watched_at=None):
            _record(actor, seat, "Stop looking over the shoulder")


def _record(actor: User, seat: Seat, verb: str) -> None:
    namespace = seat.namespace
    activity.record(
        actor,
        verb=verb,
        kind="lab.seat",
        object_pk=seat.pk,
        object_name=f"Seat {seat}",
        scope=namespace.pk if namespace else None,
        scope_name=namespace.name if namespace else "",
    )
