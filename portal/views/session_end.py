"""What a page asks when its session has ended, so that it can go on in a new one."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


@login_not_required
@never_cache
@require_safe
def session_state(request: HttpRequest) -> HttpResponseBase:
    """Return the number of the signed-in user, or null, and the token that forms of this session send."""
    return JsonResponse({"user": request.user.pk, "csrf_token": get_token(request)})


@require_safe
def signed_in_again(request: HttpRequest) -> HttpResponse:
    """Show that sign-in succeeded, in the window that a page opened for it."""
    return render(request, "account/signed_in_again.html")
