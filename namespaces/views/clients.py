"""Clients: the grid, creating, updating, deleting, and how their sync goes."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from namespaces.access import Verb, get_client, get_namespace
from namespaces.actions.clients import change_authentication_name, create_client, delete_client, update_client
from namespaces.forms.attributes import rows_of
from namespaces.forms.client_draft import Told, draft_of, told_again
from namespaces.forms.clients import AuthenticationNameForm, ClientSettingsForm, CreateClientForm, problem_of_one_field
from namespaces.forms.prefill import filled_in, filled_in_settings
from namespaces.models import Client, Namespace
from namespaces.pages.az_commands import az_commands
from namespaces.pages.json_view import api_version_of, json_view_of
from namespaces.pages.lists import client_grid
from namespaces.pages.responses import PageRequest, go_to, namespace_context, render_page, retry_and_tell
from namespaces.pages.sync_polling import poll_of, states_asked_for
from namespaces.rules.clients import RuleError

STATE_URLS = {action: f"namespaces:client_{action}" for action in ("states", "retry", "update")}


@require_GET
def client_list(request: PageRequest, pk: int) -> HttpResponse:
    namespace = get_namespace(request.user, pk, Verb.READ)
    return render_page(request, "namespaces/client_list.html", _grid_context(request, namespace), partial="grid")


def _grid_context(request: PageRequest, namespace: Namespace, **more: Any) -> dict[str, Any]:
    """What the grid draws, also below an open pane."""
    grid = client_grid(namespace, request.GET)
    return namespace_context(request, namespace, grid=grid, poll=poll_of(grid.page), **more)


@require_GET
def client_states(request: PageRequest, pk: int) -> HttpResponse:
    """The sync states of the asked rows, as out-of-band cells; asks again only while one of them moves."""
    namespace = get_namespace(request.user, pk, Verb.READ)
    rows = Client.objects.with_findings().filter(namespace=namespace).select_related("namespace")
    context = namespace_context(request, namespace, answer=states_asked_for(request.GET, rows), urls=STATE_URLS)
    return render_page(request, "namespaces/row_states.html", context)


@require_http_methods(["GET", "POST"])
def client_create(request: PageRequest, pk: int) -> HttpResponseBase:
    namespace = get_namespace(request.user, pk, Verb.CONTRIBUTE)
    data = request.POST if request.method == "POST" else None
    form = CreateClientForm(data, initial=filled_in(request.GET), namespace=namespace, user=request.user)
    if form.is_valid():
        chosen = {name: form.cleaned_data[name] for name in ("name", "authentication_name", "team")}
        try:
            client = create_client(request.user, namespace=namespace, **chosen, **form.settings())
        except RuleError as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, f"Client {client.name} is saved and on its way to Azure.")
            return go_to(request, "namespaces:client_list", pk)
    told = told_again(request.POST, uploaded=_uploaded(namespace), at=timezone.now())
    return _create_page(request, namespace, form, told, status=422 if form.is_bound else 200)


def _create_page(
    request: PageRequest,
    namespace: Namespace,
    form: CreateClientForm,
    told: Told,
    *,
    partial: str = "",
    status: int = 200,
) -> HttpResponse:
    if told.proposal is not None:
        form.keep_authentication_name()
    context = namespace_context(request, namespace, form=form, told=told)
    return render_page(request, "namespaces/client_create.html", context, partial=partial, status=status)


@require_POST
def client_create_draft(request: PageRequest, pk: int) -> HttpResponse:
    """The form as typed, with an attribute row more or less, or with what the client's certificate proposes."""
    namespace = get_namespace(request.user, pk, Verb.CONTRIBUTE)
    draft = draft_of(request.POST, request.FILES, namespace=namespace, uploaded=_uploaded(namespace), at=timezone.now())
    form = CreateClientForm(initial=draft.initial, rows=draft.rows, namespace=namespace, user=request.user)
    return _create_page(request, namespace, form, draft.told, partial="form")


@require_GET
def client_create_check(request: PageRequest, pk: int, field: str) -> HttpResponse:
    """Whether the name that is being typed would do."""
    namespace = get_namespace(request.user, pk, Verb.CONTRIBUTE)
    if field not in {"name", "authentication_name"}:
        raise Http404("Only names are checked while typing.")
    form = CreateClientForm(request.GET, namespace=namespace, user=request.user)
    context = {"problem": problem_of_one_field(form, field), "value": request.GET.get(field, "").strip()}
    return render_page(request, "namespaces/name_check.html", context)


