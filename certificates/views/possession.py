"""Proof of possession of a CA certificate's key: its page, a new nonce, and the proof."""

from django.contrib import messages
from django.http import HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from certificates.actions.possession import give_nonce, prove_possession
from certificates.forms.possession import ProofForm
from certificates.models import CACertificate
from certificates.pages.possession import possession_of
from certificates.possession.verification import CA_KEY
from certificates.views.ca_certificates import CA_CERTIFICATES
from namespaces.access import get_resource
from namespaces.rights import Verb
from namespaces.rules.errors import RuleError
from namespaces.views.resources.pages import row_context
from namespaces.views.resources.refusals import observe_refusal
from portal.web.responses import PageRequest, go_to, render_page

HOME = "certificates:ca_certificate_possession"


@require_http_methods(["GET", "HEAD", "POST"])
def ca_certificate_possession(request: PageRequest, pk: int, name: str) -> HttpResponseBase:
    """Show how far the proof is. A POST verifies one."""
    is_proof = request.method == "POST"
    row = get_resource(request.user, CACertificate, pk, name, Verb.CONTRIBUTE if is_proof else Verb.READ)
    form = ProofForm(request.POST, request.FILES) if is_proof else ProofForm()
    if form.is_valid():
        try:
            kind = prove_possession(request.user, certificate=row, proof=form.proof)
        except RuleError as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, _done(kind, row), extra_tags="possession-proved")
            return go_to(request, HOME, pk, row.name)
    if form.is_bound:
        observe_refusal(request.user, pk, form)
    state = possession_of(row, at=timezone.now())
    context = row_context(request, row, CA_CERTIFICATES, tab="possession", possession=state, form=form)
    return render_page(
        request, "certificates/ca_certificate_possession.html", context, status=422 if form.is_bound else 200
    )


def _done(kind: str, row: CACertificate) -> str:
    if kind == CA_KEY:
        return f"Possession of the key of {row.name} is proved."
    return f"You hold a device certificate of {row.name}. That does not prove possession of the key of the CA."


@require_POST
def ca_certificate_nonce(request: PageRequest, pk: int, name: str) -> HttpResponseBase:
    """Give a new nonce."""
    row = get_resource(request.user, CACertificate, pk, name, Verb.CONTRIBUTE)
    try:
        give_nonce(request.user, certificate=row)
    except RuleError as refusal:
        messages.error(request, refusal.sentence, extra_tags=refusal.code)
    return go_to(request, HOME, pk, row.name)
