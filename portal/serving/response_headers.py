"""Security headers of every response."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

# The portal uses none of these. Writing to the clipboard stays allowed.
DENIED = ("accelerometer", "autoplay", "camera", "display-capture", "geolocation", "gyroscope", "magnetometer",
          "microphone", "midi", "payment", "usb")  # fmt: skip
PERMISSIONS_POLICY = ", ".join(f"{feature}=()" for feature in DENIED)


class ResponseHeadersMiddleware:
    """Add headers that Django and django-csp do not: resource policy, permissions policy, and no caching of pages.

    Responses that may be cached, such as static files, set their own `Cache-Control`.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response
