"""May this certificate connect as this client, and why."""

import unicodedata
from dataclasses import dataclass


@dataclass(frozen=True)
class Scheme:
    value: str
    label: str
    explanation: str


VALIDATION_SCHEMES: tuple[Scheme, ...] = (
    Scheme("SubjectMatchesAuthenticationName", "Subject Matches Authentication Name", "The common name in the certificate's subject equals the authentication name."),
    Scheme("DnsMatchesAuthenticationName", "Dns Matches Authentication Name", "One DNS name in the certificate equals the authentication name."),
    Scheme("UriMatchesAuthenticationName", "Uri Matches Authentication Name", "One URI in the certificate equals the authentication name."),
    Scheme("IpMatchesAuthenticationName", "IP Matches Authentication Name", "One IP address in the certificate equals the authentication name."),
    Scheme("EmailMatchesAuthenticationName", "Email Matches Authentication Name", "One e-mail address in the certificate equals the authentication name."),
    Scheme("ThumbprintMatch", "Thumbprint Match", "The certificate itself is registered by its SHA-256 thumbprint; no CA certificate is needed."),
)


def authentication_name_key(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
