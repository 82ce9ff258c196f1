"""Error pages: 400, 403, 404, 500 and a rejected form token."""

import logging

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template import loader
from django.urls import reverse

from portal.evidence import origin
from portal.models import User
from portal.serving.forwarded import explain_refused_form
from portal.web.access_denied import Denied
from portal.web.private_keys import PrivateKeyInAddress
from portal.web.recorded_requests import record_denied
from portal.web.request_ids import request_id_of

logger = logging.getLogger(__name__)


def _error_page(
    request: HttpRequest, status: int, code: str, sentence: str, next_step: str, *, ask_url: str = ""
) -> HttpResponse:
    """Return a page that explains the error and the next step; for htmx a toast, so that the page and its form stay."""
    context = {"status": status, "code": code, "sentence": sentence, "next_step": next_step, "ask_url": ask_url}
    htmx = getattr(request, "htmx", None)
    if not htmx or htmx.boosted:
        return render(request, "portal/trouble.html", context, status=status)
    response = render(
        request,
        "components/toast.html",
        {
            "kind": "error",
            "code": code,
            "text": f"{sentence} {next_step}",
            "url": ask_url,
            "link": "Ask for access",
        },
        status=status,
    )
    response["HX-Retarget"] = "#toasts"
    response["HX-Reswap"] = "beforeend"
    return response


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    if isinstance(exception, PrivateKeyInAddress):
        return _error_page(request, 400, exception.code, exception.sentence, exception.next_step)
    return _error_page(
        request,
        400,
        "bad-request",
        "The portal could not read this request.",
        "Go back, reload the page and try again.",
    )


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form without a valid token or from another origin. Administrators read what the reverse proxy gets wrong."""
    cause = explain_refused_form(request)
    next_step = "Reload the page and submit it again."
    if cause:
        logger.warning("A form was refused. %s", cause)
        user = getattr(request, "user", None)
        is_administrator = isinstance(user, User) and user.is_superuser
        next_step = (
            cause if is_administrator else f"{next_step} If that does not help, the portal's log has the reason."
        )
    return _error_page(
        request, 403, "csrf", "This form has expired or came from another site. Nothing was changed.", next_step
    )


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    sentence = str(exception) if exception and str(exception) else "Your role does not allow this."
    record_denied(request, sentence)
    next_step = (
        exception.next_step()
        if isinstance(exception, Denied)
        else "Ask an Owner of the namespace for a role that does."
    )
    ask_url = exception.ask_url if isinstance(exception, Denied) else ""
    return _error_page(request, 403, "denied", sentence, next_step, ask_url=ask_url)


def page_not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    message = exception.args[0] if exception and exception.args and isinstance(exception.args[0], str) else ""
    if origin.current().hides:
        record_denied(request, "The user may not see it, and was told that it does not exist.")
    return _error_page(
        request,
        404,
        "not-found",
        message or "This page does not exist.",
        "It may have been deleted, or you may have no role there. Ask an Owner, or start from your namespaces.",
        ask_url=_ask_by_name(request),
    )


def _ask_by_name(request: HttpRequest) -> str:
    """Return the page that asks for access to a namespace by its name, which says nothing about whether it exists."""
    user = getattr(request, "user", None)
    return reverse("namespaces:access_ask_by_name") if user is not None and user.is_authenticated else ""


def too_many_requests(request: HttpRequest) -> HttpResponse:
    return _error_page(
        request, 429, "too-many-requests", "Too many attempts.", "Wait a few minutes, then go back and try again."
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """Return the page of an unexpected error, without database, session or context processors, which may have caused it."""
    page = loader.get_template("portal/broken.html").render({"request_id": request_id_of(request)})
    return HttpResponse(page, status=500)
