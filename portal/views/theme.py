"""The choice of light or dark."""

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.views.decorators.http import require_POST
from django_htmx.middleware import HtmxDetails

from portal.web.responses import local_url
from portal.web.shell_context import THEMES

THEME_SECONDS = 365 * 24 * 3600


@login_not_required
@require_POST
def theme(request: HttpRequest) -> HttpResponseBase:
    """Store light, dark or the system's choice in a cookie, so that the server renders the right theme at once."""
    htmx: HtmxDetails = request.htmx  # type: ignore[attr-defined]
    # Not `redirect`: it takes a text without a slash for the name of a view.
    back = HttpResponseRedirect(local_url(request, request.POST.get("next")))
    response: HttpResponse = HttpResponse(status=204) if htmx else back
    chosen, name = request.POST.get("theme", ""), settings.THEME_COOKIE_NAME
    if chosen in {value for value, _, _ in THEMES} - {"system"}:
        secure = request.is_secure()
        response.set_cookie(name, chosen, max_age=THEME_SECONDS, samesite="Lax", secure=secure)
    else:
        response.delete_cookie(name, samesite="Lax")
    return response
