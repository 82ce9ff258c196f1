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


def _decision(
    decide: Callable[[PageRequest, ChangeSet], object], code: str, sentence: str
) -> Callable[[PageRequest, int, int], HttpResponseBase]:
    """Return the view of a decision. It leads back to the page, which shows the sentence, or the reason of a refusal."""

    @require_POST
    def view(request: PageRequest, pk: int, number: int) -> HttpResponseBase:
        row = get_change_set(request, pk, number)
        typed = request.POST.get("text", "")
        try:
            decide(request, row)
        except RuleError as refusal:
            row = get_change_set(request, pk, number)
            status = 409 if refusal.code in {"changed-meanwhile", "not-open"} else 422
            return detail_page(request, row, problem=refusal.sentence, typed=typed[:1000], status=status)
        messages.success(request, sentence, extra_tags=code)
        return go_to(request, DETAIL, pk, number)

    return view


change_set_approve = _decision(
    lambda request, row: decisions.approve(request.user, change_set=row, shown=request.POST.get("shown", "")),
    "change-set-approved",
    "You approved the change set.",
)
change_set_decline = _decision(
    lambda request, row: decisions.decline(request.user, change_set=row, reason=request.POST.get("text", "")),
    "change-set-declined",
    "The change set is declined. The requester is notified, with your reason.",
)
change_set_comment = _decision(
    lambda request, row: decisions.comment(request.user, change_set=row, text=request.POST.get("text", "")),
    "change-set-commented",
    "Your comment is saved.",
)
change_set_withdraw = _decision(
    lambda request, row: requests.withdraw(request.user, change_set=row),
    "change-set-withdrawn",
    "The change set is withdrawn. Nothing was changed.",
)
change_set_rebase = _decision(
    lambda request, row: requests.rebase(request.user, change_set=row),
    "change-set-rebased",
    "The change set is rebased on the current rows and requested again.",
)
change_set_confirm = _decision(
    lambda request, row: emergency.confirm(request.user, change_set=row),
    "change-set-confirmed",
    "You confirmed the change set.",
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
