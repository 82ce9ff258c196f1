"""Addresses for machines: load balancers, containers and Prometheus open them by IP address, not by the portal's name."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

PROBES = frozenset({"/healthz", "/readyz", "/metrics"})


class ProbeHostMiddleware:
    """Accept any `Host` header at the addresses for machines. Their responses contain no link and no host name."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info in PROBES and settings.ALLOWED_HOSTS:
            request.META["HTTP_HOST"] = settings.ALLOWED_HOSTS[0].lstrip(".").replace("*", "localhost")
        return self._get_response(request)
