"""The replacement of a CA certificate by another one, step by step."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from certificates.actions.rollovers import cancel_rollover, confirm_clients, remind_teams, start_rollover
from certificates.models import CACertificate
from certificates.pages.replacement import replacement_of
from certificates.views.ca_certificates import CA_CERTIFICATES
from namespaces.access import get_namespace, get_resource
from namespaces.models import Client
from namespaces.rights import Verb
from namespaces.rules.errors import RuleError
from namespaces.views.resources.pages import row_context
from portal.web.responses import PageRequest, go_to, render_page


@require_safe
def ca_certificate_replace(request: PageRequest, pk: int, name: str) -> HttpResponse:
    """Show the steps from one CA certificate to another, and which clients have taken the last one."""
    row = get_resource(request.user, CACertificate, pk, name, Verb.READ)
    context = row_context(request, row, CA_CERTIFICATES, tab="replace")
    context["replacement"] = replacement_of(row, context["impact"], request.GET, at=timezone.now())
    return render_page(request, "certificates/ca_certificate_replace.html", context, partial="live")


@require_POST
def ca_certificate_replace_start(request: PageRequest, pk: int, name: str) -> HttpResponseBase:
    row = get_resource(request.user, CACertificate, pk, name, Verb.CONTRIBUTE)
    seen = CACertificate.visible_to(row.namespace.sight).present()
    successor = seen.named(request.POST.get("successor", "")).first()
    return _done(
        request,
        row,
        lambda: start_rollover(request.user, old=row, successor=successor),
        "replacement-started",
        "The teams of its clients and the Owners have been notified.",
    )


@require_POST
def clients_confirm_replacement(request: PageRequest, pk: int, name: str) -> HttpResponseBase:
    """Note that the chosen clients no longer need the old CA certificate. Confirming a client takes the right to change it."""
    get_namespace(request.user, pk, Verb.CONTRIBUTE, model=Client)
    row = get_resource(request.user, CACertificate, pk, name, Verb.READ)
    chosen = [
        int(text) for text in request.POST.getlist("client") if text.isascii() and text.isdigit() and len(text) < 19
    ]
    return _done(
        request,
        row,
        lambda: confirm_clients(request.user, old=row, clients=chosen),
        "clients-confirmed",
        "The chosen clients are confirmed.",
    )


def _done(
    request: PageRequest, row: CACertificate, change: Callable[[], object], code: str, sentence: str
) -> HttpResponseBase:
    try:
        change()
    except RuleError as refusal:
        messages.error(request, refusal.sentence, extra_tags=refusal.code)
    else:
        messages.success(request, sentence, extra_tags=code)
    return go_to(request, CA_CERTIFICATES.url("replace"), row.namespace_id, row.name)


def _button(change: Callable[..., object], code: str, sentence: str) -> Callable[..., HttpResponseBase]:
    """Return the view of a button that changes a replacement that has started."""

    @require_POST
    def view(request: PageRequest, pk: int, name: str) -> HttpResponseBase:
        row = get_resource(request.user, CACertificate, pk, name, Verb.CONTRIBUTE)
        return _done(request, row, lambda: change(request.user, old=row), code, sentence)

    return view


ca_certificate_replace_cancel = _button(
    cancel_rollover, "replacement-cancelled", "The replacement is cancelled. Both CA certificates stay trusted."
)
ca_certificate_replace_remind = _button(
    remind_teams, "teams-reminded", "The teams of the clients that have not changed have been reminded."
)
