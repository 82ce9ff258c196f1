"""Show users their own changes at once, although numbers are kept for a moment (`portal.short_cache`)."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from portal.short_cache import Use, short_cache
from portal.sign_in.session_limits import POLLING_ELEMENTS

COOKIE = "changed"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class OwnChangesMiddleware:
    """Marks a browser that has sent a change, and lets all others read kept numbers.

    The mark lasts twice as long as a number is kept, so one that was counted just before the change expires before it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method in _SAFE:
            with short_cache(Use.ONLY_WRITE if COOKIE in request.COOKIES else Use.READ):
                return self._get_response(request)
        response = self._get_response(request)
        is_poll = request.headers.get("HX-Trigger", "") in POLLING_ELEMENTS  # the lab's watches: not the user's change
        if settings.SHORT_CACHE_SECONDS and not is_poll:
            response.set_cookie(
                COOKIE,
                "1",
                max_age=2 * settings.SHORT_CACHE_SECONDS,
                httponly=True,
                samesite="Lax",
                secure=request.is_secure(),
            )
        return response
