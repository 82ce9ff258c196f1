"""Compare the part of a certificate that a validation scheme reads with an authentication name. Pure.

Sources: Azure Event Grid "MQTT client authentication using certificates"; RFC 5280 section 4.2.1.6 (subject alternative
names), RFC 5952 (IPv6 as text), docs/policy.md for what those leave open.
"""

from certificates.authentication.ip_addresses import address_of
from certificates.authentication.types import (
    MAX_NAME_LENGTH,
    SCHEMES_BY_VALUE,
    VALIDATION_SCHEMES,
    ClientRecord,
    NamespaceState,
    authentication_name_key,
)
from certificates.x509.certificate import Certificate

IP_SCHEME = "IpMatchesAuthenticationName"
EMAIL_SCHEME = "EmailMatchesAuthenticationName"
IP_SOURCE = "ClientCertificateIp"
SUBJECT_SCHEME = "SubjectMatchesAuthenticationName"
THUMBPRINT_SCHEME = "ThumbprintMatch"
MOST_NAMES = 20  # of each kind: how many names of a certificate are looked up

# The attribute of a certificate that each name scheme reads.
_ATTRIBUTES = {
    SUBJECT_SCHEME: "common_names",
    "DnsMatchesAuthenticationName": "dns_names",
    "UriMatchesAuthenticationName": "uris",
    IP_SCHEME: "ip_addresses",
    EMAIL_SCHEME: "emails",
}


def presented_values(leaf: Certificate, scheme: str) -> tuple[str, ...]:
    """Return what a validation scheme reads from a certificate: common names, DNS names, … or the thumbprint.

    Arguments: `leaf`, the client certificate; `scheme`, one of the six values. Empty values are left out. Raises
    `KeyError` for an unknown scheme.
    """
    values: tuple[str, ...] = (
        (leaf.thumbprint_sha256,) if scheme == "ThumbprintMatch" else getattr(leaf, _ATTRIBUTES[scheme])
    )
    return tuple(value for value in values if value) if "" in values else values


def matches_scheme(leaf: Certificate, client: ClientRecord) -> bool:
    """Return whether the certificate matches the client's authentication name or thumbprints by its scheme.

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


def fitting_scheme(leaf: Certificate, name: str, *, but: str = "") -> str:
    """Return the first name scheme by which the certificate matches the authentication name, or "".

    Arguments: `but`, a scheme to skip.
    """
    if not name:
        return ""
    others = (s.value for s in VALIDATION_SCHEMES if s.value not in {but, THUMBPRINT_SCHEME})
    return next((scheme for scheme in others if matches_scheme(leaf, ClientRecord("", name, scheme))), "")


def first_name(leaf: Certificate) -> str:
    """Return the certificate's first name, in the order of the schemes, that can be an authentication name; else ""."""
    values = (value for scheme in _ATTRIBUTES for value in presented_values(leaf, scheme))
    return next((value for value in values if value.strip() and len(value) <= MAX_NAME_LENGTH), "")


def find_client(state: NamespaceState, name: str, source: str) -> ClientRecord | None:
    """Return the client with this authentication name, or None.

    Arguments: `source`, where the name came from ("UserName" or an alternative source). An address read from the
    certificate finds its client in any notation; every other name is looked up as it is. Of several clients with the
    address, the one registered in the certificate's notation comes first.
    """
    client = state.clients.get(authentication_name_key(name))
    if client is not None or source != IP_SOURCE or (address := address_of(name)) is None:
        return client
    found = (state.clients.get(key) for key in state.client_index.addresses.get(str(address), ()))
    return next((client for client in found if client is not None), None)


def clients_of(leaf: Certificate, state: NamespaceState) -> tuple[ClientRecord, ...]:
    """Return the clients that the certificate matches by names and thumbprints, each by its own validation scheme.

    Looks names up in the index and never walks through all clients, since every refused CONNECT asks this. Only the
    first `MOST_NAMES` names of each kind are looked up.
    """
    index = state.client_index
    found = [(THUMBPRINT_SCHEME, key) for key in index.thumbprints.get(leaf.thumbprint_sha256, ())]
    for scheme in _ATTRIBUTES:
        found += [(scheme, authentication_name_key(value)) for value in presented_values(leaf, scheme)[:MOST_NAMES]]
    if leaf.subject:
        found.append((SUBJECT_SCHEME, authentication_name_key(leaf.subject)))
    for value in presented_values(leaf, IP_SCHEME)[:MOST_NAMES]:
        found += [(IP_SCHEME, key) for key in index.addresses.get(str(address_of(value)), ())]
    clients = {key: state.clients.get(key) for _, key in found}
    belonging = {key for scheme, key in found if (c := clients[key]) is not None and c.validation_scheme == scheme}
    return tuple(client for key, client in clients.items() if client is not None and key in belonging)


def _same(scheme: str, presented: str, name: str) -> bool:
    if scheme == IP_SCHEME:
        address = address_of(name)
        return address is not None and address_of(presented) == address
    return authentication_name_key(presented) == authentication_name_key(name)
