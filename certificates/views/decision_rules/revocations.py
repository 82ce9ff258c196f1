"""Revoked certificates: their list, and the questions before one is revoked or counts again."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.views.decorators.http import require_http_methods, require_safe

from certificates.actions.decision_rules.holders import Holder
from certificates.actions.decision_rules.revocations import (
    holder_of_revoked,
    release_certificate,
    revoke_certificate,
    revoke_serial,
)
from certificates.forms.decision_rules import RevokeForm
from certificates.forms.unseen_certificates import UnseenCertificateForm
from certificates.models import CACertificate, RevokedCertificate
from certificates.pages.decision_rules.effect import effect_of
from certificates.pages.decision_rules.enforcement import enforcement_of
from certificates.pages.decision_rules.let_in import let_in_alarms
from certificates.pages.decision_rules.revoked_list import revoked_list
from certificates.pages.decision_rules.seen import seen_certificate
from namespaces.access import get_namespace, not_yours, whom_to_ask
from namespaces.models import Namespace
from namespaces.rights import Verb
from namespaces.rules.errors import RuleError
from namespaces.views.context import namespace_context
from namespaces.views.resources.refusals import observe_refusal
from portal.listing import asked_text
from portal.models import User
from portal.people.contacts import whom_to_ask_in
from portal.web.access_denied import Denied
from portal.web.responses import PageRequest, go_to, render_page

LIST = "certificates:revoked_list"


@require_safe
def revoked_certificates(request: PageRequest, pk: int) -> HttpResponse:
    """List the certificates that were revoked by hand, in force or released."""
    namespace = get_namespace(request.user, pk, Verb.READ)
    return render_page(request, "certificates/revoked_list.html", _list_context(request, namespace))


@require_http_methods(["GET", "HEAD", "POST"])
def certificate_revoke(request: PageRequest, pk: int, thumbprint: str) -> HttpResponseBase:
    """Ask why a certificate is revoked and say what follows, and revoke it.

    `below`: the thumbprint of the client certificate with which it was sent, for one that only devices send.
    """
    namespace = get_namespace(request.user, pk, Verb.READ)
    below = asked_text(request.POST if request.method == "POST" else request.GET, "below")
    seen = seen_certificate(namespace, thumbprint, below=below)
    if seen is None:
        raise Http404("The portal has seen no such certificate here.")
    if not seen.may_revoke:
        raise _not_revocable(namespace, seen.holder)
    form = RevokeForm(request.POST if request.method == "POST" else None, is_ca=seen.certificate.is_ca)
    if form.is_valid():
        try:
            chosen = form.cleaned_data
            revoke_certificate(request.user, namespace=namespace, certificate=seen.certificate, **chosen)
        except RuleError as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, f"The certificate of {seen.name} is revoked.", extra_tags="certificate-revoked")
            return go_to(request, LIST, pk)
    if form.is_bound:
        observe_refusal(request.user, pk, form)
    context = _list_context(request, namespace, seen=seen, form=form, below=below)
    context["effect"] = effect_of(namespace, seen, enforcement_of(namespace))
    return render_page(
        request, "certificates/certificate_revoke.html", context, partial="pane", status=422 if form.is_bound else 200
    )


@require_http_methods(["GET", "HEAD", "POST"])
def revoke_unseen(request: PageRequest, pk: int) -> HttpResponseBase:
    """Revoke a certificate that the portal has never seen: its file is uploaded, or its issuer and serial number entered."""
    namespace = get_namespace(request.user, pk, Verb.CONTRIBUTE)
    reach = namespace.rights.reach(CACertificate).condition
    cas = CACertificate.visible_to(namespace.sight).present().filter(reach, namespace=pk).exclude(der=b"")
    is_change = request.method == "POST"
    form = UnseenCertificateForm(
        request.POST if is_change else None, request.FILES if is_change else None, cas=cas.order_by("name")
    )
    if form.is_valid():
        try:
            row = _revoke_unseen(request.user, namespace, form)
        except RuleError as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, f"{row} is revoked.", extra_tags="certificate-revoked")
            return go_to(request, LIST, pk)
    if form.is_bound:
        observe_refusal(request.user, pk, form)
    context = _list_context(request, namespace, form=form)
    return render_page(
        request, "certificates/revoke_unseen.html", context, partial="pane", status=422 if form.is_bound else 200
    )


def _revoke_unseen(user: User, namespace: Namespace, form: UnseenCertificateForm) -> RevokedCertificate:
    why = {"reason": form.cleaned_data["reason"], "note": form.cleaned_data["note"]}
    if form.certificate is not None:
        return revoke_certificate(user, namespace=namespace, certificate=form.certificate, **why)
    assert form.serial_number is not None
    return revoke_serial(user, ca=form.cleaned_data["ca"], serial=form.serial_number, **why)


@require_http_methods(["GET", "HEAD", "POST"])
def certificate_release(request: PageRequest, pk: int, revoked: int) -> HttpResponseBase:
    """Ask before a revoked certificate counts again, and release it."""
    namespace = get_namespace(request.user, pk, Verb.READ)
    rows = RevokedCertificate.objects.visible_to(namespace.sight).filter(namespace=pk)
    row = rows.select_related("revoked_by", "team").filter(pk=revoked).first()
    if row is None:
        raise Http404("There is no such revoked certificate.")
    holder = holder_of_revoked(row)
    if not holder.may_change(namespace.rights):
        raise _not_revocable(namespace, holder)
    if request.method == "POST":
        try:
            release_certificate(request.user, revoked=row)
        except RuleError as refusal:
            messages.warning(request, refusal.sentence, extra_tags=refusal.code)
        else:
            messages.success(request, f"The certificate {row} counts again.", extra_tags="certificate-released")
        return go_to(request, LIST, pk)
    context = _list_context(request, namespace, revoked=row, holder=holder)
    return render_page(request, "certificates/certificate_release.html", context, partial="pane")


def _list_context(request: PageRequest, namespace: Namespace, **more: Any) -> dict[str, Any]:
    own: dict[str, Any] = {"listing": revoked_list(namespace, request.GET), "enforcement": enforcement_of(namespace)}
    own["alarms"] = let_in_alarms(namespace)
    return namespace_context(request, namespace, **own, menu_current="certificates:rules", **more)


def _not_revocable(namespace: Namespace, holder: Holder) -> Denied:
    """Return the refusal for a certificate of another team, or of none."""
    row = holder.row
    if row is not None:
        return Denied(not_yours(row), lambda: f"{whom_to_ask_in(row.team)} {whom_to_ask(namespace)}".strip())
    sentence = "This certificate belongs to no team. Contributors and Owners revoke it."
    return Denied(sentence, lambda: whom_to_ask(namespace))
