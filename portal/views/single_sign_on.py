"""Single sign-on: the start, and the answer that the browser brings back from the identity provider."""

import logging

from allauth.core import ratelimit
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_POST, require_safe

from portal.sign_in import records
from portal.sign_in.addresses import client_address
from portal.single_sign_on import flow
from portal.single_sign_on.configuration import SingleSignOn
from portal.single_sign_on.refusals import Refusal
from portal.web.responses import local_url

logger = logging.getLogger(__name__)


@login_not_required
@require_POST
def start(request: HttpRequest) -> HttpResponseBase:
    """Show a page with a link to the provider, which the browser follows at once.

    A redirect would belong to the form, and `form-action` of the Content-Security-Policy would have to allow its target and
    wherever that redirects to, such as the company's own sign-in page behind Entra ID.
    """
    configuration = _configuration()
    if refused := ratelimit.consume_or_429(request, action="sso_start"):
        return refused
    try:
        url = flow.start(request, configuration, back=local_url(request, request.POST.get("next")))
    except Refusal as refusal:
        return _refused(request, configuration, refusal)
    page = render(request, "account/single_sign_on_start.html", {"url": url, "name": configuration.name})
    page.headers["Refresh"] = f"0; url={url}"
    return page


@login_not_required
@require_safe
def callback(request: HttpRequest) -> HttpResponse:
    """Sign in the user whom the provider names. It is a GET, as OpenID Connect has it; its state can be used once."""
    configuration = _configuration()
    try:
        return flow.finish(request, configuration)
    except Refusal as refusal:
        return _refused(request, configuration, refusal)


def _configuration() -> SingleSignOn:
    configuration: SingleSignOn | None = settings.SINGLE_SIGN_ON
    if configuration is None:
        raise Http404("Single sign-on is not set up here.")
    return configuration


def _refused(request: HttpRequest, configuration: SingleSignOn, refusal: Refusal) -> HttpResponse:
    address = client_address(request)
    records.note_refused_sso(refusal.code, refusal.user, address, is_outage=refusal.is_outage)
    logger.warning("Single sign-on was refused: %s. %s", refusal.code, refusal.detail)
    context = {
        "code": refusal.code,
        "sentence": refusal.sentence(configuration.name),
        "next_step": refusal.reason.next_step,
        "name": configuration.name,
        "local_accounts": settings.LOCAL_ACCOUNTS,
        "is_linkable": refusal.code == "name_taken",
        "username": refusal.detail,
        "subject": refusal.subject,
    }
    response = render(request, "account/single_sign_on_refused.html", context, status=refusal.reason.status)
    if refusal.is_outage:
        response.headers["Retry-After"] = "60"
    return response
