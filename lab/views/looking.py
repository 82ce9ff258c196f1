"""Look over the shoulder of a trainee: begun by a POST, then read by GET only."""

import re
from collections.abc import Callable
from copy import copy
from http import HTTPStatus
from typing import Any, Protocol, TypeVar, cast
from urllib.parse import urlsplit

from csp.decorators import csp_replace, csp_update
from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase, QueryDict
from django.urls import ResolverMatch
from django.utils import timezone
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from lab.actions.classes.access import get_class, get_seat
from lab.actions.classes.errors import ClassError
from lab.actions.classes.looking import begin_to_look, end_look, is_watched, screen_of
from lab.pages.seat_look import look_at
from lab.pages.seat_screen import page_of
from portal.web.responses import PageRequest, go_to, render_page

View = TypeVar("View", bound=Callable[..., HttpResponseBase])


class Decorator(Protocol):
    """django-csp types its decorators for views without arguments; they take every view."""

    def __call__(self, view: View, /) -> View: ...


with_a_frame = cast(Decorator, csp_update({"frame-src": ["'self'"]}))
in_a_sandbox = cast(Decorator, csp_update({"sandbox": ["allow-same-origin"]}))
in_our_frame = cast(Decorator, csp_replace({"frame-ancestors": ["'self'"]}))
AUTOFOCUS = re.compile(rb"(<[^<>]*)\sautofocus(?=[\s>])")
SCRIPTS = re.compile(rb"<script\b[^>]*></script>")


@with_a_frame
@require_http_methods(["GET", "HEAD", "POST"])
def seat_look(request: PageRequest, training: int, seat: int) -> HttpResponseBase:
    """Show what the trainee has done; before that, say that the trainee sees it, and begin by POST."""
    found = get_class(request.user, training, is_running=True)
    place = get_seat(found, seat)
    if request.method == "POST":
        try:
            begin_to_look(request.user, seat=place)
        except ClassError as refusal:
            messages.error(request, refusal.sentence)
            return go_to(request, "classes:class_board", found.pk)
        return go_to(request, "classes:seat_look", found.pk, place.number)
    context = {"training": found, "seat": place, "menu_current": "classes:class_list"}
    if is_watched(place, timezone.now()):
        context["look"] = look = look_at(place)
        if request.htmx and request.GET.get("seen") == look.version:
            return HttpResponse(status=HTTPStatus.NO_CONTENT)
    return render_page(request, "lab/seat_look.html", context, partial="look")


@xframe_options_sameorigin
@in_a_sandbox
@in_our_frame
@require_safe
def seat_screen(request: PageRequest, training: int, seat: int) -> HttpResponseBase:
    """Show the page that the trainee sees, read by GET in the trainer's own session. Its scripts and forms do nothing."""
    place = get_seat(get_class(request.user, training, is_running=True), seat)
    path = screen_of(place) if is_watched(place, timezone.now()) else ""
    match = page_of(place, path)
    if match is None:
        return HttpResponse(
            status=HTTPStatus.NO_CONTENT
        )  # the trainee has just left it, or the trainer stopped looking
    try:
        shown: Any = match.func(_as_asked_for(request, path, match), *match.args, **match.kwargs)
    except Http404:  # of a row that is gone, for the trainee too
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    if shown.status_code != HTTPStatus.OK or not shown.get("Content-Type", "").startswith("text/html"):
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    # The frame runs no script and takes no focus; a browser would complain about each attempt.
    shown.content = AUTOFOCUS.sub(rb"\1", SCRIPTS.sub(b"", shown.content))
    response: HttpResponseBase = shown
    return response


def _as_asked_for(request: PageRequest, path: str, match: ResolverMatch) -> PageRequest:
    """Return the request as if it had asked for this path."""
    asked, parts = copy(request), urlsplit(path)
    asked.path = asked.path_info = parts.path
    asked.META = request.META | {"QUERY_STRING": parts.query, "PATH_INFO": parts.path}
    asked.GET = QueryDict(parts.query)
    asked.resolver_match = match
    return asked


@require_POST
def seat_look_end(request: PageRequest, training: int, seat: int) -> HttpResponseBase:
    found = get_class(request.user, training, is_running=True)
    place = get_seat(found, seat)
    end_look(request.user, seat=place)
    return go_to(request, "classes:class_board", found.pk)
