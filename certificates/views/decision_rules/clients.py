"""A client's certificates, and the CA keys that are pinned for it."""

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.views.decorators.http import require_POST, require_safe

from certificates.actions.decision_rules.pins import pin_client, unpin_client
from certificates.forms.decision_rules import PinForm
from certificates.pages.decision_rules.client_certificates import certificates_shown_by, shown_pins_of
from certificates.pages.decision_rules.enforcement import enforcement_of
from certificates.x509.certificate import public_key_hash
from namespaces.access import get_client
from namespaces.models import Client
from namespaces.rights import Verb
from namespaces.rules.errors import RuleError
from namespaces.views.clients import CLIENTS
from namespaces.views.resources.pages import row_context
from namespaces.views.resources.refusals import observe_refusal
from portal.web.responses import PageRequest, go_to, render_page

TAB = "certificates:client_certificates"


@require_safe
def client_certificates(request: PageRequest, pk: int, name: str) -> HttpResponse:
    """List the certificates that a client has shown, for each to be revoked, and the keys that are pinned for it."""
    client = get_client(request.user, pk, name, Verb.READ)
    return _page(request, client, PinForm(namespace=client.namespace))


@require_POST
def client_pin(request: PageRequest, pk: int, name: str) -> HttpResponseBase:
    """Let a client count only below the key of a CA certificate."""
    client = get_client(request.user, pk, name, Verb.CONTRIBUTE)
    form = PinForm(request.POST, namespace=client.namespace)
    if form.is_valid():
        ca = form.cleaned_data["ca"]
        try:
            pin_client(request.user, client=client, ca=ca)
        except RuleError as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, f"{client.name} counts only below this key now.", extra_tags="client-pinned")
            if client.anchor_key and public_key_hash(bytes(ca.der)) not in (client.anchor_key, client.issuer_key):
                sentence = (
                    f"The last certificate of {client.name} was issued below another CA. Unless that one is below {ca.name} too, "
                    "the client is refused from its next connection on."
                )
                messages.warning(request, sentence, extra_tags="pinned-elsewhere")
            return go_to(request, TAB, pk, client.name)
    observe_refusal(request.user, pk, form)
    return _page(request, client, form)


@require_POST
def client_unpin(request: PageRequest, pk: int, name: str, pin: int) -> HttpResponseBase:
    """Remove one pinned key of a client."""
    client = get_client(request.user, pk, name, Verb.CONTRIBUTE)
    try:
        unpin_client(request.user, client=client, pin=pin)
    except RuleError as refusal:
        messages.warning(request, refusal.sentence, extra_tags=refusal.code)
    else:
        messages.success(request, "The key is no longer pinned.", extra_tags="client-unpinned")
    return go_to(request, TAB, pk, client.name)


def _page(request: PageRequest, client: Client, form: PinForm) -> HttpResponse:
    context = row_context(request, client, CLIENTS, tab=TAB, shown=certificates_shown_by(client), form=form)
    context |= {"pins": shown_pins_of(client), "enforcement": enforcement_of(client.namespace)}
    return render_page(request, "certificates/client_certificates.html", context, status=422 if form.is_bound else 200)
