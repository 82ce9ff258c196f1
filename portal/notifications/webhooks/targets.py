"""Where webhooks may go: never to an address inside the network of the portal, unless PORTAL_WEBHOOK_HOSTS lists its host.

The host is checked when the address is entered, and again at each delivery, for the IP address that is then connected to: a name
that resolves to another address in between gains nothing. Redirects are not followed.
"""

from urllib.parse import urlsplit

from django.conf import settings
from requests_hardened import Config, Manager
from requests_hardened.ip_filter import InvalidIPAddress, filter_host

from portal.notifications.webhooks.addresses import is_among, parse_address

CONNECT_SECONDS = 5.0
USER_AGENT = "mqtt-namespace-portal-webhooks/1"


class TargetError(ValueError):
    """An address that no webhook may have. `code` for machines, the text for people."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def check_target(url: str) -> None:
    """Raise TargetError unless a webhook may have this address now. Asks the DNS."""
    host, port = _parts(url)
    if is_internal(host):
        return
    try:
        filter_host(host, port, allow_loopback=False)
    except InvalidIPAddress:
        raise TargetError(
            "private_address",
            "This address is inside the portal's network. An administrator can allow its host in PORTAL_WEBHOOK_HOSTS.",
        ) from None
    except (OSError, UnicodeError):
        raise TargetError("unknown_host", "The host of this address is not known to the DNS.") from None


def _parts(url: str) -> tuple[str, int]:
    """Return host and port of a well-formed address."""
    address = parse_address(url)
    if address is None:
        raise TargetError("malformed", "Enter an address such as https://hooks.example.com/portal.")
    if address.scheme != "https" and not (address.scheme == "http" and is_internal(address.host)):
        raise TargetError("not_https", "Webhooks need HTTPS, so that nobody on the way can read them.")
    if address.has_credentials:
        raise TargetError("credentials", "Leave out user name and password: the signature shows who sends.")
    return address.host, address.port


def is_internal(host: str) -> bool:
    """Return whether the operator allows this host although its address may be private."""
    return is_among(host.rstrip("."), settings.WEBHOOK_HOSTS)


def manager_for(url: str) -> Manager:
    """Return what sends to this address: with a filter of IP addresses, unless the operator allows its host."""
    return Manager(
        Config(
            ip_filter_enable=not is_internal(urlsplit(url).hostname or ""),
            ip_filter_allow_loopback_ips=False,
            never_redirect=True,
            default_timeout=(CONNECT_SECONDS, settings.WEBHOOK_SECONDS),
            user_agent_override=USER_AGENT,
        )
    )


def origin_of(url: str) -> str:
    """Return scheme and host of an address for lists and the log: the rest may contain a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
