"""Lead a change that needs approval from any form to its request."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse

from namespaces.actions.change_sets.requests import keep_draft
from namespaces.control.gate import NeedsApproval
from namespaces.rules.errors import RuleError
from portal.models import User
from portal.web.responses import PageRequest, go_to


class ApprovalMiddleware:
    """Keeps the changes that a view was not allowed to make as a draft, and leads to the page that requests approval.

    Every form, bulk change, import and decision is answered so, whatever view it came through.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_exception(self, request: PageRequest, exception: Exception) -> HttpResponseBase | None:
        if not isinstance(exception, NeedsApproval) or not isinstance(request.user, User):
            return None
        if exception.done:
            messages.success(request, exception.done)
        try:
            draft = keep_draft(request.user, exception)
        except RuleError as refusal:
            messages.error(request, f"{exception.sentence} {refusal.sentence}", extra_tags=refusal.code)
            return go_to(request, reverse("namespaces:namespace_overview", args=[exception.namespace_pk]))
        return go_to(request, "namespaces:change_set_request", exception.namespace_pk, draft.pk)
