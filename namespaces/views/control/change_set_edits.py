"""The requester edits a request: title, reason, and which changes it holds. Each edit makes the approvals void."""

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from namespaces.actions.change_sets import requests
from namespaces.forms.control.change_sets import TextsForm
from namespaces.models import ChangeSet
from namespaces.pages.control.shown_changes import shown_changes
from namespaces.rules.errors import RuleError
from namespaces.views.context import namespace_context
from namespaces.views.control.change_set_pages import LIST, get_change_set
from portal.listing import whole_number
from portal.web.responses import PageRequest, go_to, render_page

EDIT, DETAIL = "namespaces:change_set_edit", "namespaces:change_set_detail"


def _own_request(request: PageRequest, pk: int, number: int) -> ChangeSet:
    """Return a request of the user that can be edited. Raise Http404 for any other."""
    row = get_change_set(request, pk, number)
    is_editable = row.state_at(timezone.now()) in ChangeSet.EDITABLE and row.state != ChangeSet.State.DRAFT
    if row.requested_by_id != request.user.pk or not is_editable:
        raise Http404("There is no such request of yours that can be edited.")
    return row


@require_http_methods(["GET", "HEAD", "POST"])
def change_set_edit(request: PageRequest, pk: int, number: int) -> HttpResponseBase:
    """Change title and reason."""
    row = _own_request(request, pk, number)
    initial = {"title": row.title, "reason": row.reason}
    form = TextsForm(request.POST if request.method == "POST" else None, initial=initial)
    if form.is_valid():
        values = {name: form.cleaned_data[name] for name in ("title", "reason")}
        if values == initial:
            return go_to(request, DETAIL, pk, number)
        try:
            requests.edit_texts(request.user, change_set=row, **values)
        except RuleError as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, "The change set is saved and requested again.", extra_tags="change-set-edited")
            return go_to(request, DETAIL, pk, number)
    return _page(request, row, form, status=422 if form.is_bound else 200)


@require_POST
def change_set_remove(request: PageRequest, pk: int, number: int) -> HttpResponseBase:
    """Take one change out of the request: the one at the `position` that the page showed."""
    row = _own_request(request, pk, number)
    form = TextsForm(initial={"title": row.title, "reason": row.reason})
    try:
        position = whole_number(request.POST.get("position", ""))
        if position is None or not row.changes.filter(position=position).exists():
            raise RuleError("", "unknown", "Choose one of its changes.")
        if request.POST.get("revision") != str(row.revision):
            raise RuleError("", "changed-meanwhile", "It was edited meanwhile. Look at its changes again.")
        requests.remove_change(request.user, change_set=row, position=position)
    except RuleError as refusal:
        return _page(request, row, form, problem=refusal.sentence, status=422)
    messages.success(request, "The change is removed, and the rest is requested again.", extra_tags="change-set-edited")
    return go_to(request, EDIT, pk, number)


def _page(
    request: PageRequest, row: ChangeSet, form: TextsForm, *, problem: str = "", status: int = 200
) -> HttpResponse:
    changes = list(row.changes.select_related("team").order_by("position"))
    context = namespace_context(
        request,
        row.namespace,
        row=row,
        form=form,
        problem=problem,
        changes=shown_changes(changes),
        has_approvals=row.approvals.filter(revision=row.revision).exists(),
        menu_current=LIST,
    )
    return render_page(request, "namespaces/change_set_edit.html", context, status=status)
