"""A client's certificates."""

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from certificates.pages.decision_rules.client_certificates import certificates_shown_by
from certificates.pages.decision_rules.enforcement import enforcement_of
from namespaces.access import get_client
from namespaces.rights import Verb
from namespaces.views.clients import CLIENTS
from namespaces.views.resources.pages import row_context
from portal.web.responses import PageRequest, render_page

TAB = "certificates:client_certificates"


@require_safe
def client_certificates(request: PageRequest, pk: int, name: str) -> HttpResponse:
    """List the certificates that a client has shown, for each to be revoked."""
    client = get_client(request.user, pk, name, Verb.READ)
    context = row_context(request, client, CLIENTS, tab=TAB, shown=certificates_shown_by(client))
    context["enforcement"] = enforcement_of(client.namespace)
    return render_page(request, "certificates/client_certificates.html", context)
