"""CA certificates: the grid, the pane Upload certificate, and one certificate with its tabs."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from certificates.access import get_ca_certificate
from certificates.actions import delete_ca_certificate, update_ca_certificate, upload_ca_certificate
from certificates.forms.upload import CertificateFileForm, UpdateCertificateForm, UploadCertificateForm
from certificates.models import CACertificate
from certificates.pages.ca_certificate_list import certificate_grid, listed_certificates
from certificates.pages.ca_usage import impact_of, number_of_clients, signed_beside
from namespaces.access import Verb, get_namespace
from namespaces.forms.clients import problem_of_one_field
from namespaces.models import Namespace
from namespaces.pages.az_commands import az_commands
from namespaces.pages.history import object_history
from namespaces.pages.json_view import api_version_of, json_view_of
from namespaces.pages.responses import PageRequest, go_to, namespace_context, render_page, retry_and_tell
from namespaces.pages.sync_polling import poll_of, states_asked_for
from namespaces.rules.clients import RuleError
from portal.web.csv_files import ROWS_AT_ONCE, csv_response

STATE_URLS = {action: f"certificates:ca_certificate_{action}" for action in ("states", "retry", "update")}


@require_GET
def ca_certificate_list(request: PageRequest, pk: int) -> HttpResponse:
    namespace = get_namespace(request.user, pk, Verb.READ)
    context = _grid_context(request, namespace)
    return render_page(request, "certificates/ca_certificate_list.html", context, partial="grid")


def _grid_context(request: PageRequest, namespace: Namespace, **more: Any) -> dict[str, Any]:
    """What the grid draws, also below an open pane."""
    grid = certificate_grid(namespace, request.GET)
    return namespace_context(request, namespace, grid=grid, poll=poll_of(grid.page), now=timezone.now(), **more)


@require_GET
def ca_certificate_csv(request: PageRequest, pk: int) -> StreamingHttpResponse:
    """The grid's rows with the same filter and order, as a file."""
    namespace = get_namespace(request.user, pk, Verb.READ)
    headings = ["Certificate name", "Description", "Team", "Subject", "Issuer", "Thumbprint (SHA-256)"]
    headings += ["Valid from (UTC)", "Valid to (UTC)", "Last seen (UTC)", "Sync state"]
    rows = (
        (
            *(row.name, row.description, row.team.name if row.team else "", row.subject, row.issuer),
            *(row.thumbprint, row.not_before, row.not_after, row.last_used_at, row.sync_state),
        )
        for row in listed_certificates(namespace, request.GET).iterator(ROWS_AT_ONCE)
    )
    return csv_response(f"{namespace.name}-ca-certificates.csv", headings, rows)


@require_GET
def ca_certificate_states(request: PageRequest, pk: int) -> HttpResponse:
    """The sync states of the asked rows, as out-of-band cells; asks again only while one of them moves."""
    namespace = get_namespace(request.user, pk, Verb.READ)
    rows = CACertificate.objects.with_findings().filter(namespace=namespace).select_related("namespace")
    context = namespace_context(request, namespace, answer=states_asked_for(request.GET, rows), urls=STATE_URLS)
    return render_page(request, "namespaces/row_states.html", context)


@require_http_methods(["GET", "POST"])
def ca_certificate_upload(request: PageRequest, pk: int) -> HttpResponseBase:
    namespace = get_namespace(request.user, pk, Verb.CONTRIBUTE)
    posted = (request.POST, request.FILES) if request.method == "POST" else (None, None)
    form = UploadCertificateForm(*posted, namespace=namespace, user=request.user)
    if form.is_valid():
        chosen = {name: form.cleaned_data[name] for name in ("name", "description", "team", "certificate")}
        try:
            row = upload_ca_certificate(request.user, namespace=namespace, **chosen)
        except RuleError as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, f"Certificate {row.name} is saved and on its way to Azure.")
            return go_to(request, "certificates:ca_certificate_list", pk)
    context = _grid_context(request, namespace, form=form)
    status = 422 if form.is_bound else 200
    return render_page(request, "certificates/ca_certificate_upload.html", context, partial="pane", status=status)


@require_GET
def ca_certificate_check_name(request: PageRequest, pk: int) -> HttpResponse:
    """Whether the name that is being typed would do."""
    namespace = get_namespace(request.user, pk, Verb.CONTRIBUTE)
    form = UploadCertificateForm(request.GET, None, namespace=namespace, user=request.user)
    context = {"problem": problem_of_one_field(form, "name"), "value": request.GET.get("name", "").strip()}
    return render_page(request, "namespaces/name_check.html", context)


@require_POST
def ca_certificate_check_file(request: PageRequest, pk: int) -> HttpResponse:
    """The verdict on a chosen or pasted certificate, before Upload. Nothing is stored."""
    namespace = get_namespace(request.user, pk, Verb.CONTRIBUTE)
    if request.htmx:
        live = CertificateFileForm(request.POST, request.FILES, namespace=namespace)
        live.is_valid()
        context = {"form": live, "namespace": namespace, "is_live": True}
        return render_page(request, "certificates/ca_certificate_verdict.html", context)
    form = UploadCertificateForm(request.POST, request.FILES, namespace=namespace, user=request.user)
    if not form.is_valid() and not form.data.get("name"):
        form.errors.pop("name", None)  # nobody has been asked for it yet
    return render_page(request, "certificates/ca_certificate_upload.html", _grid_context(request, namespace, form=form))


