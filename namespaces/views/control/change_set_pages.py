"""The pages of change sets: the list, one of them, and its JSON."""

from django.http import Http404, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_safe

from namespaces.access import get_namespace
from namespaces.control.visibility import visible_change_sets
from namespaces.forms.control.change_sets import EmergencyForm
from namespaces.models import ChangeSet
from namespaces.pages.control.change_set import change_set_page, progress_of
from namespaces.pages.control.change_set_list import change_set_list
from namespaces.rights import Verb
from namespaces.views.context import namespace_context
from portal.web.responses import PageRequest, render_page

LIST = "namespaces:change_set_list"


@require_safe
def change_sets(request: PageRequest, pk: int) -> HttpResponse:
    namespace = get_namespace(request.user, pk, Verb.READ)
    now = timezone.now()
    listed = change_set_list(request.user, namespace, request.GET, at=now)
    context = namespace_context(request, namespace, listed=listed, page=listed.page, now=now)
    return render_page(request, "namespaces/change_set_list.html", context)


def get_change_set(request: PageRequest, pk: int, number: int) -> ChangeSet:
    """Return a change set that the user sees, with its namespace as the user sees that. Raise Http404."""
    namespace = get_namespace(request.user, pk, Verb.READ)
    row = visible_change_sets(request.user, namespace).select_related("requested_by").filter(pk=number).first()
    if row is None:
        raise Http404("There is no such change set.")
    row.namespace = namespace
    return row


@require_safe
def change_set_detail(request: PageRequest, pk: int, number: int) -> HttpResponseBase:
    """Show a change set, with `changes=all` every change. A draft is not there for anyone yet: its page is the request."""
    row = get_change_set(request, pk, number)
    if row.state == ChangeSet.State.DRAFT:
        return redirect("namespaces:change_set_request", pk, number)
    was = request.GET.get("was", "")
    if not (request.htmx and was):
        return detail_page(request, row)
    shown = progress_of(row, at=timezone.now())
    context = namespace_context(request, row.namespace, shown=shown, row=row, has_moved=was != shown.state, was=was)
    return render_page(request, "namespaces/change_set_steps.html", context)


def detail_page(
    request: PageRequest,
    row: ChangeSet,
    *,
    problem: str = "",
    typed: str = "",
    emergency: EmergencyForm | None = None,
    status: int = 200,
) -> HttpResponse:
    """Return the page of a change set; after a refusal with `problem`, and with what was `typed`."""
    is_whole = request.GET.get("changes") == "all" or bool(request.POST.get("shown"))
    shown = change_set_page(request.user, row, at=timezone.now(), is_whole=is_whole)
    context = namespace_context(
        request,
        row.namespace,
        shown=shown,
        row=row,
        problem=problem,
        typed=typed,
        emergency=(emergency or EmergencyForm(user=request.user)) if shown.may_force and not shown.more else None,
        menu_current=LIST,
    )
    return render_page(request, "namespaces/change_set_detail.html", context, status=status)


@require_safe
def change_set_json(request: PageRequest, pk: int, number: int) -> HttpResponse:
    """Return a change set as JSON: what is approved, by whom, and how far it is."""
    row = get_change_set(request, pk, number)
    approvals = row.approvals.select_related("user")
    data = {
        "number": row.pk,
        "title": row.title,
        "reason": row.reason,
        "state": row.state_at(timezone.now()),
        "requested_by": row.requested_by.username,
        "requested_at": row.requested_at,
        "expires_at": row.expires_at,
        "revision": row.revision,
        "digest": row.digest,
        "needs": row.needs,
        "changes": [each.content | {"confirmed_at": each.confirmed_at} for each in row.changes.order_by("position")],
        "approvals": [{"by": each.user.username, "at": each.at, "revision": each.revision} for each in approvals],
    }
    return JsonResponse(data, json_dumps_params={"indent": 2, "ensure_ascii": False})
