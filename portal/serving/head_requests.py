"""HEAD: the response of GET without its body."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse


class HeadMiddleware:
    """Remove the body of responses to HEAD, and keep its length. gunicorn logs a warning for each body it has to drop."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        if request.method == "HEAD":
            remove_body(response)
        return response


def remove_body(response: HttpResponseBase) -> None:
    """Empty a response. A stream is not read, so its length stays unknown."""
    if isinstance(response, StreamingHttpResponse):
        response.streaming_content = ()  # the response closes the stream that it replaces
        return
    content: bytes = response.content  # type: ignore[attr-defined]  # any other response has a content
    response.headers.setdefault("Content-Length", str(len(content)))
    response.content = b""  # type: ignore[attr-defined]
