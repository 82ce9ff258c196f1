"""The choice of light or dark."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.views.decorators.http import require_POST
from django_htmx.middleware import HtmxDetails

from portal.web.responses import local_url
from portal.web.shell_context import THEME_COOKIE, THEMES

THEME_SECONDS = 365 * 24 * 3600


@login_not_required
@require_POST
def theme(request: HttpRequest) -> HttpResponseBase:
    """Store light, dark or the system's choice in a cookie, so that the server renders the right theme at once."""
    htmx: HtmxDetails = request.htmx  # type: ignore[attr-defined]
    # Not `redirect`: it takes a text without a slash for the name of a view.
    back = HttpResponseRedirect(local_url(request, request.POST.get("next")))
    response: HttpResponse = HttpResponse(status=204) if htmx else back
    chosen = request.POST.get("theme", "")
    if chosen in {value for value, _, _ in THEMES} - {"system"}:
        response.set_cookie(THEME_COOKIE, chosen, max_age=THEME_SECONDS, samesite="Lax", secure=request.is_secure())
    else:
        response.delete_cookie(THEME_COOKIE, samesite="Lax")
    return response
