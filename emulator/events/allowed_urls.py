"""Which webhooks the emulator may call: hosts and URL prefixes of the operator, and addresses that are never called.

A user who can write an event subscription or a namespace chooses a URL that this process then requests (server-side request forgery), so
nothing is allowed unless the operator lists it.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

MAX_URL_CHARACTERS = 2_048
DEFAULT_PORTS = {"https": 443, "http": 80}


class WebhookUrlError(ValueError):
    """A URL that is not called. `code` is a stable key; the message says why, without the query of the URL."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


@dataclass(frozen=True)
class WebhookUrl:
    """A valid URL in its parts; `text` is what is requested."""

    text: str
    scheme: str
    host: str  # in lower case, without brackets
    port: int
    path: str

    @property
    def base(self) -> str:
        """The URL without its query, which may hold a key: for logs and for ARM's `endpointBaseUrl`."""
        return self.text.partition("?")[0]


def parse_webhook_url(text: str) -> WebhookUrl:
    """Return the parts of a URL. Raise `WebhookUrlError`."""
    if not text or len(text) > MAX_URL_CHARACTERS:
        raise WebhookUrlError("length", f"A webhook URL has 1 to {MAX_URL_CHARACTERS} characters.")
    if not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        raise WebhookUrlError("characters", "A webhook URL has only printable ASCII characters, without blanks and \\.")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise WebhookUrlError("malformed", "This is not a valid URL.") from error
    if parts.scheme not in DEFAULT_PORTS:
        raise WebhookUrlError("scheme", "A webhook URL starts with https:// or, where the operator allows it, http://.")
    _require_plain(parts)
    return WebhookUrl(
        text, parts.scheme, (parts.hostname or "").rstrip("."), port or DEFAULT_PORTS[parts.scheme], parts.path
    )


def _require_plain(parts: SplitResult) -> None:
    """Raise `WebhookUrlError` for parts that make a URL mean something else than it seems to."""
    if not (parts.hostname or "").rstrip("."):
        raise WebhookUrlError("host", "A webhook URL names a host.")
    if parts.port == 0:
        raise WebhookUrlError("port", "A webhook URL has a port from 1 to 65535.")
    if "@" in parts.netloc:
        raise WebhookUrlError("user", "A webhook URL has no user name or password.")
    if parts.fragment:
        raise WebhookUrlError("fragment", "A webhook URL has no fragment (#).")
    if any(unquote(segment) in (".", "..") or "/" in unquote(segment) for segment in parts.path.split("/")):
        raise WebhookUrlError("path", "The path of a webhook URL has no '.', '..' or encoded '/'.")


def base_of(text: str) -> str:
    """Return a URL without its query, also if it is not valid."""
    return text.partition("?")[0].partition("#")[0]


class AllowedUrls:
    """The URL prefixes of `--allow-webhook`: scheme, host and port must be the same, and the path equal or below.

    `hosts` are those of `--webhook-hosts`, such as `localhost` (any port) or `localhost:8444`: https and any path.
    Raise `WebhookUrlError` for a prefix or a host that is not valid.
    """

    def __init__(self, prefixes: Iterable[str] = (), hosts: Iterable[str] = ()) -> None:
        self._prefixes = tuple(_prefix(text) for text in prefixes)
        self._hosts = frozenset(_host(text) for text in hosts)

    def check(self, text: str) -> WebhookUrl:
        """Return the parts of a URL that may be called. Raise `WebhookUrlError` for any other."""
        url = parse_webhook_url(text)
        if not self._prefixes and not self._hosts:
            raise WebhookUrlError(
                "none-allowed",
                "This emulator calls no webhooks. Start it with --allow-webhook and the start of the URL, such as"
                f" --allow-webhook {url.scheme}://{_shown(url)}/",
            )
        if not (self._has_host(url) or any(_covers(prefix, url) for prefix in self._prefixes)):
            hosts = (f"https://{host}:{port}" if port else f"https://{host}" for host, port in sorted(self._hosts))
            allowed = ", ".join((*(prefix.base for prefix in self._prefixes), *hosts))
            raise WebhookUrlError(
                "not-allowed", f"This emulator may not call '{url.base}'. It may call URLs that start with: {allowed}"
            )
        _require_address(url.host, url.host)
        return url

    def _has_host(self, url: WebhookUrl) -> bool:
        return url.scheme == "https" and not self._hosts.isdisjoint({(url.host, url.port), (url.host, 0)})


def _host(text: str) -> tuple[str, int]:
    """Return host and port; 0 where any port is meant."""
    url = parse_webhook_url(f"https://{text}")
    if url.path or "?" in text:
        raise WebhookUrlError("host", f"'{text[:100]}' is not a host, such as localhost or localhost:8444.")
    has_port = url.port != DEFAULT_PORTS["https"] or text.endswith(":443")
    return url.host, url.port if has_port else 0


def _prefix(text: str) -> WebhookUrl:
    url = parse_webhook_url(text)
    if "?" in text:
        raise WebhookUrlError("query", "An allowed webhook is the start of a URL, without a query.")
    return url


def _covers(prefix: WebhookUrl, url: WebhookUrl) -> bool:
    if (prefix.scheme, prefix.host, prefix.port) != (url.scheme, url.host, url.port):
        return False
    folder = prefix.path.rstrip("/")
    return url.path == folder or url.path.startswith(f"{folder}/") or url.path == prefix.path


def _shown(url: WebhookUrl) -> str:
    host = f"[{url.host}]" if ":" in url.host else url.host
    return host if url.port == DEFAULT_PORTS[url.scheme] else f"{host}:{url.port}"


# Addresses


def _require_address(host: str, address: str) -> None:
    """Raise `WebhookUrlError` if `address` is one that is never called for `host`; a name is no address yet."""
    if not is_callable(host, address):
        raise WebhookUrlError("address", f"The address of '{host}' is one that the emulator never calls.")


def is_callable(host: str, address: str) -> bool:
    """Return whether a webhook of `host` may be called at `address`, an IP address or a name that is not resolved yet.

    Never: link-local addresses, where clouds answer with credentials, and those that are no single machine. Loopback only
    if the operator named it: a name on the Internet that resolves to it wants to reach this machine.
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return True
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    if found.is_loopback:
        return _names_loopback(host)
    return not (found.is_link_local or found.is_multicast or found.is_unspecified or found.is_reserved)


def _names_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return False
    return found.is_loopback or (
        isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None and found.ipv4_mapped.is_loopback
    )
