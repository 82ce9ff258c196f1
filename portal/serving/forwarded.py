"""X-Forwarded-* headers, accepted from trusted reverse proxies only.

A proxy terminates TLS, so the portal sees the proxy's address and plain HTTP. The proxy reports scheme, host and client
address in `X-Forwarded-Proto`, `X-Forwarded-Host` and `X-Forwarded-For`. Any client can send these headers, so they are
used only when the connection comes from an address in `TRUSTED_PROXIES`, and removed otherwise.
"""

from collections.abc import Callable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.request import split_domain_port, validate_host

Network = IPv4Network | IPv6Network
HEADERS = ("HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PORT", "HTTP_FORWARDED")  # fmt: skip
UNIX_SOCKET = "unix"  # in TRUSTED_PROXIES: connections over a Unix domain socket, which have no address


class ForwardedHeadersMiddleware:
    """Set scheme, host and client address of a request from the headers of a trusted proxy. Must be the first middleware.

    `request.forwarded` becomes "" (no such headers), "trusted" or "ignored".
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response
        self._trusts_unix_sockets, self._networks = trusted_networks(settings.TRUSTED_PROXIES)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.forwarded = self._apply(request.META)  # type: ignore[attr-defined]
        return self._get_response(request)

    def _apply(self, meta: dict[str, str]) -> str:
        given = {name: meta.pop(name) for name in HEADERS if name in meta}
        # gunicorn itself would trust X-Forwarded-Proto; deploy/gunicorn.conf.py turns that off.
        if not given:
            return ""
        peer = meta.get("REMOTE_ADDR", "")
        if not self._trusts(peer):
            return "ignored"
        if given.get("HTTP_X_FORWARDED_PROTO", "").strip().lower() == "https":
            meta["wsgi.url_scheme"] = "https"
        if host := given.get("HTTP_X_FORWARDED_HOST", "").rpartition(",")[2].strip():
            meta["HTTP_HOST"] = host
        meta["REMOTE_ADDR"] = self._client(given.get("HTTP_X_FORWARDED_FOR", ""), peer)
        return "trusted"

    def _trusts(self, address: str) -> bool:
        if not address:
            return self._trusts_unix_sockets
        return _is_in(address, self._networks)

    def _client(self, forwarded_for: str, peer: str) -> str:
        """Return the last address that is not a trusted proxy. A client can forge the addresses before it."""
        client = peer
        for each in reversed(forwarded_for.split(",")):
            address = _plain(each)
            if not address:
                break
            client = address
            if not self._trusts(address):
                break
        return client


def trusted_networks(proxies: Sequence[str]) -> tuple[bool, tuple[Network, ...]]:
    """Return whether Unix domain sockets are trusted, and the trusted networks. Raise ValueError for an invalid address."""
    networks = tuple(ip_network(each, strict=False) for each in proxies if each != UNIX_SOCKET)
    return UNIX_SOCKET in proxies, networks


def _is_in(address: str, networks: Sequence[Network]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return any((mapped or parsed) in network for network in networks)


def _plain(text: str) -> str:
    """Return an IP address without port, brackets and spaces, or "" when the text is not one."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ip_address(text))
    except ValueError:
        return ""


def explain_refused_form(request: HttpRequest) -> str:
    """Return how to configure the reverse proxy when it caused the rejection of a form, or "".

    A browser sends the origin of the page in `Origin`. Django compares it with the scheme and host that the portal sees.
    They differ when a proxy does not pass them on or is not trusted.
    """
    origin = request.META.get("HTTP_ORIGIN", "")
    scheme, _, host = origin.partition("://")
    if scheme not in ("http", "https") or not validate_host(split_domain_port(host)[0], settings.ALLOWED_HOSTS):
        return ""  # from another site, and rightly rejected
    if getattr(request, "forwarded", "") == "ignored":
        return (
            "The request came through a proxy that is not trusted, so its X-Forwarded-* headers were ignored. Add the "
            f"address {request.META.get('REMOTE_ADDR') or 'unix'} to PORTAL_TRUSTED_PROXIES."
        )
    missing = []
    if scheme != request.scheme:
        missing.append(f"X-Forwarded-Proto (the browser uses {scheme}, the portal sees {request.scheme})")
    if host != request.META.get("HTTP_HOST", ""):
        missing.append("X-Forwarded-Host (the browser uses another host name than the portal sees)")
    return f"The reverse proxy does not send {' and '.join(missing)}." if missing else ""
