"""How a page of a namespace is answered: whole to a browser, its partial to htmx."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django.utils.cache import patch_vary_headers
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from namespaces.access import Verb, may
from namespaces.models import Namespace
from portal.models import User
from sync.actions import NothingToRetry, retry
from sync.models import SyncedModel


class PageRequest(HttpRequest):
    """A request of a signed-in person, as the middleware leaves it."""

    htmx: HtmxDetails
    user: User


def render_page(
    request: PageRequest, template: str, context: dict[str, Any], *, partial: str = "", status: int = 200
) -> HttpResponse:
    """The page, or only its partial when htmx wants to put that in place."""
    wants_partial = request.htmx and not request.htmx.boosted and not request.htmx.history_restore_request
    name = f"{template}#{partial}" if partial and wants_partial else template
    response = render(request, name, context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def go_to(request: PageRequest, to: str, *args: object) -> HttpResponseBase:
    """Redirect after a POST, also out of an htmx request."""
    url = resolve_url(to, *args)
    return HttpResponseClientRedirect(url) if request.htmx else HttpResponseRedirect(url)


def retry_and_tell(request: PageRequest, row: SyncedModel, called: str) -> None:
    """Try again what Azure refused of `row`, and say whether there was anything to try."""
    try:
        retry(request.user, row=row)
    except NothingToRetry:
        messages.info(request, f"{called} is not waiting for a retry.")
    else:
        messages.success(request, f"{called} is tried again.")


def namespace_context(request: PageRequest, namespace: Namespace, **more: Any) -> dict[str, Any]:
    """What every page of a namespace draws: the namespace, and what this person may do in it."""
    return {
        "namespace": namespace,
        "may_contribute": may(request.user, namespace, Verb.CONTRIBUTE),
        "may_own": may(request.user, namespace, Verb.OWN),
        **more,
    }
