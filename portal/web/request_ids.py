"""Give each request an id that connects its error page, response and log lines."""

import re
import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from portal.evidence import origin
from portal.sign_in.addresses import client_address

HEADER = "X-Request-ID"
_GOOD = re.compile(r"[-A-Za-z0-9._]{8,64}\Z")


class RequestIdMiddleware:
    """Use the id from a proxy if it is safe to log, else create one; and return it in the response.

    Entries of the activity log that the request makes have its id and address (`portal.evidence.origin`).
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get(HEADER, "")
        request_id = given if _GOOD.match(given) else uuid.uuid4().hex
        request.request_id = request_id  # type: ignore[attr-defined]
        with origin.of_request(client_address(request), request_id):
            response = self._get_response(request)
        response.headers[HEADER] = request_id
        return response


def request_id_of(request: HttpRequest) -> str:
    return str(getattr(request, "request_id", ""))
