"""*Emulator*: turn faults on and off for training, where the target offers them."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from portal.web.responses import PageRequest
from sync import registry
from sync.arm.gateway import AzureRefused, AzureUnreachable
from sync.capabilities import fault_training
from sync.capabilities.webhook_order import ORDERS, order_of, switch_order
from sync.registry import Scope

PAGE = "sync:emulator"


def _control() -> fault_training.FaultControl:
    control = fault_training.fault_control()
    if control is None:
        raise Http404("The portal is not connected to an emulator.")
    return control


@require_safe
def emulator(request: PageRequest, pk: int) -> HttpResponse:
    """Show the active faults of this namespace, and those to choose from."""
    scope = registry.scopes().get(request.user, pk, may_change=False)
    return _page(request, scope)


def _page(request: PageRequest, scope: Scope, *, problem: fault_training.CannotTrain | None = None) -> HttpResponse:
    state, order, outage = None, None, ""
    try:
        state, order = fault_training.state_of(_control(), scope), order_of(_control(), scope)
    except (AzureRefused, AzureUnreachable) as fault:
        outage = str(fault)
    context = {
        "namespace": scope,
        "page_title": "Emulator",
        "page_icon": "bug",
        "may_contribute": registry.scopes().rights(request.user, scope.pk).may_contribute,
        "state": state,
        "outage": outage,
        "lessons": [each for each in fault_training.LESSONS if not each.is_of_webhook],
        "webhook_lessons": [each for each in fault_training.LESSONS if each.is_of_webhook],
        "order": order,
        "orders": ORDERS,
        "problem": problem,
        "typed": {name: request.POST.get(name, "") for name in ("fault", "share", "count")},
        "most": fault_training.MOST_REQUESTS,
    }
    return render(request, "sync/emulator.html", context, status=422 if problem else 200)


@require_POST
def fault_on(request: PageRequest, pk: int) -> HttpResponse:
    scope = registry.scopes().get(request.user, pk, may_change=True)
    typed = {name: request.POST.get(name, "") for name in ("share", "count")}
    try:
        lesson = fault_training.turn_on(request.user, _control(), scope, code=request.POST.get("fault", ""), **typed)
    except fault_training.CannotTrain as problem:
        return _page(request, scope, problem=problem)
    except (AzureRefused, AzureUnreachable) as fault:
        messages.error(request, f"The emulator rejected the request: {fault}")
    else:
        messages.success(request, f"Turned on: {lesson.title}.")
    return redirect(PAGE, pk)


@require_POST
def fault_off(request: PageRequest, pk: int) -> HttpResponse:
    scope = registry.scopes().get(request.user, pk, may_change=True)
    try:
        ended = fault_training.turn_off(request.user, _control(), scope, rule_id=request.POST.get("rule", ""))
    except (AzureRefused, AzureUnreachable) as fault:
        messages.error(request, f"The emulator rejected the request: {fault}")
    else:
        messages.success(request, "Turned off." if ended else "The fault had already ended.")
    return redirect(PAGE, pk)


@require_POST
def webhook_order(request: PageRequest, pk: int) -> HttpResponse:
    """Choose who is asked first where a webhook decides."""
    scope = registry.scopes().get(request.user, pk, may_change=True)
    try:
        chosen = switch_order(request.user, _control(), scope, request.POST.get("order", ""))
    except fault_training.CannotTrain as problem:
        return _page(request, scope, problem=problem)
    except (AzureRefused, AzureUnreachable) as fault:
        messages.error(request, f"The emulator rejected the request: {fault}")
    else:
        messages.success(request, f"{chosen.title}, from the next CONNECT on.")
    return redirect(PAGE, pk)
