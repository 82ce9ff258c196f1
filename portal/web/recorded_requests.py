"""Record what leaves no other trace in the activity log: downloads, and changes that were denied."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from portal.activity import DENIED, DOWNLOADS, record
from portal.evidence import origin
from portal.models import Activity, User
from portal.web.export_progress import ASKED_BY

Response = TypeVar("Response", bound=HttpResponseBase)

SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
DENIED_ONCE_IN = timedelta(minutes=1)  # a repeated attempt of one person at one page is one entry
LONGEST_FILTER = 500  # characters
_FILE_NAME = re.compile(r'attachment(?:.*filename="?([^";]+))?', re.IGNORECASE)


def mark_as_download(response: Response, file_name: str) -> Response:
    """Have a page recorded as a download, because it contains a file."""
    response.download_name = file_name  # type: ignore[attr-defined]
    return response


class DownloadsMiddleware:
    """Adds an entry for each file that a user downloads, before its first byte is sent."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        name = _download_name(response)
        user = getattr(request, "user", None)
        if name and request.method != "HEAD" and response.status_code == 200 and isinstance(user, User):
            came_from = origin.current()
            record(
                user,
                verb="Download",
                kind=DOWNLOADS,
                object_pk=None,
                object_name=name[:160],
                scope=came_from.scope,
                scope_name=came_from.scope_name,
                after={"page": _page_of(request), "filter": _filter_of(request)},
            )
        return response


def _download_name(response: HttpResponseBase) -> str:
    marked: str = getattr(response, "download_name", "")
    found = _FILE_NAME.match(response.headers.get("Content-Disposition", ""))
    return marked or ((found[1] or "file") if found else "")


def record_denied(request: HttpRequest, reason: str) -> None:
    """Add an entry for a change that the user may not make. Pages that were only asked for are none."""
    user = getattr(request, "user", None)
    if request.method in SAFE or not isinstance(user, User):
        return
    came_from = origin.current()
    match = request.resolver_match
    about: dict[str, Any] = {
        "kind": DENIED,
        "object_name": str(match.kwargs.get("name", ""))[:160] if match else "",
        "scope": came_from.scope,
        "scope_name": came_from.scope_name,
        "after": {"page": _page_of(request)},
    }
    recently = timezone.now() - DENIED_ONCE_IN
    if not Activity.objects.filter(actor=user, at__gt=recently, **about).exists():
        record(user, verb="Denied", object_pk=None, reason=reason, **about)


def _filter_of(request: HttpRequest) -> str:
    """Return what narrows and orders the rows of the file."""
    asked = request.GET.copy()
    asked.pop(ASKED_BY, None)
    return asked.urlencode()[:LONGEST_FILTER]


def _page_of(request: HttpRequest) -> str:
    """Return the name of the page. Its address may contain a secret, such as a token."""
    return request.resolver_match.view_name if request.resolver_match else ""
