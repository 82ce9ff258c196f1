"""The pages of clients, CA certificates, client groups, topic spaces and permission bindings: written once.

Each view takes the type of the resource as `kind`.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase, QueryDict
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from namespaces.access import get_namespace, get_resource, note_if_hidden, rights_of
from namespaces.actions.resources import ChangedMeanwhile, Gone
from namespaces.forms.base import ResourceForm, problem_of_one_field
from namespaces.models import Namespace
from namespaces.pages.az_commands import az_commands
from namespaces.pages.history import object_history
from namespaces.pages.json_view import api_version_of, json_view_of
from namespaces.pages.sharing.ownership import may_assign, teams_to_assign
from namespaces.pages.sync_polling import poll_of, states_asked_for
from namespaces.rights import Verb
from namespaces.rules.errors import RuleError
from namespaces.views.context import namespace_context
from namespaces.views.resources.conflicts import (
    CHANGED,
    NO_GENERATION,
    chosen_values,
    conflict,
    deletion_conflict,
    edition_to_check,
    is_resolving,
    opened_with,
)
from namespaces.views.resources.kinds import Kind
from namespaces.views.resources.progress import announce, notice
from namespaces.views.resources.refusals import observe_refusal
from portal.people.columns import keep_hidden_columns
from portal.people.contacts import whom_to_ask_in
from portal.web.exports import list_file
from portal.web.responses import PageRequest, go_to, render_page
from sync.actions import NothingToRetry, retry
from sync.models import SyncedModel
from sync.pages.changes_since import former_names, last_entry_of

LONGEST_QUERY = 2000  # characters of the query string that the list is shown with again


def kind_context(request: PageRequest, namespace: Namespace, kind: Kind, **more: Any) -> dict[str, Any]:
    """Return the context of every page of this type."""
    list_url = kind.url("list")
    own = {"kind": kind, "urls": kind.urls, "menu_current": list_url, "now": namespace.judged_at(timezone.now())}
    may_change = bool(rights_of(request.user, namespace).reach(kind.model))
    return namespace_context(request, namespace, **own | {"may_contribute": may_change} | more)


def grid_context(request: PageRequest, namespace: Namespace, kind: Kind, **more: Any) -> dict[str, Any]:
    """Return the context of the list, also below an open pane."""
    grid = kind.listing.grid(namespace, request.GET, hidden=request.user.hidden_columns.get(kind.stem, ()))
    rights = rights_of(request.user, namespace)
    for row in grid.page:
        row.may_change = rights.covers(row)
    if "bulk" in kind.extras:
        more = {"has_boxes": bool(rights.reach(kind.model))} | more
        more = {"teams_to_assign": teams_to_assign(request.user, namespace, kind.model)} | more
    return kind_context(request, namespace, kind, grid=grid, poll=poll_of(grid.page), **more)


def row_context(request: PageRequest, row: Any, kind: Kind, *, tab: str = "", **more: Any) -> dict[str, Any]:
    """Return the context of a page of one resource; `tab` is the action of the open tab."""
    own = kind.row_context(row)
    tabs = kind.tabs_of(row, own.get("tab_notes", {}))
    may_change = rights_of(request.user, row.namespace).covers(row)
    context = {"row": row, "tab": tab, "tabs": tabs, "may_contribute": may_change} | own | more
    context |= {
        "may_assign": may_assign(row.namespace, row),
        "whom_to_ask": "" if may_change else whom_to_ask_in(row.team),
    }
    return kind_context(request, row.namespace, kind, **context)


@require_safe
def resource_list(request: PageRequest, pk: int, kind: Kind) -> HttpResponse:
    namespace = get_namespace(request.user, pk, Verb.READ)
    context = grid_context(request, namespace, kind)
    return render_page(request, "namespaces/resource_list.html", context, partial="grid")


@require_POST
def resource_columns(request: PageRequest, pk: int, kind: Kind) -> HttpResponseBase:
    """Keep which columns of the list this person wants to see. Those that are not sent are turned off."""
    get_namespace(request.user, pk, Verb.READ)
    wanted = set(request.POST.getlist("column"))
    off = [] if "all" in request.POST else [key for key in list(kind.listing.columns)[1:] if key not in wanted]
    keep_hidden_columns(request.user, kind.stem, off)
    back = QueryDict(request.POST.get("query", "")[:LONGEST_QUERY])
    kept = [(key, back[key]) for key in (*kind.listing.keys, "sort", "size", "page") if back.get(key)]
    return go_to(request, f"{reverse(kind.url('list'), args=[pk])}{'?' if kept else ''}{urlencode(kept)}")


@require_safe
def resource_csv(request: PageRequest, pk: int, kind: Kind) -> HttpResponseBase:
    """Download the rows of the list, with the same filter and order, as a CSV file."""
    return resource_export(request, pk, "csv", kind)


@require_safe
def resource_export(request: PageRequest, pk: int, ending: str, kind: Kind) -> HttpResponseBase:
    """Download the rows of the list, with the same filter and order, as a file of this kind."""
    namespace = get_namespace(request.user, pk, Verb.READ)
    stem = f"{namespace.name}-{kind.stem.replace('_', '-')}s"
    return list_file(request, ending, stem, kind.listing.rows(namespace, request.GET), kind.exported)


@require_safe
def resource_states(request: PageRequest, pk: int, kind: Kind) -> HttpResponse:
    """Return the sync states of the rows asked for as out-of-band cells, and the next poll while one is unsettled.

    For `notice`, return the notification of the change of one row.
    """
    namespace = get_namespace(request.user, pk, Verb.READ)
    if "notice" in request.GET:
        return notice(request, namespace, kind)
    rows = kind.model.visible_to(namespace.sight).with_findings().select_related("namespace")
    context = kind_context(request, namespace, kind, answer=states_asked_for(request.GET, rows))
    return render_page(request, "namespaces/row_states.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def resource_create(request: PageRequest, pk: int, kind: Kind) -> HttpResponseBase:
    namespace = get_namespace(request.user, pk, Verb.CONTRIBUTE, model=kind.model)
    form = kind.form(request, namespace, None, request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            row: Any = kind.create(request.user, namespace=namespace, **form.values())
        except RuleError as refusal:
            form.refuse(refusal)
        else:
            announce(request, kind, row, "create")
            if "another" in request.POST:
                url = reverse(kind.url("create"), args=[pk])
                return go_to(request, f"{url}?{urlencode({'like': row.name})}")
            row.namespace = namespace  # as the user sees it
            following = kind.after_create(request, row)
            return go_to(request, following) if following else go_to(request, kind.url("list"), pk)
    return form_page(request, namespace, kind, form)


@require_http_methods(["GET", "HEAD", "POST"])
def resource_update(request: PageRequest, pk: int, name: str, kind: Kind) -> HttpResponseBase:
    try:
        row: Any = get_resource(request.user, kind.model, pk, name, Verb.CONTRIBUTE)
    except Http404:
        if request.method == "POST":
            return _gone_page(request, pk, name, kind)
        raise
    form = kind.form(request, row.namespace, row, request.POST if request.method == "POST" else None)
    if form.is_valid():
        values = form.values()
        try:
            opened = edition_to_check(request)
            kind.update(request.user, row, **chosen_values(request, row, values), opened=opened)
        except ChangedMeanwhile as changed:
            changed.row.namespace = row.namespace  # type: ignore[attr-defined]  # as the user sees it
            return _conflict_page(request, kind, changed.row, values)
        except Gone:
            return _gone_page(request, pk, name, kind)
        except RuleError as refusal:
            if is_resolving(request):
                return _conflict_page(request, kind, row, values, problem=refusal.sentence)
            form.refuse(refusal)
        else:
            announce(request, kind, row, "update")
            return go_to(
                request, kind.url(kind.after_update), pk, *([row.name] if kind.after_update == "detail" else [])
            )
    return form_page(request, row.namespace, kind, form, row)


def _conflict_page(
    request: PageRequest, kind: Kind, row: Any, values: Mapping[str, Any], *, problem: str = ""
) -> HttpResponse:
    """Show what others changed meanwhile beside what was typed, for the user to choose."""
    more = conflict(request, row, values, problem=problem)
    context = grid_context(request, row.namespace, kind, row=row, **more)
    return render_page(request, "namespaces/resource_conflict.html", context, partial="pane", status=CHANGED)


def _gone_page(request: PageRequest, pk: int, name: str, kind: Kind) -> HttpResponse:
    """Show the form that creates a resource, with what was typed into the form of one that others deleted meanwhile."""
    namespace = get_namespace(request.user, pk, Verb.CONTRIBUTE, model=kind.model)
    last = last_entry_of(kind.model, namespace.sight, name)
    if last is None:
        note_if_hidden(kind.model, namespace, name)
        raise Http404(f"There is no such {kind.noun}.")
    typed = request.POST.copy()
    typed.update({key: value for key, value in former_names(last).items() if key not in typed})
    if kind.draft is not None:
        request.POST = typed  # type: ignore[assignment]
        form, more = kind.draft(request, namespace, None)
    else:
        form, more = kind.form(request, namespace, None, typed), {}
    return form_page(request, namespace, kind, form, status=CHANGED, gone=last, **more)


def form_page(
    request: PageRequest,
    namespace: Namespace,
    kind: Kind,
    form: ResourceForm,
    row: Any = None,
    *,
    status: int = 0,
    **more: Any,
) -> HttpResponse:
    """Return the page or pane with the form; 422 where the form came back with errors."""
    of_form = kind.form_context(request, namespace, form) | more
    if row is not None:
        of_form["opened"] = opened_with(request, row)
    if kind.form_is_pane:
        context = grid_context(request, namespace, kind, form=form, row=row, **of_form)
    elif row is None:
        context = kind_context(request, namespace, kind, form=form, **of_form)
    else:
        context = row_context(request, row, kind, form=form, poll=poll_of([row]), **of_form)
    template = kind.form_templates[0 if row is None else 1]
    if form.is_bound:
        observe_refusal(request.user, namespace.pk, form)
    status = status or (422 if form.is_bound else 200)
    return render_page(request, template, context, partial=kind.form_partial, status=status)


@require_POST
def resource_create_draft(request: PageRequest, pk: int, kind: Kind) -> HttpResponse:
    """Return the form as typed, with one row added or removed. Nothing is saved."""
    namespace = get_namespace(request.user, pk, Verb.CONTRIBUTE, model=kind.model)
    assert kind.draft is not None  # else it has no such url
    form, more = kind.draft(request, namespace, None)
    return form_page(request, namespace, kind, form, **more)


@require_POST
def resource_update_draft(request: PageRequest, pk: int, name: str, kind: Kind) -> HttpResponse:
    """Return the form as typed, with one row added or removed. Nothing is saved."""
    row: Any = get_resource(request.user, kind.model, pk, name, Verb.CONTRIBUTE)
    assert kind.draft is not None  # else it has no such url
    form, more = kind.draft(request, row.namespace, row)
    return form_page(request, row.namespace, kind, form, row, **more)


@require_safe
def resource_check_name(request: PageRequest, pk: int, kind: Kind, field: str = "name") -> HttpResponse:
    """Check a name while it is being typed."""
    namespace = get_namespace(request.user, pk, Verb.CONTRIBUTE, model=kind.model)
    if field not in kind.checked_fields:
        raise Http404("Only names are checked while typing.")
    form = kind.form(request, namespace, None, request.GET)
    context = {"problem": problem_of_one_field(form, field), "value": request.GET.get(field, "").strip()}
    return render_page(request, "namespaces/name_check.html", context)


@require_safe
def resource_detail(request: PageRequest, pk: int, name: str, kind: Kind) -> HttpResponse:
    row = get_resource(request.user, kind.model, pk, name, Verb.READ)
    context = row_context(request, row, kind, tab="detail", poll=poll_of([row]), **kind.detail_context(request, row))
    return render_page(request, "namespaces/resource_detail.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def resource_delete(request: PageRequest, pk: int, name: str, kind: Kind) -> HttpResponseBase:
    """Ask before deleting, and delete."""
    row: Any = get_resource(request.user, kind.model, pk, name, Verb.CONTRIBUTE)
    own = kind.row_context(row) | kind.detail_context(request, row)
    wanted = row.name if kind.is_in_use(row, own) else ""
    problem = name_problem(request, wanted) if request.method == "POST" else ""
    status = 422 if problem else 200
    more: dict[str, Any] = {"opened": opened_with(request, row)}
    if request.method == "POST" and not problem:
        try:
            kind.delete(request.user, row, request.POST, opened=edition_to_check(request))
        except ChangedMeanwhile as changed:
            changed.row.namespace = row.namespace  # type: ignore[attr-defined]  # as the user sees it
            row, status, more = changed.row, CHANGED, deletion_conflict(request, changed)
        except RuleError as refusal:
            if refusal is not NO_GENERATION:
                messages.warning(request, refusal.sentence, extra_tags=refusal.code)
                return go_to(request, kind.url("list"), pk)
            status, more = 422, more | {"refusal": refusal}
        else:
            announce(request, kind, row, "delete")
            return go_to(request, kind.url("list"), pk)
    context = grid_context(request, row.namespace, kind, row=row, wanted=wanted, problem=problem, **own | more)
    return render_page(request, "namespaces/resource_delete.html", context, partial="pane", status=status)


def name_problem(request: PageRequest, wanted: str) -> str:
    """Return what is wrong with the name typed to confirm a deletion, or "" where it is right or none is asked for."""
    if not wanted or request.POST.get("typed_name", "").strip() == wanted:
        return ""
    return f"Type “{wanted}” exactly as it is. Nothing was deleted."


@require_POST
def resource_retry(request: PageRequest, pk: int, name: str, kind: Kind) -> HttpResponseBase:
    row: Any = get_resource(request.user, kind.model, pk, name, Verb.CONTRIBUTE)
    if retried(request, row, row.name):
        announce(request, kind, row, "retry")
    return go_to(request, kind.url("list"), pk)


def retried(request: PageRequest, row: SyncedModel, name: str) -> bool:
    """Retry a change that Azure rejected. Where there was none, say so on the next page."""
    try:
        retry(request.user, row=row)
    except NothingToRetry:
        messages.info(request, f"{name} is not waiting for a retry.")
        return False
    return True


@require_safe
def resource_activity(request: PageRequest, pk: int, name: str, kind: Kind) -> HttpResponse:
    row: Any = get_resource(request.user, kind.model, pk, name, Verb.READ)
    history = object_history(row, request.GET, row.namespace.sight)
    context = row_context(request, row, kind, tab="activity", history=history)
    return render_page(request, "namespaces/resource_activity.html", context)


@require_safe
def resource_json(request: PageRequest, pk: int, name: str, kind: Kind) -> HttpResponse:
    row = get_resource(request.user, kind.model, pk, name, Verb.READ)
    context = row_context(request, row, kind, tab="json", json_view=json_view_of(row))
    return render_page(request, "namespaces/resource_json.html", context)


@require_safe
def resource_commands(request: PageRequest, pk: int, name: str, kind: Kind) -> HttpResponse:
    row: Any = get_resource(request.user, kind.model, pk, name, Verb.READ)
    families = () if row.is_held_back else az_commands(row.arm_id(), row.body(), api_version_of(row))
    context = row_context(request, row, kind, tab="commands", families=families)
    return render_page(request, "namespaces/resource_commands.html", context)
