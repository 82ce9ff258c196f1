"""Give each request an id that connects its error page, response and log lines."""

import re
import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

HEADER = "X-Request-ID"
_GOOD = re.compile(r"[-A-Za-z0-9._]{8,64}\Z")


class RequestIdMiddleware:
    """Use the id from a proxy if it is safe to log, else create one; and return it in the response."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get(HEADER, "")
        request.request_id = given if _GOOD.match(given) else uuid.uuid4().hex  # type: ignore[attr-defined]
        response = self._get_response(request)
        response.headers[HEADER] = request.request_id  # type: ignore[attr-defined]
        return response


def request_id_of(request: HttpRequest) -> str:
    return str(getattr(request, "request_id", ""))
