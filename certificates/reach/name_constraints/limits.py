"""The authentication names for which a CA certificate can issue certificates that the endpoint accepts. Pure.

A name is left out only where no certificate for it can pass: whoever has the key of the CA chooses everything else in the
certificate. Sources: RFC 5280 section 4.2.1.10, docs/policy.md.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from cryptography import x509

from certificates.authentication.ip_addresses import address_of, ipv4_number
from certificates.authentication.matching import EMAIL_SCHEME, IP_SCHEME, SUBJECT_SCHEME
from certificates.reach.name_constraints.subtrees import (
    HAS_HOST,
    any_of,
    dns_pattern,
    email_pattern,
    uri_pattern,
)
from certificates.x509.parsing import LIBRARY_ERRORS, DecodingError, extensions_of

DNS_SCHEME = "DnsMatchesAuthenticationName"
URI_SCHEME = "UriMatchesAuthenticationName"
MOST_SUBTREES = 100  # more are not read: the CA certificate then counts as one without limits
Networks = tuple[IPv4Network | IPv6Network, ...]
Masks = tuple[tuple[int, int], ...]  # netmask and address of IPv4 networks, as numbers


@dataclass(frozen=True)
class Patterns:
    """Regular expressions for names: each of `needed` must match, and `excluded` must not. An empty one is not asked."""

    needed: tuple[str, ...] = ()
    excluded: str = ""

    def permit(self, key: str) -> bool:
        return all(re.search(each, key) for each in self.needed) and not (
            self.excluded and re.search(self.excluded, key)
        )


@dataclass(frozen=True)
class NameLimits:
    """What the name constraints of a CA certificate leave. A scheme that is not mentioned has no limit.

    `by_pattern`: validation schemes whose names must fit. `permitted` and `excluded` are the networks of IP addresses;
    `permitted` is None where all are. `blocked`: schemes of which no name is left.
    """

    by_pattern: Mapping[str, Patterns] = field(default_factory=dict)
    permitted: Networks | None = None
    excluded: Networks = ()
    blocked: frozenset[str] = frozenset()

    @property
    def limits_addresses(self) -> bool:
        return self.permitted is not None or bool(self.excluded)

    @property
    def is_empty(self) -> bool:
        """Return whether no scheme has a limit."""
        return not (self.by_pattern or self.limits_addresses or self.blocked)

    def limits(self, scheme: str) -> bool:
        """Return whether some name is out of reach by this scheme."""
        return scheme in self.by_pattern or scheme in self.blocked or (scheme == IP_SCHEME and self.limits_addresses)

    def permit(self, scheme: str, key: str) -> bool:
        """Return whether a certificate for this name can pass. `key` is the name as `authentication_name_key` returns it."""
        if scheme in self.blocked:
            return False
        if scheme == IP_SCHEME and self.limits_addresses:
            return self.permit_address(key)
        patterns = self.by_pattern.get(scheme)
        return patterns is None or patterns.permit(key)

    def permit_address(self, key: str) -> bool:
        """Return whether a certificate for this IP address can pass; not for what is none."""
        number = ipv4_number(key)
        if number is not None:
            permitted, excluded = self._ipv4
            return (permitted is None or _holds(permitted, number)) and not _holds(excluded, number)
        address = address_of(key)
        if address is None:
            return False
        if self.permitted is not None and not any(address in network for network in self.permitted):
            return False
        return not any(address in network for network in self.excluded)

    @cached_property
    def _ipv4(self) -> tuple[Masks | None, Masks]:
        """Return the permitted and the excluded IPv4 networks as numbers: a count compares ten thousands of addresses."""
        return None if self.permitted is None else _masks(self.permitted), _masks(self.excluded)


def _masks(networks: Networks) -> Masks:
    return tuple((int(each.netmask), int(each.network_address)) for each in networks if each.version == 4)


def _holds(masks: Masks, number: int) -> bool:
    for mask, network in masks:  # noqa: SIM110 - a generator takes twice as long
        if number & mask == network:
            return True
    return False


@lru_cache(maxsize=64)  # a namespace trusts few CA certificates, and each page asks again
def name_limits(der: bytes) -> NameLimits:
    """Return the limits of a CA certificate. Only its own constraints count: it is the trust anchor.

    What cannot be read has none, and what is too long to compare with every client.
    """
    constraints = _constraints_of(der)
    if constraints is None:
        return NameLimits()
    permitted, excluded = constraints.permitted_subtrees or [], constraints.excluded_subtrees or []
    if len(permitted) + len(excluded) > MOST_SUBTREES or any(
        "\0" in str(each.value) for each in (*permitted, *excluded)
    ):
        return NameLimits()  # PostgreSQL takes no NUL in an expression
    networks = _values(permitted, x509.IPAddress)
    return NameLimits(
        by_pattern=dict(_patterns(permitted, excluded)),
        permitted=tuple(networks) or None,
        excluded=tuple(_values(excluded, x509.IPAddress)),
        blocked=_blocked(_values(permitted, x509.DirectoryName), _values(excluded, x509.DirectoryName)),
    )


def _constraints_of(der: bytes) -> x509.NameConstraints | None:
    try:
        return next((e.value for e in extensions_of(der) if isinstance(e.value, x509.NameConstraints)), None)
    except (*LIBRARY_ERRORS, DecodingError):
        return None


def _values(names: Sequence[x509.GeneralName], kind: type[x509.GeneralName]) -> list[Any]:
    return [name.value for name in names if isinstance(name, kind)]


def _patterns(
    permitted: Sequence[x509.GeneralName], excluded: Sequence[x509.GeneralName]
) -> Iterator[tuple[str, Patterns]]:
    """Yield the schemes whose names are limited by text."""
    for scheme, kind, pattern in _BY_TEXT:
        allowed = [pattern(base, False) for base in _values(permitted, kind)]
        forbidden = [pattern(base, True) for base in _values(excluded, kind)]
        if allowed or forbidden:
            needed = (*((any_of(allowed),) if allowed else ()), *((HAS_HOST,) if scheme == URI_SCHEME else ()))
            yield scheme, Patterns(needed, any_of(forbidden))


_BY_TEXT: tuple[tuple[str, type[x509.GeneralName], Callable[[str, bool], str]], ...] = (
    (DNS_SCHEME, x509.DNSName, lambda base, _: dns_pattern(base)),
    (URI_SCHEME, x509.UniformResourceIdentifier, lambda base, is_excluded: uri_pattern(base, is_excluded=is_excluded)),
    (EMAIL_SCHEME, x509.RFC822Name, lambda base, is_excluded: email_pattern(base, is_excluded=is_excluded)),
)


def _blocked(permitted: Iterable[x509.Name], excluded: Sequence[x509.Name]) -> frozenset[str]:
    """Return the scheme of subjects where no subject is left: any other has room for a common name below or beside it."""
    bases = list(permitted) or [x509.Name([])]
    is_left = any(not any(_is_below(base, other) for other in excluded) for base in bases)
    return frozenset() if is_left else frozenset({SUBJECT_SCHEME})


def _is_below(name: x509.Name, base: x509.Name) -> bool:
    return name.rdns[: len(base.rdns)] == base.rdns