@require_GET
def ca_certificate_detail(request: PageRequest, pk: int, name: str) -> HttpResponse:
    row = get_ca_certificate(request.user, pk, name, Verb.READ)
    context = namespace_context(request, row.namespace, row=row, poll=poll_of([row]), **_signed_by(row))
    issuer = CACertificate.objects.present().filter(namespace=row.namespace, subject=row.issuer).exclude(pk=row.pk)
    context |= {"certificate": row.certificate if row.der else None, "now": timezone.now()}
    context |= {"issuer_row": issuer.first() if row.issuer else None}
    return render_page(request, "certificates/ca_certificate_detail.html", context)


def _signed_by(row: CACertificate) -> dict[str, Any]:
    """The clients that it signed, those that depend on it and those beside them."""
    impact, beside = impact_of(row), signed_beside(row)
    return {"impact": impact, "beside": beside, "signed_count": number_of_clients(impact, beside)}


@require_GET
def ca_certificate_clients(request: PageRequest, pk: int, name: str) -> HttpResponse:
    row = get_ca_certificate(request.user, pk, name, Verb.READ)
    context = namespace_context(request, row.namespace, row=row, now=timezone.now(), **_signed_by(row))
    return render_page(request, "certificates/ca_certificate_clients.html", context)


@require_GET
def ca_certificate_activity(request: PageRequest, pk: int, name: str) -> HttpResponse:
    row = get_ca_certificate(request.user, pk, name, Verb.READ)
    context = namespace_context(request, row.namespace, row=row, **_signed_by(row))
    context |= {"history": object_history(row.kind, row.pk, request.GET)}
    return render_page(request, "certificates/ca_certificate_activity.html", context)


@require_GET
def ca_certificate_json(request: PageRequest, pk: int, name: str) -> HttpResponse:
    row = get_ca_certificate(request.user, pk, name, Verb.READ)
    context = namespace_context(request, row.namespace, row=row, json_view=json_view_of(row), **_signed_by(row))
    return render_page(request, "certificates/ca_certificate_json.html", context)


@require_GET
def ca_certificate_commands(request: PageRequest, pk: int, name: str) -> HttpResponse:
    row = get_ca_certificate(request.user, pk, name, Verb.READ)
    commands = az_commands(row.arm_id(), row.name, row.body(), api_version_of(row))
    context = namespace_context(request, row.namespace, row=row, az_commands=commands, **_signed_by(row))
    return render_page(request, "certificates/ca_certificate_commands.html", context)


@require_GET
def ca_certificate_pem(request: PageRequest, pk: int, name: str) -> HttpResponse:
    row = get_ca_certificate(request.user, pk, name, Verb.READ)
    # The name has only letters, digits and hyphens, so it needs no quoting rules in the header.
    headers = {"Content-Disposition": f'attachment; filename="{row.name}.pem"', "X-Content-Type-Options": "nosniff"}
    return HttpResponse(row.pem, content_type="application/x-pem-file", headers=headers)


@require_http_methods(["GET", "POST"])
def ca_certificate_update(request: PageRequest, pk: int, name: str) -> HttpResponseBase:
    row = get_ca_certificate(request.user, pk, name, Verb.CONTRIBUTE)
    data = request.POST if request.method == "POST" else None
    form = UpdateCertificateForm(data, initial={"description": row.description})
    if form.is_valid():
        try:
            update_ca_certificate(request.user, certificate=row, **form.cleaned_data)
        except RuleError as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, f"Certificate {row.name} is saved.")
            return go_to(request, "certificates:ca_certificate_detail", pk, row.name)
    context = _grid_context(request, row.namespace, row=row, form=form)
    status = 422 if form.is_bound else 200
    return render_page(request, "certificates/ca_certificate_update.html", context, partial="pane", status=status)


@require_http_methods(["GET", "POST"])
def ca_certificate_delete(request: PageRequest, pk: int, name: str) -> HttpResponseBase:
    row = get_ca_certificate(request.user, pk, name, Verb.CONTRIBUTE)
    if request.method == "POST":
        try:
            delete_ca_certificate(request.user, certificate=row)
        except RuleError as refusal:
            messages.warning(request, refusal.sentence)
        else:
            messages.success(request, f"Certificate {row.name} is being deleted.")
        return go_to(request, "certificates:ca_certificate_list", pk)
    context = _grid_context(request, row.namespace, row=row, impact=impact_of(row))
    return render_page(request, "certificates/ca_certificate_delete.html", context, partial="pane")


@require_POST
def ca_certificate_retry(request: PageRequest, pk: int, name: str) -> HttpResponseBase:
    row = get_ca_certificate(request.user, pk, name, Verb.CONTRIBUTE)
    retry_and_tell(request, row, row.name)
    return go_to(request, "certificates:ca_certificate_list", pk)
