"""Client groups, topic spaces and permission bindings: the same pages for each, told apart by `kind`."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from namespaces.access import Verb, get_namespace, get_topic_rule
from namespaces.actions.topic_rules import delete_topic_rule
from namespaces.forms.clients import problem_of_one_field
from namespaces.forms.topic_rule_draft import changed_draft
from namespaces.models import ClientGroup, Namespace, TopicRule
from namespaces.pages.az_commands import az_commands
from namespaces.pages.history import object_history
from namespaces.pages.json_view import api_version_of, json_view_of
from namespaces.pages.responses import PageRequest, go_to, namespace_context, render_page, retry_and_tell
from namespaces.pages.sync_polling import poll_of, states_asked_for
from namespaces.pages.topic_rule_effects import matches_of, operands_in, reach_of
from namespaces.rules.clients import RuleError
from namespaces.rules.query_builder import OPERATORS
from namespaces.rules.topic_rules import MAX_TEMPLATES
from namespaces.views.topic_rule_kinds import Kind, rule_grid, values_of


def _context(request: PageRequest, namespace: Namespace, kind: Kind, **more: Any) -> dict[str, Any]:
    return namespace_context(request, namespace, kind=kind, urls=kind.urls, **more)


def _grid_context(request: PageRequest, namespace: Namespace, kind: Kind, **more: Any) -> dict[str, Any]:
    """What the grid draws, also below an open pane."""
    grid = rule_grid(kind, namespace, request.GET)
    return _context(request, namespace, kind, grid=grid, poll=poll_of(grid.page), **more)


def _pane_context(request: PageRequest, namespace: Namespace, kind: Kind, form: Any, **more: Any) -> dict[str, Any]:
    """What the pane with the form draws: of a group, also what can be asked and who matches."""
    context = _grid_context(request, namespace, kind, form=form, **more)
    if kind.model is ClientGroup:
        query = str(form["query"].value() or "")
        context |= {"operands": operands_in(namespace), "operators": OPERATORS}
        context |= {"matches": matches_of(namespace, query) if query else None}
    return context


@require_GET
def rule_list(request: PageRequest, pk: int, kind: Kind) -> HttpResponse:
    namespace = get_namespace(request.user, pk, Verb.READ)
    context = _grid_context(request, namespace, kind)
    return render_page(request, "namespaces/topic_rule_list.html", context, partial="grid")


@require_GET
def rule_states(request: PageRequest, pk: int, kind: Kind) -> HttpResponse:
    """The sync states of the asked rows, as out-of-band cells; asks again only while one of them moves."""
    namespace = get_namespace(request.user, pk, Verb.READ)
    manager: Any = kind.model._default_manager
    rows = manager.with_findings().filter(namespace=namespace).select_related("namespace")
    context = _context(request, namespace, kind, answer=states_asked_for(request.GET, rows))
    return render_page(request, "namespaces/row_states.html", context)


@require_http_methods(["GET", "POST"])
def rule_create(request: PageRequest, pk: int, kind: Kind) -> HttpResponseBase:
    namespace = get_namespace(request.user, pk, Verb.CONTRIBUTE)
    data = request.POST if request.method == "POST" else None
    initial: dict[str, Any] = {name: request.GET[name] for name in kind.form.value_names if name in request.GET}
    if "templates" in initial:
        initial["templates"] = request.GET.getlist("templates")[:MAX_TEMPLATES]
    form = kind.form(data, namespace=namespace, user=request.user, initial=initial)
    if form.is_valid():
        chosen = {name: form.cleaned_data[name] for name in ("name", "team")}
        try:
            row = kind.create(request.user, namespace=namespace, **chosen, **form.values())
        except RuleError as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, f"{kind.button} {row.name} is saved and on its way to Azure.")
            return go_to(request, kind.url("list"), pk)
    context = _pane_context(request, namespace, kind, form)
    status = 422 if form.is_bound else 200
    return render_page(request, "namespaces/topic_rule_form.html", context, partial="pane", status=status)


@require_POST
def rule_create_draft(request: PageRequest, pk: int, kind: Kind) -> HttpResponse:
    """The form as typed, with one condition or one template more or less."""
    namespace = get_namespace(request.user, pk, Verb.CONTRIBUTE)
    draft = changed_draft(request.POST)
    form = kind.form(initial=draft.initial, namespace=namespace, user=request.user)
    context = _pane_context(request, namespace, kind, form, draft=draft)
    return render_page(request, "namespaces/topic_rule_form.html", context, partial="pane")


@require_GET
def rule_check_name(request: PageRequest, pk: int, kind: Kind) -> HttpResponse:
    """Whether the name that is being typed would do."""
    namespace = get_namespace(request.user, pk, Verb.CONTRIBUTE)
    form = kind.form(request.GET, namespace=namespace, user=request.user)
    context = {"problem": problem_of_one_field(form, "name"), "value": request.GET.get("name", "").strip()}
    return render_page(request, "namespaces/name_check.html", context)


@require_GET
def rule_detail(request: PageRequest, pk: int, name: str, kind: Kind) -> HttpResponse:
    row = get_topic_rule(request.user, kind.model, pk, name, Verb.READ)
    context = _context(request, row.namespace, kind, row=row, poll=poll_of([row]), reach=reach_of(row))
    return render_page(request, "namespaces/topic_rule_detail.html", context)


@require_http_methods(["GET", "POST"])
def rule_update(request: PageRequest, pk: int, name: str, kind: Kind) -> HttpResponseBase:
    row = get_topic_rule(request.user, kind.model, pk, name, Verb.CONTRIBUTE)
    data = request.POST if request.method == "POST" else None
    form = kind.form(data, namespace=row.namespace, user=request.user, row=row, initial=values_of(row))
    if form.is_valid():
        try:
            kind.update(request.user, row, **form.values())
        except RuleError as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, f"{kind.button} {row.name} is saved.")
            return go_to(request, kind.url("detail"), pk, row.name)
    context = _pane_context(request, row.namespace, kind, form, row=row)
    status = 422 if form.is_bound else 200
    return render_page(request, "namespaces/topic_rule_form.html", context, partial="pane", status=status)


@require_POST
def rule_update_draft(request: PageRequest, pk: int, name: str, kind: Kind) -> HttpResponse:
    row = get_topic_rule(request.user, kind.model, pk, name, Verb.CONTRIBUTE)
    draft = changed_draft(request.POST)
    form = kind.form(initial=draft.initial, namespace=row.namespace, user=request.user, row=row)
    context = _pane_context(request, row.namespace, kind, form, row=row, draft=draft)
    return render_page(request, "namespaces/topic_rule_form.html", context, partial="pane")


@require_http_methods(["GET", "POST"])
def rule_delete(request: PageRequest, pk: int, name: str, kind: Kind) -> HttpResponseBase:
    row: TopicRule = get_topic_rule(request.user, kind.model, pk, name, Verb.CONTRIBUTE)
    if request.method == "POST":
        try:
            delete_topic_rule(request.user, row=row, with_bindings=request.POST.getlist("binding"))
        except RuleError as refusal:
            messages.warning(request, refusal.sentence)
        else:
            messages.success(request, f"{kind.button} {row.name} is being deleted.")
        return go_to(request, kind.url("list"), pk)
    context = _grid_context(request, row.namespace, kind, row=row, reach=reach_of(row))
    return render_page(request, "namespaces/topic_rule_delete.html", context, partial="pane")


@require_POST
def rule_retry(request: PageRequest, pk: int, name: str, kind: Kind) -> HttpResponseBase:
    row: TopicRule = get_topic_rule(request.user, kind.model, pk, name, Verb.CONTRIBUTE)
    retry_and_tell(request, row, row.name)
    return go_to(request, kind.url("list"), pk)


@require_GET
def rule_activity(request: PageRequest, pk: int, name: str, kind: Kind) -> HttpResponse:
    row = get_topic_rule(request.user, kind.model, pk, name, Verb.READ)
    history = object_history(row.kind, row.pk, request.GET)
    context = _context(request, row.namespace, kind, row=row, history=history)
    return render_page(request, "namespaces/topic_rule_activity.html", context)


@require_GET
def rule_json(request: PageRequest, pk: int, name: str, kind: Kind) -> HttpResponse:
    row = get_topic_rule(request.user, kind.model, pk, name, Verb.READ)
    context = _context(request, row.namespace, kind, row=row, json_view=json_view_of(row))
    return render_page(request, "namespaces/topic_rule_json.html", context)


@require_GET
def rule_commands(request: PageRequest, pk: int, name: str, kind: Kind) -> HttpResponse:
    row = get_topic_rule(request.user, kind.model, pk, name, Verb.READ)
    commands = az_commands(row.arm_id(), row.name, row.body(), api_version_of(row))
    context = _context(request, row.namespace, kind, row=row, az_commands=commands)
    return render_page(request, "namespaces/topic_rule_commands.html", context)
