"""Pages of the shell: signing in, the account, search, the bell, the theme, and what goes wrong."""

from itertools import groupby
from typing import Any

from django.contrib import messages
from django.contrib.auth import logout, update_session_auth_hash
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.dateparse import parse_datetime
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe
from django_htmx.http import HTMX_STOP_POLLING, HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from portal.listing import whole_number
from portal.pages.bell import begin, mark_seen, recent
from portal.registry import SearchHit, held_roles, search
from portal.web.access_denied import Denied
from portal.web.request_ids import request_id_of
from portal.web.responses import PageRequest
from portal.web.shell_context import THEME_COOKIE, THEMES

THEME_SECONDS = 365 * 24 * 3600
MOST_QUICK_HITS = 10
MOST_HITS = 200
MOST_QUERY = 200


@require_safe
def home(request: HttpRequest) -> HttpResponseBase:
    return redirect("namespaces:namespace_list")


class SignInForm(AuthenticationForm):
    """Django's, in the words of the other pages."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = "User name"


@method_decorator(login_not_required, name="dispatch")
class SignIn(LoginView):
    """The sign-in page. A partial that meets an ended session takes the whole page here, and back afterwards."""

    template_name = "portal/sign_in.html"
    form_class = SignInForm
    redirect_authenticated_user = True

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        htmx: HtmxDetails = request.htmx  # type: ignore[attr-defined]
        if htmx and not htmx.boosted:
            back = _local(request, htmx.current_url_abs_path)
            return HttpResponseClientRedirect(reverse("portal:sign_in", query={"next": back}))
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        begin(form.get_user())
        return super().form_valid(form)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponseBase:
    logout(request)
    return redirect("portal:sign_in")


def _local(request: HttpRequest, url: str | None) -> str:
    """`url` when it leads back into this portal, else the home page."""
    hosts = {request.get_host()}
    if url and url_has_allowed_host_and_scheme(url, allowed_hosts=hosts, require_https=request.is_secure()):
        return url
    return reverse("portal:home")


@require_GET
def account(request: PageRequest) -> HttpResponse:
    return _account(request, PasswordChangeForm(request.user))


def _account(request: PageRequest, form: PasswordChangeForm, status: int = 200) -> HttpResponse:
    return render(request, "portal/account.html", {"form": form, "roles": held_roles(request.user)}, status=status)


@require_POST
def password_change(request: PageRequest) -> HttpResponseBase:
    form = PasswordChangeForm(request.user, request.POST)
    if not form.is_valid():
        return _account(request, form, status=422)
    form.save()
    update_session_auth_hash(request, request.user)
    messages.success(request, "Your password is changed. Other browsers are signed out.")
    return redirect("portal:account")


@login_not_required
@require_POST
def theme(request: HttpRequest) -> HttpResponseBase:
    """Remember light, dark or the system's choice in a cookie, so that the first paint is already right."""
    htmx: HtmxDetails = request.htmx  # type: ignore[attr-defined]
    response: HttpResponse = HttpResponse(status=204) if htmx else redirect(_local(request, request.POST.get("next")))
    chosen = request.POST.get("theme", "")
    if chosen in {value for value, _, _ in THEMES} - {"system"}:
        response.set_cookie(THEME_COOKIE, chosen, max_age=THEME_SECONDS, samesite="Lax", secure=request.is_secure())
    else:
        response.delete_cookie(THEME_COOKIE, samesite="Lax")
    return response


@require_GET
def search_page(request: PageRequest) -> HttpResponse:
    """What the person may see of what matches: a short list under the box for htmx, else the whole page."""
    query = request.GET.get("q", "").replace("\x00", "").strip()[:MOST_QUERY]
    namespace_pk = whole_number(request.GET.get("namespace", ""))
    quick = bool(request.htmx) and not request.htmx.boosted
    limit = MOST_QUICK_HITS if quick else MOST_HITS
    hits: list[SearchHit] = []
    for hit in search(request.user, query, namespace_pk):
        hits.append(hit)
        if len(hits) > limit:
            break
    context = {
        "search_query": query,
        "search_namespace": namespace_pk,
        "groups": [(kind, list(found)) for kind, found in groupby(hits[:limit], key=lambda hit: hit.kind)],
        "count": len(hits[:limit]),
        "more": len(hits) > limit,
    }
    response = render(request, "portal/search.html#quick" if quick else "portal/search.html", context)
    patch_vary_headers(response, ["HX-Request"])
    return response


@require_GET
def notifications(request: PageRequest) -> HttpResponse:
    """The newest changes and failures, in the pane or as a page."""
    entries = recent(request.user)
    context = {
        "entries": entries,
        "newest": max((moment for row, _ in entries for moment in (row.at, row.settled_at) if moment), default=None),
        "any_unread": any(unread for _, unread in entries),
    }
    in_pane = bool(request.htmx) and not request.htmx.boosted
    response = render(request, "portal/notifications.html#pane" if in_pane else "portal/notifications.html", context)
    patch_vary_headers(response, ["HX-Request"])
    return response


@require_POST
def notifications_seen(request: PageRequest) -> HttpResponseBase:
    """The list has been read up to `until`."""
    try:
        until = parse_datetime(request.POST.get("until", ""))
    except ValueError:
        until = None
    mark_seen(request.user, until if until and until.tzinfo else None)
    if request.htmx:
        return render(request, "portal/notifications_seen.html")
    return redirect("portal:notifications")


@login_not_required
@require_GET
def bell(request: HttpRequest) -> HttpResponse:
    """The bell with its count. To one who has signed out it says so and ends its polling."""
    if not request.user.is_authenticated:
        return HttpResponse(status=HTMX_STOP_POLLING)
    return render(request, "portal/bell.html")


@require_http_methods(["GET", "POST"])
def styleguide(request: PageRequest) -> HttpResponse:
    """Every piece on one page; only where DEBUG is on."""
    from portal.pages.styleguide import samples

    return render(request, "portal/styleguide.html", samples())


def _trouble(request: HttpRequest, status: int, sentence: str, next_step: str) -> HttpResponse:
    """A page that says what is wrong and what to do; to htmx a toast, so that the page with its form stays."""
    context = {"status": status, "sentence": sentence, "next_step": next_step}
    htmx = getattr(request, "htmx", None)
    if not htmx or htmx.boosted:
        return render(request, "portal/trouble.html", context, status=status)
    response = render(
        request, "components/toast.html", {"kind": "error", "text": f"{sentence} {next_step}"}, status=status
    )
    response["HX-Retarget"] = "#toasts"
    response["HX-Reswap"] = "beforeend"
    return response


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _trouble(
        request, 400, "The portal could not read this request.", "Go back, reload the page and try once more."
    )


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _trouble(
        request,
        403,
        "This form is too old, or it came from another site, so nothing was changed.",
        "Reload the page and send it again.",
    )


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    sentence = str(exception) if exception and str(exception) else "Your role does not allow this."
    next_step = exception.next_step() if isinstance(exception, Denied) else "Ask an Owner of the namespace for it."
    return _trouble(request, 403, sentence, next_step)


def page_not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    said = exception.args[0] if exception and exception.args and isinstance(exception.args[0], str) else ""
    return _trouble(
        request,
        404,
        said or "There is nothing at this address.",
        "It may be gone, or it may be somewhere you have no role. Ask an Owner, or start from the list of namespaces.",
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """Nothing here may lean on what just broke: no database, no session, no context processor."""
    from django.template import loader

    page = loader.get_template("portal/broken.html").render({"request_id": request_id_of(request)})
    return HttpResponse(page, status=500)
