"""Signing in and out."""

from typing import Any

from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from portal.activity import mark_first_sign_in
from portal.web.responses import local_url


@require_safe
def home(request: HttpRequest) -> HttpResponseBase:
    return redirect("namespaces:namespace_list")


class SignInForm(AuthenticationForm):
    """Django's form, with the label that the other pages use."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = "User name"


@method_decorator(login_not_required, name="dispatch")
class SignIn(LoginView):
    """The sign-in page. When a session has expired, an htmx request redirects the whole page here, and back afterwards."""

    template_name = "portal/sign_in.html"
    form_class = SignInForm
    redirect_authenticated_user = True

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        htmx: HtmxDetails = request.htmx  # type: ignore[attr-defined]
        if htmx and not htmx.boosted:
            back = local_url(request, _current_path(htmx))
            return HttpResponseClientRedirect(reverse("portal:sign_in", query={"next": back}))
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        mark_first_sign_in(form.get_user())
        return super().form_valid(form)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponseBase:
    logout(request)
    return redirect("portal:sign_in")


def _current_path(htmx: HtmxDetails) -> str | None:
    """Return the path of the page that sent an htmx request; None if its header is malformed."""
    try:
        return htmx.current_url_abs_path
    except ValueError:
        return None
