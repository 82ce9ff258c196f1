"""Signing in and out."""

from http import HTTPStatus
from typing import Any

from allauth.account.views import LoginView
from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from portal.demo.accounts import are_offered, demo_accounts, password_of
from portal.sign_in import records
from portal.sign_in.forms import SignInForm
from portal.web.responses import PageRequest, local_url


@require_safe
def home(request: HttpRequest) -> HttpResponseBase:
    return redirect("home:home")


@method_decorator(login_not_required, name="dispatch")
class SignIn(LoginView):
    """The sign-in page. When a session has expired, an htmx request redirects the whole page here, and back afterwards."""

    form_class = SignInForm
    template_name = "account/login.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        htmx: HtmxDetails = request.htmx  # type: ignore[attr-defined]
        if htmx and not htmx.boosted:
            back = local_url(request, _current_path(htmx))
            return HttpResponseClientRedirect(reverse("portal:sign_in", query={"next": back}))
        answer: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return answer

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        accounts = demo_accounts() if are_offered(self.request) else []
        return context | {
            "single_sign_on": settings.SINGLE_SIGN_ON,
            "local_accounts": settings.LOCAL_ACCOUNTS,
            "demo_accounts": accounts,
        }

    def form_invalid(self, form: SignInForm) -> HttpResponse:
        """Answer 422, or 429 with the time to wait where a rate limit refused the attempt."""
        response: HttpResponse = super().form_invalid(form)
        response.status_code = HTTPStatus.UNPROCESSABLE_ENTITY
        for error in form.non_field_errors().as_data():
            if error.code == "too_many_login_attempts":
                response.status_code = HTTPStatus.TOO_MANY_REQUESTS
                response.headers["Retry-After"] = str((error.params or {})["seconds"])
        return response


@method_decorator(login_not_required, name="dispatch")
class DemoSignIn(SignIn):
    """Sign in to an account of the demo with one click: with its password, as if it was typed."""

    http_method_names = ["post"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not are_offered(request):
            raise Http404("Accounts are only offered by a demo on this machine.")
        return super().dispatch(request, *args, **kwargs)

    def get_form_kwargs(self) -> dict[str, Any]:
        username = self.request.POST.get("account", "")
        password = password_of(username)
        if password is None:
            raise Http404("The demo has no such account.")
        kwargs: dict[str, Any] = super().get_form_kwargs()
        return kwargs | {"data": {"username": username, "password": password}}


@require_POST
def sign_out(request: PageRequest) -> HttpResponseBase:
    records.note("signed_out", request.user, request)
    logout(request)
    return redirect("portal:sign_in")


def _current_path(htmx: HtmxDetails) -> str | None:
    """Return the path of the page that sent an htmx request; None if its header is malformed."""
    try:
        return htmx.current_url_abs_path
    except ValueError:
        return None
