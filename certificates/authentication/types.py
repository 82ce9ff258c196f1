"""Types of authentication: clients, namespaces, validation schemes, and the decision with its trace. Pure.

Sources: Azure Event Grid "MQTT client authentication using certificates" (schemes and labels), its namespace resource
(alternative authentication name sources).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple, Self

from certificates.authentication.certification_paths import TrustAnchors
from certificates.authentication.client_index import ClientIndex
from certificates.authentication.rules.names import authentication_name_key as authentication_name_key
from certificates.authentication.rules.types import NO_RULES, NamespaceRules

MAX_NAME_LENGTH = 128


@dataclass(frozen=True)
class Scheme:
    """A client certificate validation scheme: Azure's `value`, the guide's `label`, and one sentence of explanation.

    `part` names the part of the certificate that it compares.
    """

    value: str
    label: str
    explanation: str
    part: str


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
        "A DNS name in the certificate equals the authentication name.",
        "DNS name",
    ),
    Scheme(
        "UriMatchesAuthenticationName",
        "Uri Matches Authentication Name",
        "A URI in the certificate equals the authentication name.",
        "URI",
    ),
    Scheme(
        "IpMatchesAuthenticationName",
        "IP Matches Authentication Name",
        "An IP address in the certificate equals the authentication name.",
        "IP address",
    ),
    Scheme(
        "EmailMatchesAuthenticationName",
        "Email Matches Authentication Name",
        "An e-mail address in the certificate equals the authentication name.",
        "e-mail address",
    ),
    Scheme(
        "ThumbprintMatch",
        "Thumbprint Match",
        "The certificate's SHA-256 thumbprint is registered; no CA certificate is needed.",
        "SHA-256 thumbprint",
    ),
)
SCHEMES_BY_VALUE: Mapping[str, Scheme] = {scheme.value: scheme for scheme in VALIDATION_SCHEMES}

# Alternative authentication name sources, as Azure names them, and the scheme that reads the same part.
ALTERNATIVE_SOURCES: Mapping[str, str] = {
    "ClientCertificateSubject": "SubjectMatchesAuthenticationName",
    "ClientCertificateDns": "DnsMatchesAuthenticationName",
    "ClientCertificateUri": "UriMatchesAuthenticationName",
    "ClientCertificateIp": "IpMatchesAuthenticationName",
    "ClientCertificateEmail": "EmailMatchesAuthenticationName",
}

UNUSED_SOURCE = "source that would find a client"  # a name in the values of a step

PASSED, FAILED, NOT_REACHED, NOT_NEEDED = "passed", "failed", "not reached", "not needed"

# Actions: what to do in the portal to make a step pass. "" is done elsewhere: on the device, or where its certificate is
# issued.
CREATE_CLIENT = "create-client"
ENABLE_CLIENT = "enable-client"
SET_SCHEME = "set-scheme"
USE_THUMBPRINT = "use-thumbprint"
REGISTER_THUMBPRINT = "register-thumbprint"
CHANGE_NAME = "change-authentication-name"
CHOOSE_SOURCES = "choose-sources"
UPLOAD_CA = "upload-ca"
RELEASE_CERTIFICATE = "release-certificate"
UPLOAD_LIST = "upload-revocation-list"
CHANGE_BINDING = "change-binding"
CHANGE_POLICY = "change-policy"
CHANGE_PIN = "change-pin"

STEP_TITLES: Mapping[str, str] = {
    "certificate-readable": "Certificate read",
    "within-validity": "Within validity period",
    "authentication-name": "Authentication name found",
    "client-found": "Client found",
    "client-enabled": "Client enabled",
    "issuer-found": "Issuer found",
    "chain-verified": "Chain verified to an uploaded CA",
    "client-authentication-allowed": "Allowed for client authentication",
    "scheme-compared": "Certificate compared with the client",
}
# The steps of the rules that Azure cannot express, after those of Azure. A trace has only those that the namespace has rules for.
NOT_REVOKED, ISSUER_VOUCHES, WITHIN_POLICY, KEY_PINNED = "not-revoked", "issuer-vouches", "within-policy", "key-pinned"
RULE_TITLES: Mapping[str, str] = {
    NOT_REVOKED: "Certificate not revoked",
    ISSUER_VOUCHES: "CA counts for this client",
    WITHIN_POLICY: "Within the namespace's policy",
    KEY_PINNED: "Issued by the pinned CA",
}
TITLES: Mapping[str, str] = {**STEP_TITLES, **RULE_TITLES}
FAILED_TITLES: Mapping[str, str] = {
    "certificate-readable": "Certificate not read",
    "within-validity": "Not within validity period",
    "authentication-name": "No authentication name",
    "client-found": "Client not found",
    "client-enabled": "Client not enabled",
    "issuer-found": "Issuer not found",
    "chain-verified": "Chain not verified to an uploaded CA",
    "client-authentication-allowed": "Not allowed for client authentication",
    "scheme-compared": "Certificate does not match the client",
    "not-revoked": "Certificate revoked",
    "issuer-vouches": "CA does not count for this client",
    "within-policy": "Against the namespace's policy",
    "key-pinned": "Not issued by the pinned CA",
}

Values = tuple[tuple[str, str], ...]
_NO_ATTRIBUTES: Mapping[str, Any] = {}  # one for all clients without any


@dataclass(frozen=True)
class ClientRecord:
    """A registered client. `thumbprints` have 64 lower-case hex digits each.

    `team` is the name of the team that is responsible for it, or "", and `attributes` are what client groups ask about: only rules
    need them.
    """

    name: str
    authentication_name: str
    validation_scheme: str
    thumbprints: tuple[str, ...] = ()
    enabled: bool = True
    team: str = ""
    attributes: Mapping[str, Any] = field(default_factory=lambda: _NO_ATTRIBUTES, hash=False)


@dataclass(frozen=True)
class TrustedCA:
    """An uploaded CA certificate: its resource name and its DER."""

    name: str
    der: bytes


@dataclass(frozen=True)
class NamespaceState:
    """A namespace at the time of a CONNECT. Keep a state while it is current: `anchors` are read once.

    `clients` is keyed by `authentication_name_key`. `alternative_sources` are in the namespace's order. `index` is given
    where the clients change in place and the index is updated with them; otherwise it is built on first use. `rules` are
    those that Azure cannot express.
    """

    cas: tuple[TrustedCA, ...] = ()
    clients: Mapping[str, ClientRecord] = field(default_factory=dict)
    alternative_sources: tuple[str, ...] = ()
    index: ClientIndex | None = None
    rules: NamespaceRules = NO_RULES

    @cached_property
    def client_index(self) -> ClientIndex:
        """The given index of the clients, or one built on first use."""
        return ClientIndex.of(self.clients) if self.index is None else self.index

    @cached_property
    def anchors(self) -> TrustAnchors:
        """The uploaded CA certificates, read once."""
        return TrustAnchors((ca.name, ca.der) for ca in self.cas)

    @cached_property
    def without_rules(self) -> Self:
        """The state by which Azure alone would decide. What was read once is shared with it."""
        if not self.rules:
            return self
        bare = replace(self, rules=NO_RULES, index=self.client_index)
        bare.__dict__["anchors"] = self.anchors
        return bare


class Step(NamedTuple):
    """One step of the trace.

    `outcome` is `PASSED`, `FAILED`, `NOT_REACHED` or `NOT_NEEDED`. `sentence` says what was found and `values` are the
    (name, value) pairs compared. Of a failed step, `fix` is the one change that makes it pass and `action` the code of
    where in the portal to make it, such as `UPLOAD_CA`, or "".
    """

    code: str
    outcome: str
    sentence: str = ""
    values: Values = ()
    fix: str = ""
    action: str = ""

    @property
    def title(self) -> str:
        """The title, which says what was not found when the step failed."""
        return (FAILED_TITLES if self.outcome == FAILED else TITLES)[self.code]


class Decision(NamedTuple):
    """The verdict with its ordered trace.

    `code` is "accepted" or the failing step's code. `reason` is one sentence, `fix` the change that helps, or "".
    `authentication_name_source` is "UserName" or an alternative source; `anchor` is the name of the uploaded CA
    certificate that the chain leads to, or "". `issuer_key` and `anchor_key` are the SHA-256 of the public keys of the CA that
    signed the client certificate and of the anchor: names can be given again, keys cannot. Both are "" with Thumbprint Match.
    `lists_end`: when a revocation list that counts for the chain becomes too old, where the namespace then refuses it; no part of the log.
    """

    accepted: bool
    code: str
    reason: str
    fix: str
    steps: tuple[Step, ...]
    client: ClientRecord | None = None
    authentication_name: str = ""
    authentication_name_source: str = ""
    anchor: str = ""
    issuer_key: str = ""
    anchor_key: str = ""
    lists_end: datetime | None = None

    @property
    def failing(self) -> Step | None:
        """The failing step, or None when accepted."""
        return next((step for step in self.steps if step.outcome == FAILED), None)

    def as_dict(self) -> dict[str, Any]:
        """Return the decision as JSON for the connection log."""
        client = self.client
        return {
            "accepted": self.accepted,
            "code": self.code,
            "reason": self.reason,
            "fix": self.fix,
            "authenticationName": self.authentication_name,
            "authenticationNameSource": self.authentication_name_source,
            "anchor": self.anchor,
            "issuerKey": self.issuer_key,
            "anchorKey": self.anchor_key,
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
        """Return the decision from the JSON of `as_dict`. Raises `ValueError` for any other JSON."""
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
                issuer_key=str(data.get("issuerKey", "")),  # missing in older logs
                anchor_key=str(data.get("anchorKey", "")),
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
                        str(s.get("action", "")),  # missing in older logs
                    )
                    for s in data["steps"]
                    if s["code"] in TITLES
                ),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("This is not a recorded decision.") from error
