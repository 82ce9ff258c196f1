"""Check the portal through its reverse proxy, as a browser would use it."""

import http.client
import re
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

from portal.registry import Shortcoming

SECONDS = 10.0
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


def check_public_url(url: str, ca: str = "") -> Iterator[Shortcoming]:
    """Open the sign-in page and send a form that changes nothing (the choice of a theme).

    Args:
        url: scheme, host and port of the portal as users open it.
        ca: PEM file of the authority that signed the TLS certificate; "" for the authorities that the system trusts.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        yield Shortcoming(
            "error", "url_malformed", f"{url} is not a URL.", "Write https:// and the host name of the portal."
        )
        return
    try:
        page = _request(url, ca, "GET", "/sign-in/", {})
    except (OSError, ssl.SSLError, http.client.HTTPException) as fault:
        yield Shortcoming(
            "error", "url_unreachable", f"{url} does not answer: {fault}.", "Check the proxy, its certificate and DNS."
        )
        return
    if page.status in (301, 302, 307, 308):
        yield Shortcoming(
            "error",
            "redirect_loop",
            f"{url} redirects to {page.headers.get('Location', '')}, although that page was opened.",
            "Make the proxy send X-Forwarded-Proto, and add the proxy to PORTAL_TRUSTED_PROXIES.",
        )
        return
    if page.status != 200:
        yield Shortcoming(
            "error",
            "sign_in_page",
            f"The sign-in page answers {page.status}.",
            "400: add the host name to PORTAL_ALLOWED_HOSTS. 403: the proxy is not in PORTAL_TRUSTED_PROXIES. "
            "502 or 504: the web processes are not running.",
        )
        return
    yield from _check_form(url, ca, page)
    if parts.scheme == "https" and "Strict-Transport-Security" not in page.headers:
        yield Shortcoming("warning", "hsts_missing", "The response has no HSTS header.", "Set PORTAL_HTTPS=true.")


class _Answer:
    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status, self.headers = response.status, response.headers
        self.body = response.read(1_000_000).decode(errors="replace")


def _check_form(url: str, ca: str, page: _Answer) -> Iterator[Shortcoming]:
    token = TOKEN.search(page.body)
    cookies = "; ".join(each.partition(";")[0] for each in page.headers.get_all("Set-Cookie", []))
    headers = {"Cookie": cookies, "Origin": url.rstrip("/"), "Content-Type": "application/x-www-form-urlencoded"}
    form = _request(url, ca, "POST", "/theme/", headers, f"csrfmiddlewaretoken={token[1] if token else ''}")
    if form.status == 403:
        yield Shortcoming(
            "error",
            "forms_refused",
            "Forms sent through the proxy are rejected (403): the portal does not see the scheme or host that the browser opened.",
            "Make the proxy send X-Forwarded-Proto and X-Forwarded-Host, and add it to PORTAL_TRUSTED_PROXIES.",
        )


def _request(url: str, ca: str, method: str, path: str, headers: dict[str, str], body: str | None = None) -> _Answer:
    parts = urlsplit(url)
    host = parts.hostname or ""
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context(cafile=ca or None)
        connection = http.client.HTTPSConnection(host, parts.port, timeout=SECONDS, context=context)
    else:
        connection = http.client.HTTPConnection(host, parts.port, timeout=SECONDS)
    try:
        connection.request(method, path, body=body, headers=headers)
        return _Answer(connection.getresponse())
    finally:
        connection.close()
