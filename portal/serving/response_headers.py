"""Headers of every response that keep a page out of caches and out of other sites' reach."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

# Nothing of this product uses a sensor, a camera or a payment; copying to the clipboard stays allowed.
DENIED = ("accelerometer", "autoplay", "camera", "display-capture", "geolocation", "gyroscope", "magnetometer",
          "microphone", "midi", "payment", "usb")  # fmt: skip
PERMISSIONS_POLICY = ", ".join(f"{feature}=()" for feature in DENIED)


class ResponseHeadersMiddleware:
    """Adds what Django and django-csp do not: resource policy, permissions policy, and no caching of pages.

    Static files carry a `Cache-Control` of their own, as does everything else that may be cached.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response
