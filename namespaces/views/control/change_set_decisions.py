"""What people decide about a change set: each a POST that leads back to its page."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponseBase
from django.views.decorators.http import require_POST

from namespaces.actions.change_sets import decisions, emergency, inverses, requests
from namespaces.models import ChangeSet
from namespaces.rules.errors import RuleError
from namespaces.views.control.change_set_pages import detail_page, get_change_set
from portal.web.responses import PageRequest, go_to

DETAIL = "namespaces:change_set_detail"


def _decided(
    request: PageRequest, pk: int, number: int, decide: Callable[[ChangeSet], object], sentence: str, code: str
) -> HttpResponseBase:
    """Decide, and lead back to the page; where that is refused, show it with the reason and what was typed."""
    row = get_change_set(request, pk, number)
    typed = request.POST.get("text", "")
    try:
        decide(row)
    except RuleError as refusal:
        row = get_change_set(request, pk, number)
        status = 409 if refusal.code in {"changed-meanwhile", "not-open"} else 422
        return detail_page(request, row, problem=refusal.sentence, typed=typed[:1000], status=status)
    messages.success(request, sentence, extra_tags=code)
    return go_to(request, DETAIL, pk, number)


@require_POST
def change_set_approve(request: PageRequest, pk: int, number: int) -> HttpResponseBase:
    return _decided(
        request,
        pk,
        number,
        lambda row: decisions.approve(request.user, change_set=row, shown=request.POST.get("shown", "")),
        "You have approved it.",
        "change-set-approved",
    )


@require_POST
def change_set_decline(request: PageRequest, pk: int, number: int) -> HttpResponseBase:
    reason = request.POST.get("text", "")
    return _decided(
        request,
        pk,
        number,
        lambda row: decisions.decline(request.user, change_set=row, reason=reason),
        "It is declined. The requester hears of it, with your reason.",
        "change-set-declined",
    )


@require_POST
def change_set_comment(request: PageRequest, pk: int, number: int) -> HttpResponseBase:
    text = request.POST.get("text", "")
    return _decided(
        request,
        pk,
        number,
        lambda row: decisions.comment(request.user, change_set=row, text=text),
        "Your comment is saved.",
        "change-set-commented",
    )


@require_POST
def change_set_withdraw(request: PageRequest, pk: int, number: int) -> HttpResponseBase:
    return _decided(
        request,
        pk,
        number,
        lambda row: requests.withdraw(request.user, change_set=row),
        "It is withdrawn. Nothing was changed.",
        "change-set-withdrawn",
    )


@require_POST
def change_set_rebase(request: PageRequest, pk: int, number: int) -> HttpResponseBase:
    return _decided(
        request,
        pk,
        number,
        lambda row: requests.rebase(request.user, change_set=row),
        "It starts from what is there now, and is asked for again.",
        "change-set-rebased",
    )


@require_POST
def change_set_confirm(request: PageRequest, pk: int, number: int) -> HttpResponseBase:
    return _decided(
        request,
        pk,
        number,
        lambda row: emergency.confirm(request.user, change_set=row),
        "You have confirmed it.",
        "change-set-confirmed",
    )


@require_POST
def change_set_inverse(request: PageRequest, pk: int, number: int) -> HttpResponseBase:
    """Build the change set that undoes this one, and lead to its request."""
    row = get_change_set(request, pk, number)
    try:
        made = inverses.build_inverse(request.user, change_set=row)
    except RuleError as refusal:
        return detail_page(request, row, problem=refusal.sentence, status=422)
    return go_to(request, "namespaces:change_set_request", pk, made.pk)
