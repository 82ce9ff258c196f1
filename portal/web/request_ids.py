"""Each request has an id, so that a person's error page, the answer and the log lines can be found for one another."""

import re
import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

HEADER = "X-Request-ID"
_GOOD = re.compile(r"[-A-Za-z0-9._]{8,64}\Z")


class RequestIdMiddleware:
    """Takes the id that a proxy in front has given, when it can stand in a log, or makes one; and sends it back."""

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
