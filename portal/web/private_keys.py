"""No private key that a browser sends reaches a view, a page, a redirect or a log.

A key in the address is refused before anything else reads the address: browsers keep addresses in their history, and proxies in
their logs. In a posted form it is blanked, and the form shows the error at its field (`namespaces.forms.base.GuardedForm`). Headers and
names of files that hold one are dropped.
"""

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, Self
from urllib.parse import parse_qsl

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, QueryDict

from certificates.x509.private_keys import SHORTEST_KEY, holds_a_private_key, private_key_kind

CSRF_FIELD = "csrfmiddlewaretoken"  # random, and never shown or stored
MOST_KNOWN_HEADERS = 10_000
LONGEST_TOGETHER = 100  # values of one field that are also searched together, as the lines of a key
# Where a server keeps the address, beside PATH_INFO and QUERY_STRING.
_ADDRESSES = ("RAW_URI", "REQUEST_URI", "PATH_TRANSLATED", "UNENCODED_URL")
# Headers with an address or text from outside. Cookies are not read as text.
_HEADERS = ("HTTP_REFERER", "HTTP_HX_CURRENT_URL", "HTTP_HX_PROMPT", "HTTP_HX_TARGET", "HTTP_HX_TRIGGER", "HTTP_HX_TRIGGER_NAME",
            "HTTP_USER_AGENT", "HTTP_X_REQUEST_ID", "HTTP_ORIGIN", "HTTP_ACCEPT_LANGUAGE")  # fmt: skip


class PrivateKeyInAddress(BadRequest):
    """The address of a request holds a private key."""

    code = "private-key"
    sentence = "The address of this page contains a private key. It was neither used nor stored."
    next_step = (
        "Treat this key as exposed: the browser's history and the log of a proxy may have it. Create a new key and "
        "certificate, and delete this address from the history. The portal never needs a private key."
    )


class PostWithoutKeys(QueryDict):
    """Posted data in which each private key is blank, and the names of the fields that held one."""

    fields_with_a_key: Sequence[str] = ()

    @classmethod
    def of(cls, data: QueryDict) -> Self:
        clean = cls("", mutable=True, encoding=data.encoding)
        held = []
        for name, values in data.lists():
            if holds_a_private_key(name):
                held.append("")
                continue
            if name != CSRF_FIELD and _hold_a_key(values):
                held.append(name)
                values = ["" for _ in values]
            clean.setlist(name, values)
        clean.fields_with_a_key = held
        clean._mutable = False
        return clean


def _hold_a_key(values: list[Any]) -> bool:
    texts = [str(value) for value in values]
    if any(map(holds_a_private_key, texts)):
        return True
    return 1 < len(texts) <= LONGEST_TOGETHER and holds_a_private_key("\n".join(texts))


class PrivateKeyMiddleware:
    """Refuse addresses with a private key, and blank private keys in posted forms."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        for header in _HEADERS:
            if header in request.META and _held_in_header(request.META[header]):
                del request.META[header]
        is_refused = _holds_a_key(request)
        if is_refused:
            _forget_address(request)
        request.address_held_a_key = is_refused  # type: ignore[attr-defined]
        response = self._get_response(request)
        if is_refused:
            response.headers["Referrer-Policy"] = "no-referrer"  # the browser still shows the address
        return response

    def process_view(self, request: HttpRequest, view: object, args: object, kwargs: object) -> None:
        """Refuse here, after the session was read, so that the page looks like all others."""
        if getattr(request, "address_held_a_key", False):
            raise PrivateKeyInAddress
        if request.method == "POST":
            request.POST = PostWithoutKeys.of(request.POST)  # type: ignore[assignment]
            for files in request.FILES.lists():
                for file in files[1]:
                    if holds_a_private_key(str(file.name or "")):
                        file.name = "file"


_headers_without_a_key: set[int] = set()  # hashes: browsers send the same headers with each request


def _held_in_header(value: str) -> bool:
    known = hash(value)
    if len(value) < SHORTEST_KEY or known in _headers_without_a_key:
        return False
    if holds_a_private_key(value):
        return True
    if len(_headers_without_a_key) >= MOST_KNOWN_HEADERS:
        _headers_without_a_key.clear()
    _headers_without_a_key.add(known)
    return False


def _holds_a_key(request: HttpRequest) -> bool:
    """Return whether the address has a private key, as it was sent or in one of its values."""
    query = request.META.get("QUERY_STRING", "").encode("latin-1", "replace")
    path = request.path_info.encode("utf-8", "replace")
    if len(query) + len(path) < SHORTEST_KEY:
        return False
    if private_key_kind(path) or private_key_kind(query.replace(b"&", b"\n")):
        return True
    return any(
        map(holds_a_private_key, chain.from_iterable(parse_qsl(query.decode("latin-1"), keep_blank_values=True)))
    )


def _forget_address(request: HttpRequest) -> None:
    for name in _ADDRESSES:
        request.META.pop(name, None)
    request.META["QUERY_STRING"] = ""
    request.META["PATH_INFO"] = request.path_info = "/"
    request.path = f"{request.META.get('SCRIPT_NAME', '').rstrip('/')}/"
