"""Clients: what differs on their pages from those of other resources, and changing an authentication name."""

import json
from typing import Any

from django.contrib import messages
from django.http import HttpResponseBase, QueryDict
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from certificates.authentication.engine import VALIDATION_SCHEMES
from namespaces.access import get_client
from namespaces.actions.clients import change_authentication_name, create_client, delete_client, update_client
from namespaces.actions.resources import ChangedMeanwhile
from namespaces.forms.attributes import rows_of
from namespaces.forms.client_draft import draft_of
from namespaces.forms.client_proposal import reading_of
from namespaces.forms.clients import AuthenticationNameForm, ClientSettingsForm, CreateClientForm
from namespaces.forms.prefill import filled_in, filled_in_settings, like
from namespaces.models import Client, Namespace
from namespaces.pages.client_list import CLIENT_LIST
from namespaces.pages.connections.issuer_alarms import alarms_of
from namespaces.registry import uploaded_ca_subjects
from namespaces.rights import Verb
from namespaces.rules.errors import RuleError
from namespaces.views.resources.conflicts import CHANGED, edition_to_check, opened_with
from namespaces.views.resources.kinds import ROW_TABS, Kind
from namespaces.views.resources.pages import row_context
from namespaces.views.resources.refusals import observe_refusal
from portal.listing import asked_text
from portal.models import User
from portal.web.csv_files import CsvColumn
from portal.web.responses import PageRequest, go_to, render_page
from sync.models import STATE_COLUMNS, sync_state_of
from sync.pages.changes_since import changes_since

AS_JSON = json.JSONEncoder(ensure_ascii=False).encode  # json.dumps makes an encoder for each value
SCHEME_LABELS = {scheme.value: scheme.label for scheme in VALIDATION_SCHEMES}


def _form(
    request: PageRequest, namespace: Namespace, client: Client | None, data: QueryDict | None
) -> ClientSettingsForm:
    if client is None:
        given = like(namespace, asked_text(request.GET, "like")) if data is None and "like" in request.GET else {}
        given["initial"] = given.get("initial", {}) | filled_in(request.GET)
        new = CreateClientForm(data, namespace=namespace, user=request.user, **given)
        at = namespace.judged_at(timezone.now())
        new.show_reading(reading_of(request.POST, uploaded=uploaded_ca_subjects(namespace), at=at))
        return new
    filled = filled_in_settings(client, request.GET) if data is None else {}
    form = ClientSettingsForm(data, initial=_settings_of(client) | filled, rows=rows_of(client.attributes))
    form.is_filled_in = bool(filled)
    return form


def _settings_of(client: Client) -> dict[str, object]:
    names = ("validation_scheme", "thumbprints", "state", "description")
    return {name: getattr(client, name) for name in names}


def _draft(
    request: PageRequest, namespace: Namespace, client: Client | None
) -> tuple[ClientSettingsForm, dict[str, Any]]:
    uploaded = uploaded_ca_subjects(namespace)
    at = namespace.judged_at(timezone.now())
    draft = draft_of(request.POST, request.FILES, namespace=namespace, uploaded=uploaded, at=at)
    if client is not None:
        return ClientSettingsForm(initial=draft.initial, rows=draft.rows), {}
    form = CreateClientForm(initial=draft.initial, rows=draft.rows, namespace=namespace, user=request.user)
    form.show_reading(draft.reading)
    return form, {}


def _delete(actor: User, client: Client, data: QueryDict, *, opened: str) -> None:
    delete_client(actor, client=client, opened=opened)


CLIENTS = Kind(
    stem="client",
    listing=CLIENT_LIST,
    icon="monitor-smartphone",
    title="Clients",
    noun="client",
    article="mqtt-clients",
    intro="MQTT clients allowed to connect, with their authentication name and validation scheme.",
    empty="No client is registered yet",
    next_step="Register the first one with the name it sends as MQTT user name and the validation scheme that fits its "
    "certificate.",
    search_label="Name, thumbprint, issuer or attribute",
    samples_text="Need a certificate for testing?",
    form=_form,
    create=create_client,
    update=lambda actor, row, **values: update_client(actor, client=row, **values),
    delete=_delete,
    draft=_draft,
    form_templates=("namespaces/client_create.html", "namespaces/client_update.html"),
    form_is_pane=False,
    checked_fields=("name", "authentication_name"),
    after_update="list",
    detail_context=lambda _, client: {"alarms": alarms_of(client, at=timezone.now())},
    pages=("change_authentication_name",),
    tabs=(ROW_TABS[0], ("certificates:client_certificates", "Certificates"), *ROW_TABS[1:], ("try", "Try it")),
    exported={
        "Client name": CsvColumn("name"),
        "Authentication name": CsvColumn("authentication_name"),
        "Validation scheme": CsvColumn("validation_scheme", value=lambda scheme: SCHEME_LABELS.get(scheme, scheme)),
        "Thumbprints": CsvColumn("thumbprints", value=" ".join),
        "Connection state": CsvColumn("state"),
        "Team": CsvColumn("team__name", key="team"),
        "Description": CsvColumn("description"),
        "Attributes": CsvColumn("attributes", value=lambda held: AS_JSON(held) if held else ""),
        "Certificate issuer": CsvColumn("certificate_issuer"),
        "Certificate subject": CsvColumn("certificate_subject"),
        "Certificate serial number": CsvColumn("certificate_serial"),
        "Certificate thumbprint (SHA-256)": CsvColumn("certificate_thumbprint"),
        "Certificate expires (UTC)": CsvColumn("certificate_expires_at", is_time=True),
        "Last seen (UTC)": CsvColumn("last_seen_at", is_time=True),
        "Sync state": CsvColumn(*STATE_COLUMNS, value=sync_state_of, key="sync_state"),
    },
    extras={
        "bulk": "namespaces/clients_bulk.html",
        "list_commands": "namespaces/clients_bulk_commands.html",
        "row_commands": "namespaces/client_row_commands.html",
        "above": "namespaces/client_alarms.html",
    },
)


@require_http_methods(["GET", "HEAD", "POST"])
def client_change_authentication_name(request: PageRequest, pk: int, name: str) -> HttpResponseBase:
    client = get_client(request.user, pk, name, Verb.CONTRIBUTE)
    form = AuthenticationNameForm(request.POST if request.method == "POST" else None, client=client)
    status = 422 if form.is_bound else 200
    more: dict[str, Any] = {"opened": opened_with(request, client)}
    if form.is_valid():
        try:
            opened = edition_to_check(request)
            change_authentication_name(request.user, client=client, **form.cleaned_data, opened=opened)
        except ChangedMeanwhile as changed:
            namespace = client.namespace  # as the user sees it
            client.refresh_from_db()
            client.namespace = namespace
            status, more = CHANGED, {"opened": client.edition, "changes": changes_since(changed.row, opened)}
        except RuleError as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, f"{client.name} is being deleted and created again under its new name.")
            return go_to(request, CLIENTS.url("list"), pk)
    if form.errors:
        observe_refusal(request.user, pk, form)
    context = row_context(request, client, CLIENTS, form=form, **more)
    return render_page(request, "namespaces/client_change_authentication_name.html", context, status=status)
