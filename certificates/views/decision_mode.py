"""Who decides about each CONNECT: the page of the two modes, the check before a switch, and the switch."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from certificates.actions.decision_mode import keep_check, let_azure_decide, let_portal_decide, probe_endpoint
from certificates.forms.decision_mode import DecisionModeForm
from certificates.pages.decision_mode.mode import shown_mode, state_poll
from certificates.pages.decision_mode.replay import replay
from certificates.pages.decision_rules.activity import decision_activity
from namespaces.access import get_configuration, get_namespace
from namespaces.control.rules.policy import Need
from namespaces.models import PREVIEW, DecisionPoint, Namespace, NamespaceConfiguration, SwitchCheck
from namespaces.pages.az_commands import azure_decides_command
from namespaces.pages.control.change_set_list import waiting_about
from namespaces.pages.overview.deciding import Mode
from namespaces.pages.recreation.parts import namespace_part
from namespaces.rights import Verb
from namespaces.rules.errors import RuleError
from namespaces.views.configuration import HOME as CONFIGURATION
from namespaces.views.configuration import NOT_READ_YET
from namespaces.views.context import namespace_context
from namespaces.views.resources.conflicts import edition_to_check, opened_with
from namespaces.views.resources.progress import Subject, announce_of
from portal.listing import whole_number
from portal.web.responses import PageRequest, go_to, render_page

HOME = "certificates:decision_mode"
PAGE = "certificates/decision_mode.html"
FAILED = 422


@require_safe
def decision_mode(request: PageRequest, pk: int) -> HttpResponse:
    """Show who decides, what was checked, and the form to switch."""
    namespace, row = _configuration(request, pk, Verb.READ)
    return _page(request, namespace, row, _form(namespace, row))


@require_safe
def decision_mode_state(request: PageRequest, pk: int) -> HttpResponse:
    """How far the switch has come, for the page that waits for it."""
    namespace, row = _configuration(request, pk, Verb.READ)
    shown = shown_mode(namespace, row)
    round_ = whole_number(request.GET.get("round", ""), digits=6) or 0
    context = namespace_context(request, namespace, row=row, shown=shown, state_poll=state_poll(row, shown, round_))
    context["activity"] = decision_activity(namespace, at=timezone.now())
    return render_page(request, "certificates/decision_mode_state.html", context)


@require_POST
def decision_mode_check(request: PageRequest, pk: int) -> HttpResponseBase:
    """Probe the endpoint and replay the last attempts. Nothing is switched."""
    namespace, row = _configuration(request, pk, Verb.CONTRIBUTE)
    form = _form(namespace, row, request.POST)
    if form.is_valid():
        now = timezone.now()
        try:
            steps = probe_endpoint(request.user, namespace=namespace, wanted=form.wanted)
            found = replay(namespace, at=namespace.judged_at(now)).as_dict()
            keep_check(request.user, namespace=namespace, wanted=form.wanted, steps=steps, replay=found, at=now)
        except RuleError as refusal:
            form.refuse(refusal)
        else:
            if not request.htmx:
                return go_to(request, HOME, pk)
    return _page(request, namespace, row, form, status=FAILED if form.errors else 200)


@require_POST
def decision_mode_switch(request: PageRequest, pk: int) -> HttpResponseBase:
    """Switch to the mode that the button names."""
    namespace, row = _configuration(request, pk, Verb.CONTRIBUTE)
    if request.POST.get("wanted") == Mode.AZURE:
        try:
            let_azure_decide(request.user, configuration=row, opened=edition_to_check(request))
        except RuleError as refusal:
            messages.error(request, refusal.sentence, extra_tags=refusal.code)
            return go_to(request, HOME, pk)
        return _switched(request, pk, row)
    form = _form(namespace, row, request.POST)
    if form.is_valid():
        try:
            opened = edition_to_check(request)
            let_portal_decide(request.user, configuration=row, wanted=form.wanted, opened=opened)
        except RuleError as refusal:
            form.refuse(refusal)
        else:
            return _switched(request, pk, row)
    return _page(request, namespace, row, form, status=FAILED)


def _switched(request: PageRequest, pk: int, row: NamespaceConfiguration) -> HttpResponseBase:
    states = reverse("namespaces:configuration_states", args=[pk])
    announce_of(request, Subject("the configuration", reverse(CONFIGURATION, args=[pk]), states), row.pk, "update")
    return go_to(request, HOME, pk)


def _configuration(request: PageRequest, pk: int, verb: Verb) -> tuple[Namespace, NamespaceConfiguration]:
    namespace = get_namespace(request.user, pk, verb)
    row = get_configuration(namespace)
    if row is None:
        raise Http404(NOT_READ_YET)
    return namespace, row


def _form(namespace: Namespace, row: NamespaceConfiguration, data: Any = None) -> DecisionModeForm:
    check = SwitchCheck.objects.filter(namespace=namespace).first()
    point = DecisionPoint.objects.filter(namespace=namespace).first()
    return DecisionModeForm.of(namespace, row, check, point.client_id if point is not None else "", data)


def _page(
    request: PageRequest,
    namespace: Namespace,
    row: NamespaceConfiguration,
    form: DecisionModeForm,
    *,
    status: int = 200,
) -> HttpResponse:
    shown, now = shown_mode(namespace, row), timezone.now()
    part = namespace_part(namespace)
    way_back = azure_decides_command(namespace.resource_id, {**part.envelope, "properties": part.properties}, PREVIEW)
    context = namespace_context(
        request,
        namespace,
        row=row,
        form=form,
        shown=shown,
        activity=decision_activity(namespace, at=now),
        way_back=way_back,
        requests=waiting_about(request.user, namespace, Need.DECISION_MODE, at=now),
        opened=opened_with(request, row),
        state_poll=state_poll(row, shown),
        chooses_portal=form.is_bound
        or bool(row.webhook_url)
        or SwitchCheck.objects.filter(namespace=namespace).exists(),
        menu_current=CONFIGURATION,
    )
    return render_page(request, PAGE, context, partial="checked", status=status)
