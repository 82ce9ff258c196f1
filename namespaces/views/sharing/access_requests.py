"""Ask for access: on a page that refused, or by the name of a namespace; and the Owners' answer."""

from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from namespaces.access import get_namespace
from namespaces.actions.access_requests import (
    ask_by_name,
    ask_for_access,
    decline_request,
    grant_request,
    withdraw_request,
)
from namespaces.forms.access_requests import AccessByNameForm, AccessRequestForm
from namespaces.models import AccessRequest, Role
from namespaces.pages.sharing.access_requests import requests_of
from namespaces.rights import Verb
from namespaces.rules.errors import RuleError
from namespaces.views.context import namespace_context
from portal.models import User
from portal.web.responses import PageRequest, go_to, render_page

BY_NAME = "namespaces:access_ask_by_name"


@require_http_methods(["GET", "HEAD", "POST"])
def access_ask(request: PageRequest, pk: int) -> HttpResponseBase:
    """Ask the Owners of a namespace for a role. The page that refused links here, with the role that it takes."""
    namespace = get_namespace(request.user, pk, Verb.READ)
    asked = request.GET.get("role", "")
    initial = {"role": asked if asked in Role.values else Role.CONTRIBUTOR}
    form = AccessRequestForm(request.POST if request.method == "POST" else None, initial=initial)
    if form.is_valid():
        values = {"role": Role(form.cleaned_data["role"]), "reason": form.cleaned_data["reason"]}
        try:
            ask_for_access(request.user, namespace=namespace, **values)
        except RuleError as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, f"The Owners of {namespace.name} have been asked.", extra_tags="access-asked")
            return go_to(request, "namespaces:role_list", pk)
    mine = requests_of(request.user, namespace=namespace)
    context = namespace_context(request, namespace, form=form, mine=mine, menu_current="namespaces:role_list")
    status = 422 if form.is_bound else 200
    return render_page(request, "namespaces/access_ask.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
def access_ask_by_name(request: PageRequest) -> HttpResponseBase:
    """Ask for a role by the name of a namespace, and list what one has asked for. Whether there is such a namespace stays unsaid."""
    initial = {"name": request.GET.get("name", "")[:50]}
    form = AccessByNameForm(request.POST if request.method == "POST" else None, initial=initial)
    if form.is_valid():
        cleaned = form.cleaned_data
        try:
            ask_by_name(request.user, name=cleaned["name"], role=Role(cleaned["role"]), reason=cleaned["reason"])
        except RuleError as refusal:
            form.refuse(refusal)
        else:
            sentence = f"If there is a namespace {cleaned['name']}, its Owners have been asked."
            messages.success(request, sentence, extra_tags="access-asked")
            return go_to(request, BY_NAME)
    context = {"form": form, "mine": requests_of(request.user), "now": timezone.now()}
    status = 422 if form.is_bound else 200
    return render_page(request, "namespaces/access_ask_by_name.html", context, status=status)


@require_POST
def access_withdraw(request: PageRequest, asked: int) -> HttpResponseBase:
    row = AccessRequest.objects.filter(pk=asked, user=request.user).first()
    if row is not None and withdraw_request(request.user, request=row):
        messages.success(request, "Your request is withdrawn.", extra_tags="access-withdrawn")
    else:
        messages.info(request, "You have no such request, or it was settled already.")
    return go_to(request, BY_NAME)


@require_POST
def access_grant(request: PageRequest, pk: int, asked: int) -> HttpResponseBase:
    return _decide(request, pk, asked, grant_request, "access-granted")


@require_POST
def access_decline(request: PageRequest, pk: int, asked: int) -> HttpResponseBase:
    return _decide(request, pk, asked, decline_request, "access-declined")


def _decide(
    request: PageRequest, pk: int, asked: int, decide: Callable[..., AccessRequest], code: str
) -> HttpResponseBase:
    namespace = get_namespace(request.user, pk, Verb.OWN)
    rows = AccessRequest.objects.select_related("namespace", "user")
    row = rows.filter(pk=asked, namespace=namespace).first()
    if row is None:
        raise Http404("There is no such request here.")
    try:
        settled = decide(request.user, request=row)
    except RuleError as refusal:
        messages.error(request, refusal.sentence, extra_tags=refusal.code)
    else:
        messages.success(request, _said(settled, row.user, code), extra_tags=code)
    return go_to(request, "namespaces:role_list", pk)


def _said(row: AccessRequest, asker: User, code: str) -> str:
    if code == "access-granted":
        return f"{asker.display_name} is {row.role_label} now."
    return f"{asker.display_name} gets the message that you declined."
