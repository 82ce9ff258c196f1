"""First contact: what a CA certificate does with devices that have no client, and what that would mean."""

from django.contrib import messages
from django.http import HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from certificates.actions.first_contact.templates import edition_of, set_template
from certificates.forms.first_contact import FirstContactForm
from certificates.models import CACertificate
from certificates.pages.decision_rules.enforcement import enforcement_of
from certificates.pages.first_contact.template import preview_of, shown_template, template_of_ca
from certificates.views.ca_certificates import CA_CERTIFICATES
from namespaces.access import get_resource
from namespaces.rights import Verb
from namespaces.rules.errors import RuleError
from namespaces.views.resources.pages import row_context
from namespaces.views.resources.refusals import observe_refusal
from portal.web.responses import PageRequest, go_to, render_page

HOME = "certificates:ca_certificate_contact"


@require_http_methods(["GET", "HEAD", "POST"])
def ca_certificate_contact(request: PageRequest, pk: int, name: str) -> HttpResponseBase:
    """Show what happens on first contact. A POST changes that, or with `preview` only shows what it would mean."""
    is_change = request.method == "POST"
    row = get_resource(request.user, CACertificate, pk, name, Verb.CONTRIBUTE if is_change else Verb.READ)
    template = template_of_ca(row)
    form = FirstContactForm(request.POST if is_change else None, ca=row, user=request.user, template=template)
    preview = None
    if form.is_valid():
        values = form.values()
        if "preview" in request.POST:
            preview = preview_of(row, values, at=row.namespace.judged_at(timezone.now()))
        else:
            try:
                set_template(request.user, ca=row, values=values, opened=request.POST.get("edition", ""))
            except RuleError as refusal:
                form.refuse(refusal)
            else:
                messages.success(request, "First contact is saved.", extra_tags="first-contact-saved")
                return go_to(request, HOME, pk, row.name)
    if form.errors:
        observe_refusal(request.user, pk, form)
    context = row_context(request, row, CA_CERTIFICATES, tab="contact", form=form, preview=preview)
    context |= {
        "shown": shown_template(row, template),
        "edition": request.POST.get("edition", "") if is_change else edition_of(template),
        "enforcement": enforcement_of(row.namespace),
    }
    return render_page(request, "certificates/ca_certificate_contact.html", context, status=422 if form.errors else 200)
