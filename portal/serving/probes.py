"""Addresses for machines: load balancers, containers and Prometheus open them by IP address, and without the database."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
WITHOUT_USER = frozenset({"/healthz", "/readyz"})


class ProbesMiddleware:
    """Accept any `Host` header at the addresses for machines, whose responses contain no link and no host name.

    Health is the same for everybody: cookies are removed, or a signed-in user would be looked up in the database.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info in PROBES and settings.ALLOWED_HOSTS:
            request.META["HTTP_HOST"] = settings.ALLOWED_HOSTS[0].lstrip(".").replace("*", "localhost")
        if request.path_info in WITHOUT_USER:
            request.META.pop("HTTP_COOKIE", None)
        return self._get_response(request)
