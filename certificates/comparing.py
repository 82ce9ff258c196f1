"""Which part of a certificate a validation scheme reads, and when it equals an authentication name. Pure.

Sources: Azure Event Grid "MQTT client authentication using certificates"; RFC 5280 section 4.2.1.6 (subject alternative
names), RFC 5952 (IPv6 as text), docs/policy.md for what those leave open.
"""

import ipaddress

from certificates.decisions import SCHEMES_BY_VALUE, ClientRecord, authentication_name_key
from certificates.facts import Certificate

IP_SCHEME = "IpMatchesAuthenticationName"
SUBJECT_SCHEME = "SubjectMatchesAuthenticationName"

# The fact that each scheme about names reads.
_FACTS = {
    SUBJECT_SCHEME: "common_names",
    "DnsMatchesAuthenticationName": "dns_names",
    "UriMatchesAuthenticationName": "uris",
    IP_SCHEME: "ip_addresses",
    "EmailMatchesAuthenticationName": "emails",
}


def presented_values(leaf: Certificate, scheme: str) -> tuple[str, ...]:
    """What a validation scheme reads from a certificate: common names, DNS names, … or the thumbprint.

    Arguments: `leaf`; `scheme`, one of the six values. Values that are empty text are left out. Raises `KeyError` for an
    unknown scheme.
    """
    values: tuple[str, ...] = (
        (leaf.thumbprint_sha256,) if scheme == "ThumbprintMatch" else getattr(leaf, _FACTS[scheme])
    )
    return tuple(value for value in values if value) if "" in values else values


def matches_scheme(leaf: Certificate, client: ClientRecord) -> bool:
    """Whether the part of the certificate that the scheme names equals the authentication name, or the thumbprint.

    Names compare ignoring case; any of several values may match; IP addresses compare as addresses. A subject also
    matches when its whole distinguished name (RFC 4514) equals the authentication name.
    """
    scheme = client.validation_scheme
    if scheme == "ThumbprintMatch":
        return leaf.thumbprint_sha256 in client.thumbprints
    if scheme not in SCHEMES_BY_VALUE:
        return False
    name = client.authentication_name
    presented = presented_values(leaf, scheme)
    if name in presented or any(_same(scheme, value, name) for value in presented):
        return True
    return scheme == SUBJECT_SCHEME and bool(leaf.subject) and _same(scheme, leaf.subject, name)


def lookup_keys(name: str, source: str) -> tuple[str, ...]:
    """The keys under which the client with this authentication name may stand in `NamespaceState.clients`.

    An address read from the certificate is looked for in each usual notation, since a client may have been registered
    with any of them; every other name is looked for as it is.
    """
    if source != "ClientCertificateIp":
        return (authentication_name_key(name),)
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return (authentication_name_key(name),)
    notations = [address.compressed, address.exploded]
    if isinstance(address, ipaddress.IPv6Address):
        notations.append(":".join(f"{int(group, 16):x}" for group in address.exploded.split(":")))
    return tuple(dict.fromkeys(authentication_name_key(notation) for notation in notations))


def _same(scheme: str, presented: str, name: str) -> bool:
    if scheme == IP_SCHEME:
        try:
            return ipaddress.ip_address(presented) == ipaddress.ip_address(name.strip().strip("[]"))
        except ValueError:
            return False
    return authentication_name_key(presented) == authentication_name_key(name)
