"""The address a request comes from."""

from ipaddress import IPv6Address, ip_address, ip_network

from django.http import HttpRequest

UNKNOWN = "0.0.0.0"  # noqa: S104  no address: a Unix domain socket whose proxy sends none
_HOME_NETWORK = 64  # bits: one customer of an IPv6 provider has at least such a network


def client_address(request: HttpRequest) -> str:
    """Return the address behind the trusted proxies, which `ForwardedHeadersMiddleware` has found."""
    try:
        address = ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return UNKNOWN
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


def limited_network(address: str) -> str:
    """Return what a rate limit counts: an IPv4 address, or the network of an IPv6 address."""
    if isinstance(ip_address(address), IPv6Address):
        return str(ip_network(f"{address}/{_HOME_NETWORK}", strict=False))
    return address
