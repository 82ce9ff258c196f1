"""The notifications and the bell in the top bar that counts them."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HTMX_STOP_POLLING

from portal.activity import mark_seen
from portal.pages.bell import ALL, VIEWS, recent
from portal.registry import bell_lines
from portal.web.responses import PageRequest


@require_safe
def notifications(request: PageRequest) -> HttpResponse:
    """Return the newest notices, changes and failures, in the pane or as a page."""
    asked = request.GET.get("show", "")
    view = asked if asked in dict(VIEWS) else ALL
    entries = recent(request.user, view)
    context = {
        "view": view,
        "views": VIEWS,
        "entries": entries,
        "newest": max((entry.newest for entry in entries), default=None),
        "lines": bell_lines(request.user),
        "any_unread": view == ALL and any(entry.is_unread for entry in entries),
    }
    in_pane = bool(request.htmx) and not request.htmx.boosted
    response = render(request, "portal/notifications.html#pane" if in_pane else "portal/notifications.html", context)
    patch_vary_headers(response, ["HX-Request"])
    return response


@require_POST
def notifications_seen(request: PageRequest) -> HttpResponseBase:
    """Mark everything up to `until` as read."""
    try:
        until = parse_datetime(request.POST.get("until", ""))
    except ValueError:
        until = None
    mark_seen(request.user, until if until and until.tzinfo else None)
    if request.htmx:
        return render(request, "portal/notifications_seen.html")
    return redirect("portal:notifications")


@login_not_required
@require_safe
def bell(request: HttpRequest) -> HttpResponse:
    """Return the bell with its count, or end its polling once the user has signed out."""
    if not request.user.is_authenticated:
        return HttpResponse(status=HTMX_STOP_POLLING)
    return render(request, "portal/bell.html")
