"""What a client's own certificate proposes for its registration."""

from collections.abc import Sequence
from dataclasses import dataclass

from certificates.authentication import VALIDATION_SCHEMES
from certificates.decoding import Certificate, read_upload
from namespaces.rules import MAX_NAME_LENGTH, THUMBPRINT_SCHEME


@dataclass(frozen=True)
class Proposal:
    """Values for the form, and a sentence that says where they come from."""

    authentication_name: str
    validation_scheme: str
    thumbprint: str
    subject: str
    issuer: str
    sentence: str
    has_known_issuer: bool

    @property
    def thumbprints(self) -> list[str]:
        return [self.thumbprint] if self.validation_scheme == THUMBPRINT_SCHEME else []


def propose(data: bytes, *, known_issuers: Sequence[str]) -> Proposal:
    """Read a client certificate (the first, where a chain came) and propose how to register it.

    `known_issuers` are the subjects of the uploaded CA certificates. Raises DecodingError.
    """
    certificate = read_upload(data)[0]
    scheme, name = _best_name(certificate)
    if not name:
        scheme = THUMBPRINT_SCHEME
    label = {known.value: known.label for known in VALIDATION_SCHEMES}[scheme]
    has_known_issuer = certificate.issuer in known_issuers
    if certificate.is_self_issued and not has_known_issuer:
        scheme, label = THUMBPRINT_SCHEME, "Thumbprint Match"
        sentence = f"It is self-signed, so {label} fits: no CA certificate is needed."
    elif name:
        sentence = f"Its {_FIELD[scheme]} is “{name}”, so {label} fits."
    else:
        sentence = f"It carries no name that could be an authentication name, so {label} fits."
    return Proposal(
        authentication_name=name,
        validation_scheme=scheme,
        thumbprint=certificate.thumbprint_sha256,
        subject=certificate.subject,
        issuer=certificate.issuer,
        sentence=sentence,
        has_known_issuer=has_known_issuer,
    )


_FIELD = {
    "SubjectMatchesAuthenticationName": "common name",
    "DnsMatchesAuthenticationName": "DNS name",
    "UriMatchesAuthenticationName": "URI",
    "IpMatchesAuthenticationName": "IP address",
    "EmailMatchesAuthenticationName": "e-mail address",
}


def _best_name(certificate: Certificate) -> tuple[str, str]:
    sources = (
        ("SubjectMatchesAuthenticationName", certificate.common_names),
        ("DnsMatchesAuthenticationName", certificate.dns_names),
        ("UriMatchesAuthenticationName", certificate.uris),
        ("IpMatchesAuthenticationName", certificate.ip_addresses),
        ("EmailMatchesAuthenticationName", certificate.emails),
    )
    for scheme, names in sources:
        for name in names:
            if name.strip() and len(name) <= MAX_NAME_LENGTH:
                return scheme, name
    return "", ""
