"""The home page across namespaces, and *Drop any certificate: would it connect?* on it."""

from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe
from django_htmx.http import reswap, retarget

from certificates.forms.authentication_trace import PresentedForm
from certificates.pages.certificate_check import (
    KEPT_AS,
    MOST_KEPT,
    CheckedCertificate,
    LastChecked,
    check_certificate,
    kept_of,
    last_checked,
)
from namespaces.access import may_connect, visible_namespaces, with_rights
from namespaces.connections.attempts import has_connection_log
from namespaces.models import Namespace
from namespaces.pages.control.change_set_list import waiting_for_person
from namespaces.pages.history import recent_in
from namespaces.pages.home.figures import namespace_rows, tiles
from namespaces.pages.home.gathered import gather
from namespaces.pages.home.needs import DEFAULT_WHOSE, WHOSE, narrowed, needs_of
from portal.web.responses import PageRequest, render_page


@require_safe
def home(request: PageRequest) -> HttpResponse:
    """Show what needs the person, the figures and the namespaces. `whose`: whose needs, a key of `WHOSE`."""
    now, namespaces = timezone.now(), _namespaces(request)
    whose = WHOSE.get(request.GET.get("whose", ""), WHOSE[DEFAULT_WHOSE])
    gathered = gather(namespaces, at=now)
    looked_at = gathered
    if whose.code != DEFAULT_WHOSE:
        looked_at = gather(narrowed(namespaces, whose, request.user), at=now)
    context = {
        "whose": whose,
        "choices": WHOSE.values(),
        "needs": needs_of(looked_at, at=now),
        "tiles": tiles(gathered, at=now),
        "rows": namespace_rows(gathered, at=now),
        "recent": recent_in(gathered.sight),
        "has_log": has_connection_log(),
        "may_connect": may_connect(request.user),
        "form": PresentedForm(),
        "last": _last(request, namespaces),
        "waiting": waiting_for_person(request.user, namespaces, at=now),
    }
    partial = "needs" if "whose" in request.GET else ""
    return render_page(request, "home/home.html", context, partial=partial)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def certificate_check(request: PageRequest) -> HttpResponse:
    """Check a certificate against every namespace of the person. Nothing of it is stored; the session keeps the ticks."""
    namespaces, checked, status = _namespaces(request), None, 200
    form = PresentedForm(request.POST, request.FILES) if request.method == "POST" else PresentedForm()
    if request.method == "POST":
        if form.is_valid() and form.presented is not None:
            checked = check_certificate(namespaces, form.presented, at=timezone.now())
            _keep(request, checked)
        else:
            status = 422
    before = _last(request, namespaces)[1 if checked is not None else 0 :]  # without the one that is shown in full
    context: dict[str, Any] = {"form": form, "checked": checked, "last": before}
    if status == 422:
        answer = render_page(request, "home/certificate_check.html", context, partial="form", status=status)
        return reswap(retarget(answer, "#check-form"), "outerHTML")  # each error is shown at its field
    return render_page(request, "home/certificate_check.html", context, partial="result")


def _namespaces(request: PageRequest) -> list[Namespace]:
    return with_rights(request.user, visible_namespaces(request.user))


def _keep(request: PageRequest, checked: CheckedCertificate | None) -> None:
    if checked is not None:
        request.session[KEPT_AS] = [kept_of(checked), *request.session.get(KEPT_AS, [])][:MOST_KEPT]


def _last(request: PageRequest, namespaces: list[Namespace]) -> list[LastChecked]:
    return last_checked(request.session.get(KEPT_AS, []), namespaces)