@require_GET
def client_detail(request: PageRequest, pk: int, name: str) -> HttpResponse:
    client = get_client(request.user, pk, name, Verb.READ)
    context = namespace_context(request, client.namespace, client=client, poll=poll_of([client]))
    return render_page(request, "namespaces/client_detail.html", context)


@require_http_methods(["GET", "POST"])
def client_update(request: PageRequest, pk: int, name: str) -> HttpResponseBase:
    client = get_client(request.user, pk, name, Verb.CONTRIBUTE)
    data = request.POST if request.method == "POST" else None
    filled = filled_in_settings(client, request.GET) if data is None else {}
    form = ClientSettingsForm(data, initial=_settings_of(client) | filled, rows=rows_of(client.attributes))
    if form.is_valid():
        try:
            update_client(request.user, client=client, **form.settings())
        except RuleError as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, f"Client {client.name} is saved.")
            return go_to(request, "namespaces:client_list", pk)
    context = namespace_context(request, client.namespace, form=form, client=client, poll=poll_of([client]))
    context |= {"is_filled_in": bool(filled)}
    return render_page(request, "namespaces/client_update.html", context, status=422 if form.is_bound else 200)


@require_POST
def client_update_draft(request: PageRequest, pk: int, name: str) -> HttpResponse:
    client = get_client(request.user, pk, name, Verb.CONTRIBUTE)
    namespace = client.namespace
    draft = draft_of(request.POST, request.FILES, namespace=namespace, uploaded=_uploaded(namespace), at=timezone.now())
    form = ClientSettingsForm(initial=draft.initial, rows=draft.rows)
    context = namespace_context(request, namespace, form=form, client=client)
    return render_page(request, "namespaces/client_update.html", context, partial="form")


@require_http_methods(["GET", "POST"])
def client_change_authentication_name(request: PageRequest, pk: int, name: str) -> HttpResponseBase:
    client = get_client(request.user, pk, name, Verb.CONTRIBUTE)
    form = AuthenticationNameForm(request.POST if request.method == "POST" else None, client=client)
    if form.is_valid():
        try:
            change_authentication_name(request.user, client=client, **form.cleaned_data)
        except RuleError as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, f"{client.name} is being deleted and created again under its new name.")
            return go_to(request, "namespaces:client_list", pk)
    context = namespace_context(request, client.namespace, form=form, client=client)
    status = 422 if form.is_bound else 200
    return render_page(request, "namespaces/client_change_authentication_name.html", context, status=status)


@require_http_methods(["GET", "POST"])
def client_delete(request: PageRequest, pk: int, name: str) -> HttpResponseBase:
    client = get_client(request.user, pk, name, Verb.CONTRIBUTE)
    if request.method == "POST":
        try:
            delete_client(request.user, client=client)
        except RuleError as refusal:
            messages.warning(request, refusal.sentence)
        else:
            messages.success(request, f"Client {client.name} is being deleted.")
        return go_to(request, "namespaces:client_list", pk)
    context = _grid_context(request, client.namespace, client=client)
    return render_page(request, "namespaces/client_delete.html", context, partial="pane")


@require_POST
def client_retry(request: PageRequest, pk: int, name: str) -> HttpResponseBase:
    client = get_client(request.user, pk, name, Verb.CONTRIBUTE)
    retry_and_tell(request, client, client.name)
    return go_to(request, "namespaces:client_list", pk)


@require_GET
def client_json(request: PageRequest, pk: int, name: str) -> HttpResponse:
    client = get_client(request.user, pk, name, Verb.READ)
    context = namespace_context(request, client.namespace, client=client, json_view=json_view_of(client))
    return render_page(request, "namespaces/client_json.html", context)


@require_GET
def client_commands(request: PageRequest, pk: int, name: str) -> HttpResponse:
    client = get_client(request.user, pk, name, Verb.READ)
    commands = az_commands(client.arm_id(), client.name, client.body(), api_version_of(client))
    context = namespace_context(request, client.namespace, client=client, az_commands=commands)
    return render_page(request, "namespaces/client_commands.html", context)


def _uploaded(namespace: Namespace) -> dict[str, str]:
    """Subjects of the uploaded CA certificates by their thumbprints."""
    return dict(namespace.ca_certificates.filter(deleted_at=None).values_list("thumbprint", "subject"))


def _settings_of(client: Client) -> dict[str, object]:
    return {
        "validation_scheme": client.validation_scheme,
        "thumbprints": client.thumbprints,
        "state": client.state,
        "description": client.description,
    }
