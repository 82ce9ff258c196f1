"""The icon of the site."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.templatetags.static import static
from django.views.decorators.http import require_safe


@login_not_required
@require_safe
def favicon(request: HttpRequest) -> HttpResponseBase:
    """Redirect programs that ask for the icon at its traditional address."""
    return HttpResponseRedirect(static("portal/icon.svg"))
