"""Pages are compressed for browsers that accept it: a list of clients is ten times smaller.

Not files and streams: an export is written as it is read, and compressing it would halve its rate.
"""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware


class CompressedPagesMiddleware(GZipMiddleware):
    """Django's compression, which adds random bytes against guessing what a page holds by its size, for HTML only."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        is_page = response.headers.get("Content-Type", "").startswith("text/html")
        if response.streaming or not is_page:
            return response
        return super().process_response(request, response)
