"""Renewing the certificate of a client with Thumbprint Match without a gap: add the new thumbprint, then remove the old one."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.views.decorators.http import require_http_methods, require_POST

from namespaces.access import get_client
from namespaces.actions.clients import begin_renewal, end_renewal
from namespaces.actions.resources import ChangedMeanwhile
from namespaces.connections.attempts import has_connection_log
from namespaces.forms.clients import EndRenewalForm, RenewForm
from namespaces.models import Client
from namespaces.pages.connections.renewal import renewal_page
from namespaces.rights import Verb
from namespaces.rules.errors import RuleError
from namespaces.views.clients import CLIENTS
from namespaces.views.resources.conflicts import CHANGED, edition_to_check, opened_with
from namespaces.views.resources.pages import row_context
from namespaces.views.resources.refusals import observe_refusal
from portal.web.responses import PageRequest, go_to, render_page

HOME = "namespaces:client_renew"


@require_http_methods(["GET", "HEAD", "POST"])
def client_renew(request: PageRequest, pk: int, name: str) -> HttpResponseBase:
    """Show the thumbprints of a client. A POST adds that of its new certificate."""
    client = get_client(request.user, pk, name, Verb.CONTRIBUTE if request.method == "POST" else Verb.READ)
    posted = request.POST if request.method == "POST" else None
    form = RenewForm(posted, request.FILES if posted is not None else None, client=client)
    if form.is_valid():
        try:
            begin_renewal(request.user, client=client, **form.values(), opened=edition_to_check(request))
        except RuleError as refusal:
            if isinstance(refusal, ChangedMeanwhile):
                return _page(request, _again(client), RenewForm(client=client), refusal, CHANGED)
            form.refuse(refusal)
        else:
            messages.success(
                request, f"{client.name} may connect with both certificates now.", extra_tags="renewal-began"
            )
            return go_to(request, HOME, pk, client.name)
    if form.is_bound:
        observe_refusal(request.user, pk, form)
    return _page(request, client, form, status=422 if form.is_bound else 200)


@require_POST
def client_renew_end(request: PageRequest, pk: int, name: str) -> HttpResponseBase:
    """Remove one of two thumbprints."""
    client = get_client(request.user, pk, name, Verb.CONTRIBUTE)
    form = EndRenewalForm(request.POST)
    refusal = RuleError("", "no-such-thumbprint", "Choose the thumbprint to remove.")
    if form.is_valid():
        try:
            end_renewal(request.user, client=client, **form.cleaned_data, opened=edition_to_check(request))
        except RuleError as found:
            refusal = found
        else:
            messages.success(request, f"The thumbprint of {client.name} is removed.", extra_tags="renewal-ended")
            return go_to(request, HOME, pk, client.name)
    status = CHANGED if isinstance(refusal, ChangedMeanwhile) else 422
    client = _again(client)
    return _page(request, client, RenewForm(client=client), refusal, status)


def _again(client: Client) -> Client:
    namespace = client.namespace  # as the user sees it
    client.refresh_from_db()
    client.namespace = namespace
    return client


def _page(
    request: PageRequest, client: Client, form: RenewForm, refusal: RuleError | None = None, status: int = 200
) -> HttpResponse:
    more: dict[str, Any] = {"form": form, "refusal": refusal, "has_log": has_connection_log()}
    more |= {
        "renewing": renewal_page(client),
        "opened": opened_with(request, client) if status != CHANGED else client.edition,
    }
    context = row_context(request, client, CLIENTS, tab="renew", **more)
    return render_page(request, "namespaces/client_renew.html", context, status=status)
