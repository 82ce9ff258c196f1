"""Request approval of a draft, or apply it at once."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.views.decorators.http import require_http_methods, require_POST

from namespaces.access import get_namespace
from namespaces.actions.change_sets.emergency import apply_at_once
from namespaces.actions.change_sets.policy import approvers_for
from namespaces.actions.change_sets.records import url_of
from namespaces.actions.change_sets.requests import add_to, request_approval, withdraw
from namespaces.control.kinds import kind_of
from namespaces.control.rules.policy import LABELS, Need
from namespaces.control.standing import policy_of
from namespaces.forms.control.change_sets import EmergencyForm, RequestForm
from namespaces.models import ChangeSet, Namespace
from namespaces.rights import Verb
from namespaces.rules.errors import RuleError
from namespaces.views.context import namespace_context
from namespaces.views.control.change_set_pages import detail_page, get_change_set
from portal.web.responses import PageRequest, go_to, render_page

SHOWN = 20  # changes listed on the page of the request


def own_draft(request: PageRequest, pk: int, number: int) -> tuple[Namespace, ChangeSet]:
    """Return a draft of the user. Raise Http404 for what is none, or not theirs."""
    namespace = get_namespace(request.user, pk, Verb.READ)
    drafts = ChangeSet.objects.filter(namespace=namespace, requested_by=request.user, state=ChangeSet.State.DRAFT)
    draft = drafts.select_related("requested_by").filter(pk=number).first()
    if draft is None:
        raise Http404("There is no such draft. It may have been requested already.")
    draft.namespace = namespace
    return namespace, draft


@require_http_methods(["GET", "HEAD", "POST"])
def change_set_request(request: PageRequest, pk: int, number: int) -> HttpResponseBase:
    """Give a draft a title and a reason, and ask people to approve it."""
    namespace, draft = own_draft(request, pk, number)
    form = RequestForm(request.POST if request.method == "POST" else None, draft=draft)
    if form.is_valid():
        target = form.cleaned_data["add_to"]
        try:
            if target is not None:
                made = add_to(request.user, draft=draft, change_set=target)
            else:
                texts = {name: form.cleaned_data[name] for name in ("title", "reason")}
                made = request_approval(request.user, change_set=draft, **texts)
        except RuleError as refusal:
            form.refuse(refusal)
        else:
            return _requested(request, made)
    return _page(request, namespace, draft, form=form)


def _requested(request: PageRequest, made: ChangeSet) -> HttpResponseBase:
    if made.state == ChangeSet.State.DRAFT:
        messages.success(request, f"Added to “{made.title}”.", extra_tags="change-set-added")
        return go_to(request, "namespaces:change_set_request", made.namespace_id, made.pk)
    if made.state == ChangeSet.State.OPEN:
        sentence = f"“{made.title}” is requested. Nothing is sent to Azure before it is approved."
    else:
        sentence = f"“{made.title}” needs no approval any more and is being applied."
    messages.success(request, sentence, extra_tags="change-set-requested")
    return go_to(request, url_of(made))


@require_POST
def change_set_emergency(request: PageRequest, pk: int, number: int) -> HttpResponseBase:
    """Apply a draft of one's own, or an open request, at once, after the password or a code."""
    get_namespace(request.user, pk, Verb.OWN)
    row = get_change_set(request, pk, number)
    emergency = EmergencyForm(request.POST, user=request.user)
    if emergency.is_valid():
        reason, shown = emergency.cleaned_data["emergency_reason"], request.POST.get("shown", "")
        try:
            made = apply_at_once(request.user, change_set=row, reason=reason, is_proven=True, shown=shown)
        except RuleError as refusal:
            emergency.refuse(refusal)
        else:
            sentence = (
                f"“{made.title}” is applied at once. Everyone concerned was told, and another person confirms it."
            )
            messages.warning(request, sentence, extra_tags="change-set-emergency")
            return go_to(request, url_of(made))
    if row.state != ChangeSet.State.DRAFT:
        return detail_page(request, row, emergency=emergency, status=422)
    namespace, draft = own_draft(request, pk, number)
    return _page(request, namespace, draft, form=RequestForm(draft=draft), emergency=emergency)


@require_POST
def change_set_discard(request: PageRequest, pk: int, number: int) -> HttpResponseBase:
    """Forget a draft."""
    _, draft = own_draft(request, pk, number)
    withdraw(request.user, change_set=draft)
    messages.info(request, "The change was not requested. Nothing was saved.", extra_tags="change-set-discarded")
    return go_to(request, "namespaces:namespace_overview", pk)


def _page(
    request: PageRequest,
    namespace: Namespace,
    draft: ChangeSet,
    *,
    form: RequestForm,
    emergency: EmergencyForm | None = None,
) -> HttpResponse:
    policy = policy_of(namespace.pk)
    may_force = policy.emergency and Verb.OWN in namespace.rights.verbs
    approvers = approvers_for(namespace, request.user, policy)
    changes = list(draft.changes.order_by("position")[: SHOWN + 1])
    context: dict[str, Any] = {
        "draft": draft,
        "form": form,
        "emergency": (emergency or EmergencyForm(user=request.user)) if may_force else None,
        "changes": [(change, kind_of(change.kind).label) for change in changes[:SHOWN]],
        "more": draft.changes.count() - SHOWN if len(changes) > SHOWN else 0,
        "why": [LABELS[Need(code)] for code in draft.needs],
        "needed": policy.approvals,
        "approvers": [each.display_name for each in approvers[:10]],
        "is_stuck": len(approvers) < policy.approvals,
        "policy": policy,
    }
    is_refused = form.is_bound or (emergency is not None and emergency.is_bound)
    whole = namespace_context(request, namespace, **context)
    return render_page(request, "namespaces/change_set_request.html", whole, status=422 if is_refused else 200)
