"""A browser without JavaScript, over TLS: cookies, forms with their token and origin, redirects."""

import re
import ssl
import urllib.request
from http.client import HTTPMessage
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode

from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
GENERATION = re.compile(r'name="generation" value="([^"]+)"')


class Browser:
    """One person at the portal. A status of 400 or more is returned, not raised; 0 means that no response came."""

    def __init__(self, url: str, ca: Path) -> None:
        self._url = url
        tls = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca))
        cookies = urllib.request.HTTPCookieProcessor(CookieJar())
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), tls, cookies)
        self.headers = HTTPMessage()  # of the last response
        self.address = url  # after redirects

    def get(self, path: str, **query: str) -> tuple[int, str]:
        """Open a page and return status and text."""
        return self._open(urllib.request.Request(f"{self._url}{path}{'?' if query else ''}{urlencode(query)}"))

    def post(self, path: str, fields: dict[str, Any], *, form: str = "") -> tuple[int, str]:
        """Send the form of the page `form` (`path` by default) to `path`; return status and text after redirects."""
        status, page = self.get(form or path)
        token = TOKEN.search(page)
        assert token, (status, page[:500])
        opened = {"generation": found[1]} if (found := GENERATION.search(page)) else {}
        body = encode_multipart(BOUNDARY, {**opened, **fields, "csrfmiddlewaretoken": token[1]})
        # What a client says about itself must not count: the proxy overwrites it.
        headers = {"Origin": self._url, "Content-Type": MULTIPART_CONTENT, "X-Forwarded-Proto": "http"}
        return self._open(urllib.request.Request(f"{self._url}{path}", body, headers))

    def _open(self, request: urllib.request.Request) -> tuple[int, str]:
        try:
            with self._opener.open(request, timeout=60) as response:
                self.headers, self.address = response.headers, response.url
                return response.status, response.read().decode()
        except HTTPError as refusal:
            with refusal:
                return refusal.code, refusal.read().decode()
        except OSError:
            return 0, ""
