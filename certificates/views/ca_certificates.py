"""CA certificates: what differs on their pages from those of other resources, and checking a file before its upload."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse, QueryDict
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from certificates.actions.ca_certificates import delete_ca_certificate, update_ca_certificate, upload_ca_certificate
from certificates.forms.upload import CertificateFileForm, UpdateCertificateForm, UploadCertificateForm
from certificates.models import CACertificate
from certificates.pages.ca_certificate_list import CA_CERTIFICATE_LIST
from certificates.pages.ca_usage import impact_of, number_of_clients, other_signed_clients
from certificates.pages.decision_rules.ca_revocation import revocation_of
from certificates.pages.reach import doctor_of, reach_of_row, reach_of_upload
from certificates.pages.replacement import finished_of, uploads_again
from namespaces.access import get_namespace, get_resource, teams_for_new
from namespaces.models import Namespace, Possession
from namespaces.rights import Verb
from namespaces.views.resources.kinds import ROW_TABS, Kind
from namespaces.views.resources.pages import grid_context, row_context
from namespaces.views.resources.refusals import observe_refusal
from portal.listing import asked_text, whole_number
from portal.models import User
from portal.observations import Observation, observe
from portal.web.csv_files import CsvColumn
from portal.web.responses import PageRequest, render_page
from sync.models import STATE_COLUMNS, sync_state_of


def _form(
    request: PageRequest, namespace: Namespace, row: CACertificate | None, data: QueryDict | None
) -> UploadCertificateForm | UpdateCertificateForm:
    if row is not None:
        return UpdateCertificateForm(data, initial={"description": row.description})
    files = request.FILES if request.method == "POST" else None
    given = uploads_again(namespace, request.GET.get("again", "")) if data is None else {}
    return UploadCertificateForm(data, files, namespace=namespace, user=request.user, initial=given)


def _replaced_by_upload(request: PageRequest, namespace: Namespace) -> CACertificate | None:
    """Return the CA certificate that the uploaded one will replace, by the link that led to the form."""
    asked = asked_text(request.POST if request.method == "POST" else request.GET, "replaces")
    seen = CACertificate.visible_to(namespace.sight).present().filter(namespace=namespace)
    found: CACertificate | None = seen.named(asked).first() if asked else None
    return found


def _delete(actor: User, row: CACertificate, data: QueryDict, *, opened: str) -> None:
    delete_ca_certificate(actor, certificate=row, opened=opened)


def _signed_by(row: CACertificate) -> dict[str, Any]:
    """Return the clients that it signed: those that depend on it and the others."""
    impact, beside = impact_of(row), other_signed_clients(row)
    count = number_of_clients(impact, beside)
    note = f"{count}{'+' if impact.is_cut else ''}" if impact.insight else ""
    return {"impact": impact, "beside": beside, "signed_count": count, "tab_notes": {"clients": note}}


def _is_in_use(row: CACertificate, context: dict[str, Any]) -> bool:
    """Return whether it authenticated a client, or signed one whose certificate is known or hidden from the user."""
    return row.last_used_at is not None or bool(context["signed_count"]) or row.namespace.sight.is_partial


def _certificate(request: PageRequest, row: CACertificate) -> dict[str, Any]:
    seen = CACertificate.visible_to(row.namespace.sight).present()
    issuers = seen.filter(subject=row.issuer).exclude(pk=row.pk)
    return {
        "certificate": row.certificate if row.der else None,
        "issuer_row": issuers.first() if row.issuer else None,
        "reach": reach_of_row(row, request.user),
        "doctor": doctor_of(row),
        "finished": finished_of(row),
        **revocation_of(row),
    }


def _reach_of_upload(request: PageRequest, namespace: Namespace, form: Any) -> dict[str, Any]:
    """Return the reach of the certificate that was chosen or pasted, before it is uploaded."""
    diagnosis = getattr(form, "diagnosis", None)
    if diagnosis is None or diagnosis.chosen is None:
        return {}
    pk = whole_number(form.data.get("team", ""))
    team = teams_for_new(request.user, namespace, CACertificate).filter(pk=pk).first() if pk is not None else None
    return {"reach": reach_of_upload(diagnosis.chosen, namespace, request.user, team)}


def _form_context(request: PageRequest, namespace: Namespace, form: Any) -> dict[str, Any]:
    return _reach_of_upload(request, namespace, form) | {"replaces": _replaced_by_upload(request, namespace)}


def _after_upload(request: PageRequest, row: CACertificate) -> str:
    """Return the page that comes next: the proof of possession, where the namespace asks for one, or the replacement."""
    if row.namespace.possession != Possession.OFF:
        return reverse("certificates:ca_certificate_possession", args=[row.namespace_id, row.name])
    old = _replaced_by_upload(request, row.namespace)
    if old is None or old.pk == row.pk:
        return ""
    url = reverse("certificates:ca_certificate_replace", args=[row.namespace_id, old.name])
    return f"{url}?{urlencode({'by': row.name})}"


CA_CERTIFICATES = Kind(
    stem="ca_certificate",
    app="certificates",
    listing=CA_CERTIFICATE_LIST,
    icon="award",
    title="CA certificates",
    noun="certificate",
    article="mqtt-certificate-chain-client-authentication",
    intro="For clients that use CA-signed certificates, upload the root or intermediate certificate that directly "
    "signed them.",
    empty="No CA certificate yet",
    next_step="Upload the one that directly signed your client certificates. With the step CLI that is "
    "intermediate_ca.crt.",
    search_label="Filter by name, subject or thumbprint",
    samples_text="Need a certificate for testing?",
    form=_form,
    create=upload_ca_certificate,
    create_action="upload",
    update=lambda actor, row, **values: update_ca_certificate(actor, certificate=row, **values),
    after_create=_after_upload,
    form_context=_form_context,
    update_title="Edit description",
    delete=_delete,
    pages=("pem", "clients", "replace", "possession", "binding", "contact", "check_file"),
    tabs=(
        ("detail", "Certificate"),
        ("clients", "Clients it signed"),
        ("binding", "Vouches for"),
        ("contact", "First contact"),
        ("possession", "Proof of possession"),
        *ROW_TABS[1:],
    ),
    form_templates=("certificates/ca_certificate_upload.html", "namespaces/resource_form.html"),
    row_context=_signed_by,
    detail_context=_certificate,
    is_in_use=_is_in_use,
    exported={
        "Certificate name": CsvColumn("name"),
        "Description": CsvColumn("description"),
        "Team": CsvColumn("team__name", key="team"),
        "Subject": CsvColumn("subject"),
        "Issuer": CsvColumn("issuer"),
        "Thumbprint (SHA-256)": CsvColumn("thumbprint"),
        "Valid from (UTC)": CsvColumn("not_before", is_time=True),
        "Valid to (UTC)": CsvColumn("not_after", is_time=True),
        "Last seen (UTC)": CsvColumn("last_used_at", is_time=True),
        "Sync state": CsvColumn(*STATE_COLUMNS, value=sync_state_of, key="sync_state"),
    },
    extras={
        "row_commands": "certificates/ca_certificate_row_commands.html",
        "above": "certificates/ca_certificate_chain.html",
        "below": "certificates/ca_certificate_below.html",
    },
)


def observe_check(user: User, namespace_pk: int, form: CertificateFileForm, *, is_fine: bool) -> None:
    """Report what the check of a file found."""
    if is_fine:
        observe(user, namespace_pk, Observation("upload", "accepted", **form.observed))
    else:
        observe_refusal(user, namespace_pk, form)


@require_POST
def ca_certificate_check_file(request: PageRequest, pk: int) -> HttpResponse:
    """Check a chosen or pasted certificate before it is uploaded. Nothing is stored."""
    namespace = get_namespace(request.user, pk, Verb.CONTRIBUTE, model=CACertificate)
    if request.htmx:
        live = CertificateFileForm(request.POST, request.FILES, namespace=namespace)
        is_fine = live.is_valid()
        observe_check(request.user, namespace.pk, live, is_fine=is_fine)
        context = {"form": live, "namespace": namespace, "is_live": True}
        context |= _reach_of_upload(request, namespace, live)
        return render_page(request, "certificates/ca_certificate_verdict.html", context)
    form = UploadCertificateForm(request.POST, request.FILES, namespace=namespace, user=request.user)
    if not form.is_valid() and not form.data.get("name"):
        form.errors.pop("name", None)  # the user has not come to it yet
    observe_check(request.user, namespace.pk, form, is_fine=not form.errors)
    reach = _reach_of_upload(request, namespace, form)
    context = grid_context(request, namespace, CA_CERTIFICATES, form=form, **reach)
    return render_page(request, "certificates/ca_certificate_upload.html", context)


@require_safe
def ca_certificate_clients(request: PageRequest, pk: int, name: str) -> HttpResponse:
    row = get_resource(request.user, CACertificate, pk, name, Verb.READ)
    context = row_context(request, row, CA_CERTIFICATES, tab="clients")
    return render_page(request, "certificates/ca_certificate_clients.html", context)


@require_safe
def ca_certificate_pem(request: PageRequest, pk: int, name: str) -> HttpResponse:
    row = get_resource(request.user, CACertificate, pk, name, Verb.READ)
    # The name has only letters, digits and hyphens, so it needs no quoting rules in the header.
    headers = {"Content-Disposition": f'attachment; filename="{row.name}.pem"', "X-Content-Type-Options": "nosniff"}
    return HttpResponse(row.pem, content_type="application/x-pem-file", headers=headers)
