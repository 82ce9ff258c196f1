"""For whom a CA certificate vouches: its page, a count before it is saved, and the way back."""

from django.contrib import messages
from django.http import HttpResponseBase
from django.views.decorators.http import require_http_methods, require_POST

from certificates.actions.decision_rules.bindings import bind_issuer, edition_of, unbind_issuer
from certificates.forms.decision_rules import BindingForm, teams_to_bind
from certificates.models import CACertificate
from certificates.pages.decision_rules.enforcement import enforcement_of
from certificates.pages.decision_rules.overview import binding_of, binding_words
from certificates.pages.decision_rules.vouching import vouching_of, vouching_with
from certificates.views.ca_certificates import CA_CERTIFICATES
from namespaces.access import get_resource
from namespaces.rights import Verb
from namespaces.rules.errors import RuleError
from namespaces.views.resources.pages import row_context
from namespaces.views.resources.refusals import observe_refusal
from portal.web.responses import PageRequest, go_to, render_page

HOME = "certificates:ca_certificate_binding"


@require_http_methods(["GET", "HEAD", "POST"])
def ca_certificate_binding(request: PageRequest, pk: int, name: str) -> HttpResponseBase:
    """Show for whom a CA certificate vouches. A POST changes that, or with `count` only counts what it would mean."""
    is_change = request.method == "POST"
    row = get_resource(request.user, CACertificate, pk, name, Verb.CONTRIBUTE if is_change else Verb.READ)
    bound = binding_of(row)
    posted = request.POST if is_change else None
    form = BindingForm(posted, namespace=row.namespace, offered=teams_to_bind(row.namespace), bound=bound)
    counted = None
    if form.is_valid():
        values = form.values()
        if "count" in request.POST:
            counted = vouching_with(row, values["teams"], values["groups"], values["patterns"])
        else:
            try:
                bind_issuer(request.user, ca=row, **values, opened=request.POST.get("edition", ""))
            except RuleError as refusal:
                form.refuse(refusal)
            else:
                messages.success(request, f"{row.name} vouches only for these clients now.", extra_tags="issuer-bound")
                return go_to(request, HOME, pk, row.name)
    if form.errors:
        observe_refusal(request.user, pk, form)
    context = row_context(request, row, CA_CERTIFICATES, tab="binding", form=form, counted=counted)
    context |= {
        "bound": bound,
        "words": binding_words(row, bound) if bound is not None else (),
        "vouching": vouching_of(row, bound) if bound is not None else None,
        "edition": request.POST.get("edition", "") if is_change else edition_of(bound),
        "enforcement": enforcement_of(row.namespace),
    }
    return render_page(request, "certificates/ca_certificate_binding.html", context, status=422 if form.errors else 200)


@require_POST
def ca_certificate_unbind(request: PageRequest, pk: int, name: str) -> HttpResponseBase:
    """Let a CA certificate vouch for every client again."""
    row = get_resource(request.user, CACertificate, pk, name, Verb.CONTRIBUTE)
    try:
        unbind_issuer(request.user, ca=row, opened=request.POST.get("edition", ""))
    except RuleError as refusal:
        messages.error(request, refusal.sentence, extra_tags=refusal.code)
    else:
        messages.success(request, f"{row.name} vouches for every client again.", extra_tags="issuer-unbound")
    return go_to(request, HOME, pk, row.name)
