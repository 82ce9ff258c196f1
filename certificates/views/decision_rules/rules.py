"""The page Rules, and what a namespace asks of every certificate."""

from django.contrib import messages
from django.http import HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from certificates.actions.decision_rules.policy import RuleValues, edition_of, set_decision_rules
from certificates.forms.decision_rules import RulesForm, initial_of
from certificates.models import DecisionRules
from certificates.pages.decision_mode.foreseen import foreseen
from certificates.pages.decision_rules.activity import decision_activity
from certificates.pages.decision_rules.enforcement import enforcement_of
from certificates.pages.decision_rules.overview import rules_overview
from namespaces.access import get_namespace
from namespaces.models import Namespace
from namespaces.rights import Verb
from namespaces.rules.errors import RuleError
from namespaces.views.context import namespace_context
from namespaces.views.resources.refusals import observe_refusal
from portal.web.responses import PageRequest, go_to, render_page


@require_http_methods(["GET", "HEAD", "POST"])
def rules(request: PageRequest, pk: int) -> HttpResponseBase:
    """Show the rules of a namespace. A POST changes what it asks of every certificate, or with `count` only shows what it would mean."""
    is_change = request.method == "POST"
    namespace = get_namespace(request.user, pk, Verb.CONTRIBUTE if is_change else Verb.READ)
    values = RuleValues.of(pk)
    row = DecisionRules.objects.filter(namespace=pk).first()
    zone = timezone.get_current_timezone_name()
    form = RulesForm(request.POST if is_change else None, initial=initial_of(values, zone))
    counted = None
    if form.is_valid():
        try:
            if "count" in request.POST:
                counted = foreseen(namespace, form.values(), at=timezone.now())
            else:
                return _save(request, namespace, form.values())
        except RuleError as refusal:
            form.refuse(refusal)
    if form.errors:
        observe_refusal(request.user, pk, form)
    context = namespace_context(
        request,
        namespace,
        form=form,
        foreseen=counted,
        policy=values,
        edition=request.POST.get("edition", "") if form.is_bound else edition_of(row),
        overview=rules_overview(namespace),
        enforcement=enforcement_of(namespace),
        activity=decision_activity(namespace, at=timezone.now()),
    )
    return render_page(request, "certificates/rules.html", context, status=422 if form.errors else 200)


def _save(request: PageRequest, namespace: Namespace, values: RuleValues) -> HttpResponseBase:
    opened = request.POST.get("edition", "")
    if set_decision_rules(request.user, namespace=namespace, values=values, opened=opened):
        messages.success(request, "The rules are saved.", extra_tags="rules-saved")
    return go_to(request, "certificates:rules", namespace.pk)
