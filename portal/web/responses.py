"""Answer a request with a page, with the part of it that htmx asked for, or with a redirect."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from portal.models import User


class PageRequest(HttpRequest):
    """A request of a signed-in user, with what the middleware adds."""

    htmx: HtmxDetails
    user: User


def render_page(
    request: PageRequest, template: str, context: dict[str, Any], *, partial: str = "", status: int = 200
) -> HttpResponse:
    """Return the page, or only its `partial` when htmx swaps that into the page."""
    wants_partial = request.htmx and not request.htmx.boosted and not request.htmx.history_restore_request
    name = f"{template}#{partial}" if partial and wants_partial else template
    response = render(request, name, context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def go_to(request: PageRequest, to: str, *args: object) -> HttpResponseBase:
    """Redirect after a POST, also out of an htmx request."""
    url = resolve_url(to, *args)
    return HttpResponseClientRedirect(url) if request.htmx else HttpResponseRedirect(url)


def local_url(request: HttpRequest, url: str | None) -> str:
    """Return `url` if it is an address or a path from the root that leads back into this portal, else the home page."""
    hosts = {request.get_host()}
    if (
        url
        and url.startswith(("/", "http://", "https://"))
        and url_has_allowed_host_and_scheme(url, allowed_hosts=hosts, require_https=request.is_secure())
    ):
        return url
    return reverse("portal:home")
