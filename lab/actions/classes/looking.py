"""Look over the shoulder of a trainee: in the trainer's own session, seen by the trainee, and in the activity log of the seat."""

from datetime import datetime, timedelta

from django.core.cache import cache
from django.db import transaction
from django.utils import timezone

from lab.actions.classes.changes import running
from lab.actions.classes.errors import ClassError
from lab.models import Seat
from portal import activity
from portal.models import User

LOOKS_FOR = timedelta(minutes=10)  # then the trainer has to begin again
SCREEN_LASTS = timedelta(seconds=30)  # without a word from the trainee's browser, which calls every 5 seconds
LONGEST_PATH = 1000  # characters


def is_watched(seat: Seat, now: datetime) -> bool:
    """Return whether a trainer looks at the seat now."""
    return seat.watched_at is not None and seat.watched_at > now - LOOKS_FOR


def note_screen(seat: Seat, path: str) -> None:
    """Remember which page is on the trainee's screen, while the trainer looks and no longer. Nothing is stored in the database."""
    _note(seat, path, SCREEN_LASTS)


def note_opened(seat: Seat, path: str) -> None:
    """Remember which page the trainee has opened, for the rest of the look: the first report of the browser replaces it."""
    _note(seat, path, LOOKS_FOR)


def _note(seat: Seat, path: str, lasts: timedelta) -> None:
    if is_watched(seat, timezone.now()):
        cache.set(_screen_key(seat), path[:LONGEST_PATH], lasts.total_seconds())


def screen_of(seat: Seat) -> str:
    """Return the path of the page on the trainee's screen, or "" while it is not known."""
    return str(cache.get(_screen_key(seat)) or "")


def _screen_key(seat: Seat) -> str:
    """Return the key for this look: another one begins without what was on the screen before."""
    since = seat.watched_at.isoformat() if seat.watched_at is not None else ""
    return f"seat-screen:{seat.pk}:{since}"


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
