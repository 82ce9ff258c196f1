"""The bar on the pages of a trainee: seat, class, what the trainer tells it, and the request for help."""

import hashlib

from django.utils import timezone

from lab.actions.classes.access import is_offered, seat_of
from lab.actions.classes.looking import is_watched, note_opened
from portal.models import User
from portal.registry import ShellBar


def bar_on_page(user: User, opened: str) -> ShellBar | None:
    """Return the bar for a page, and remember which page a trainee has opened: without JavaScript, no bar reports it."""
    bar = bar_of(user)
    if bar is not None and opened:
        note_opened(bar.context["seat"], opened)
    return bar


def bar_of(user: User) -> ShellBar | None:
    """Return the bar of a trainee in a running class; None for everybody else."""
    seat = seat_of(user) if is_offered() else None
    if seat is None:
        return None
    watched = is_watched(seat, timezone.now())
    shown = (seat.training.message, seat.help_at, seat.help_text, watched)
    version = hashlib.sha256(repr(shown).encode()).hexdigest()[:16]
    context = {"seat": seat, "training": seat.training, "is_watched": watched, "version": version}
    return ShellBar("lab/seat_bar.html", context)
