"""Sessions end when they have not been used for a while, and a while after signing in."""

import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY, logout
from django.http import HttpRequest, HttpResponse

from portal.models import User
from portal.sign_in.sessions import mark_seen

SIGNED_IN_AT, SEEN_AT = "signed_in_at", "seen_at"  # in the session; seconds since 1970
MARKED_EVERY = 60  # seconds: a session is written that often while it is used
# Elements that ask for news without their user: a page left open does not keep its session alive.
POLLING_ELEMENTS = frozenset(
    {
        *("bell", "live", "newer", "sync-poll", "overview", "namespaces", "sync-figures", "comparison", "rollover"),
        *("import-poll", "attempts-came", "export-progress"),
        *("class-board", "seat-bar", "seat-look", "device-live", "decision-state"),
        *("lab-poll", "progress-notice", "change-set-steps", "list-poll"),
    }
)


class SessionLimitsMiddleware:
    """Ends sessions that are over, and notes when one is used."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if _is_signed_in(request) and is_over(request.session, time.time()):
            logout(request)
        return self._get_response(request)

    def process_view(self, request: HttpRequest, *_: Any) -> None:
        if not _is_signed_in(request) or request.headers.get("HX-Trigger", "") in POLLING_ELEMENTS:
            return
        now = time.time()
        if now - request.session.get(SEEN_AT, 0) >= MARKED_EVERY and isinstance(request.user, User):
            request.session.setdefault(SIGNED_IN_AT, now)
            request.session[SEEN_AT] = now
            mark_seen(request, request.user)


def is_over(session: Any, now: float) -> bool:
    """Return whether a session is over. One without times began before there were limits."""
    idle = now - session.get(SEEN_AT, now)
    age = now - session.get(SIGNED_IN_AT, now)
    return bool(idle > settings.SESSION_IDLE_SECONDS or age > settings.SESSION_LONGEST_SECONDS)


def begin_session(request: HttpRequest, **_: Any) -> None:
    """Note when a user has signed in; Django calls this at each sign-in."""
    request.session[SIGNED_IN_AT] = request.session[SEEN_AT] = time.time()


def _is_signed_in(request: HttpRequest) -> bool:
    """Return whether the request has a session of a user; without a cookie the database is not asked."""
    return settings.SESSION_COOKIE_NAME in request.COOKIES and SESSION_KEY in request.session
