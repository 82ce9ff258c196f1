"""The policy that asks for approval: read it, change it, turn it on with one click."""

from dataclasses import replace

from django.contrib import messages
from django.http import HttpResponseBase
from django.views.decorators.http import require_http_methods

from namespaces.access import get_namespace
from namespaces.actions.change_sets.policy import approvers_for, set_policy
from namespaces.control.rules.policy import Policy
from namespaces.forms.control.policy import PolicyForm, initial_of
from namespaces.models import ControlPolicy, Namespace
from namespaces.rights import Verb
from namespaces.rules.errors import RuleError
from namespaces.views.context import namespace_context
from portal.web.responses import PageRequest, go_to, render_page

NAMED = 10


@require_http_methods(["GET", "HEAD", "POST"])
def control_policy(request: PageRequest, pk: int) -> HttpResponseBase:
    """Show and change the policy. `turn_on` turns it on as it is; a looser one is led to its request."""
    namespace = get_namespace(request.user, pk, Verb.OWN)
    row = ControlPolicy.objects.filter(namespace=namespace).first()
    policy, edition = (row.rules, str(row.edition)) if row is not None else (Policy(), "0")
    posted = request.POST if request.method == "POST" else None
    if posted is not None and posted.get("turn_on") == "1":
        set_policy(request.user, namespace=namespace, policy=replace(policy, enabled=True))
        return _saved(request, namespace)
    form = PolicyForm(posted, initial=initial_of(policy))
    if form.is_valid():
        try:
            set_policy(request.user, namespace=namespace, policy=form.policy(), opened=request.POST.get("edition", ""))
        except RuleError as refusal:
            form.refuse(refusal)
        else:
            return _saved(request, namespace)
    approvers = approvers_for(namespace, request.user, policy)
    context = namespace_context(
        request,
        namespace,
        form=form,
        policy=policy,
        edition=edition,
        approvers=[each.display_name for each in approvers[:NAMED]],
        is_stuck=len(approvers) < policy.approvals,
        menu_current="namespaces:role_list",
    )
    return render_page(request, "namespaces/control_policy.html", context, status=422 if form.is_bound else 200)


def _saved(request: PageRequest, namespace: Namespace) -> HttpResponseBase:
    messages.success(request, "The approval policy is saved.", extra_tags="policy-saved")
    return go_to(request, "namespaces:control_policy", namespace.pk)
