"""What authentication is about: clients, namespaces, validation schemes, and the decision with its trace. Pure.

Sources: Azure Event Grid "MQTT client authentication using certificates" (schemes and labels), its namespace resource
(alternative authentication name sources).
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, Self

from certificates.authentication.client_index import ClientIndex
from certificates.authentication.paths import TrustAnchors

MAX_NAME_LENGTH = 128


@dataclass(frozen=True)
class Scheme:
    """A client certificate authentication validation scheme: Azure's value, the guide's label, one line for people."""

    value: str
    label: str
    explanation: str
    part: str  # the part of the certificate it compares, in words


VALIDATION_SCHEMES: tuple[Scheme, ...] = (
    Scheme(
        "SubjectMatchesAuthenticationName",
        "Subject Matches Authentication Name",
        "The common name in the certificate's subject equals the authentication name.",
        "subject common name",
    ),
    Scheme(
        "DnsMatchesAuthenticationName",
        "Dns Matches Authentication Name",
        "One DNS name in the certificate equals the authentication name.",
        "DNS name",
    ),
    Scheme(
        "UriMatchesAuthenticationName",
        "Uri Matches Authentication Name",
        "One URI in the certificate equals the authentication name.",
        "URI",
    ),
    Scheme(
        "IpMatchesAuthenticationName",
        "IP Matches Authentication Name",
        "One IP address in the certificate equals the authentication name.",
        "IP address",
    ),
    Scheme(
        "EmailMatchesAuthenticationName",
        "Email Matches Authentication Name",
        "One e-mail address in the certificate equals the authentication name.",
        "e-mail address",
    ),
    Scheme(
        "ThumbprintMatch",
        "Thumbprint Match",
        "The certificate itself is registered by its SHA-256 thumbprint; no CA certificate is needed.",
        "SHA-256 thumbprint",
    ),
)
SCHEMES_BY_VALUE: Mapping[str, Scheme] = {scheme.value: scheme for scheme in VALIDATION_SCHEMES}

# Alternative authentication name sources, as Azure names them, and the part of the certificate each reads.
ALTERNATIVE_SOURCES: Mapping[str, str] = {
    "ClientCertificateSubject": "SubjectMatchesAuthenticationName",
    "ClientCertificateDns": "DnsMatchesAuthenticationName",
    "ClientCertificateUri": "UriMatchesAuthenticationName",
    "ClientCertificateIp": "IpMatchesAuthenticationName",
    "ClientCertificateEmail": "EmailMatchesAuthenticationName",
}

UNUSED_SOURCE = "source that would find a client"  # in the values of a step

PASSED, FAILED, NOT_REACHED, NOT_NEEDED = "passed", "failed", "not reached", "not needed"

# What is done in the portal to make a step pass. "" is what is done elsewhere: on the device, or where its certificate is
# issued.
CREATE_CLIENT = "create-client"
ENABLE_CLIENT = "enable-client"
SET_SCHEME = "set-scheme"
USE_THUMBPRINT = "use-thumbprint"
REGISTER_THUMBPRINT = "register-thumbprint"
CHANGE_NAME = "change-authentication-name"
CHOOSE_SOURCES = "choose-sources"
UPLOAD_CA = "upload-ca"

STEP_TITLES: Mapping[str, str] = {
    "certificate-readable": "Certificate read",
    "within-validity": "Within its validity",
    "authentication-name": "Authentication name taken from",
    "client-found": "Client found",
    "client-enabled": "Client enabled",
    "issuer-found": "Issuer found",
    "chain-verified": "Chain verified to an uploaded CA",
    "client-authentication-allowed": "Allowed for client authentication",
    "scheme-compared": "Certificate compared with the client",
}
FAILED_TITLES: Mapping[str, str] = {
    "certificate-readable": "Certificate not read",
    "within-validity": "Not within its validity",
    "authentication-name": "No authentication name",
    "client-found": "Client not found",
    "client-enabled": "Client not enabled",
    "issuer-found": "Issuer not found",
    "chain-verified": "Chain not verified to an uploaded CA",
    "client-authentication-allowed": "Not allowed for client authentication",
    "scheme-compared": "Certificate does not match the client",
}

Values = tuple[tuple[str, str], ...]


def authentication_name_key(name: str) -> str:
    """The form in which authentication names are compared and kept unique: NFC and casefolded.

    One function for the database's constraint, the forms and the engine, since SQLite's LOWER knows ASCII only.
    """
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


@dataclass(frozen=True)
class ClientRecord:
    """A client as the namespace knows it. `thumbprints`: 64 lower-case hex digits each."""

    name: str
    authentication_name: str
    validation_scheme: str
    thumbprints: tuple[str, ...] = ()
    enabled: bool = True


@dataclass(frozen=True)
class TrustedCA:
    """An uploaded CA certificate: the name it was given, and its DER bytes."""

    name: str
    der: bytes


@dataclass(frozen=True)
class NamespaceState:
    """What a namespace knows at the moment of a CONNECT. `clients` is keyed by `authentication_name_key`.

    `index` finds those keys, where somebody keeps `clients` and it true through changes.
    """

    cas: tuple[TrustedCA, ...] = ()
    clients: Mapping[str, ClientRecord] = field(default_factory=dict)
    alternative_sources: tuple[str, ...] = ()
    index: ClientIndex | None = None

    @cached_property
    def client_index(self) -> ClientIndex:
        """The index of the clients, made when first asked for where nobody keeps one."""
        return ClientIndex.of(self.clients) if self.index is None else self.index

    @cached_property
    def anchors(self) -> TrustAnchors:
        """The uploaded CA certificates, read once: they are known before any client comes."""
        return TrustAnchors((ca.name, ca.der) for ca in self.cas)


class Step(NamedTuple):
    """One step of the trace: what was looked at, how it came out, the values compared, and what would make it pass.

    `action` is where in the portal that is done, such as `UPLOAD_CA`, or "".
    """

    code: str
    outcome: str
    sentence: str = ""
    values: Values = ()
    fix: str = ""
    action: str = ""

    @property
    def title(self) -> str:
        """What the step found out, so that one that failed does not claim what it looked for."""
        return (FAILED_TITLES if self.outcome == FAILED else STEP_TITLES)[self.code]


class Decision(NamedTuple):
    """The verdict with its ordered trace."""

    accepted: bool
    code: str
    reason: str
    fix: str
    steps: tuple[Step, ...]
    client: ClientRecord | None = None
    authentication_name: str = ""
    authentication_name_source: str = ""
    anchor: str = ""

    @property
    def failing(self) -> Step | None:
        """The first failing step, or None when accepted."""
        return next((step for step in self.steps if step.outcome == FAILED), None)

    def as_dict(self) -> dict[str, Any]:
        """The decision as JSON, for the connection log."""
        client = self.client
        return {
            "accepted": self.accepted,
            "code": self.code,
            "reason": self.reason,
            "fix": self.fix,
            "authenticationName": self.authentication_name,
            "authenticationNameSource": self.authentication_name_source,
            "anchor": self.anchor,
            "client": None
            if client is None
            else {
                "name": client.name,
                "authenticationName": client.authentication_name,
                "validationScheme": client.validation_scheme,
                "thumbprints": list(client.thumbprints),
                "enabled": client.enabled,
            },
            "steps": [
                {
                    "code": s.code,
                    "title": s.title,
                    "outcome": s.outcome,
                    "sentence": s.sentence,
                    "values": [list(pair) for pair in s.values],
                    "fix": s.fix,
                    "action": s.action,
                }
                for s in self.steps
            ],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `as_dict`. Raises `ValueError` when it is no decision."""
        try:
            client = data["client"]
            return cls(
                accepted=bool(data["accepted"]),
                code=str(data["code"]),
                reason=str(data["reason"]),
                fix=str(data["fix"]),
                authentication_name=str(data["authenticationName"]),
                authentication_name_source=str(data["authenticationNameSource"]),
                anchor=str(data["anchor"]),
                client=None
                if client is None
                else ClientRecord(
                    client["name"],
                    client["authenticationName"],
                    client["validationScheme"],
                    tuple(client["thumbprints"]),
                    bool(client["enabled"]),
                ),
                steps=tuple(
                    Step(
                        s["code"],
                        s["outcome"],
                        s["sentence"],
                        tuple((str(a), str(b)) for a, b in s["values"]),
                        s["fix"],
                        str(s.get("action", "")),  # older logs do not say it
                    )
                    for s in data["steps"]
                    if s["code"] in STEP_TITLES
                ),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("This is not a recorded decision.") from error
