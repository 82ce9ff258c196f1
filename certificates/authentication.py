"""May this certificate connect as this client, and why.

The one engine behind the MQTT endpoint that gives the verdict, the page that explains it, and the tests. Pure: no
Django, no I/O; the moment is an argument. Where Azure's behaviour is unconfirmed the choice is ours, as docs/policy.md
lists.

Sources: Azure Event Grid "MQTT client authentication using certificates", RFC 5280 (paths), RFC 6125 (names).
"""

import ipaddress
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self

from certificates.decoding import Certificate, DecodingError, load_certificate
from certificates.verification import ChainVerdict, verify_chain

MAX_PRESENTED_CHAIN = 10
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

PASSED, FAILED, NOT_REACHED, NOT_NEEDED = "passed", "failed", "not reached", "not needed"

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

Values = tuple[tuple[str, str], ...]


def authentication_name_key(name: str) -> str:
    """The form in which authentication names are compared and kept unique: NFC and casefolded.

    One function for the database's constraint, the forms and the engine, since SQLite's LOWER knows ASCII only.
    """
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
    """What a namespace knows at the moment of a CONNECT. `clients` is keyed by `authentication_name_key`."""

    cas: tuple[TrustedCA, ...] = ()
    clients: Mapping[str, ClientRecord] = field(default_factory=dict)
    alternative_sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class Step:
    """One step of the trace: what was looked at, how it came out, the values compared, and what would make it pass."""

    code: str
    outcome: str
    sentence: str = ""
    values: Values = ()
    fix: str = ""

    @property
    def title(self) -> str:
        return STEP_TITLES[self.code]


@dataclass(frozen=True)
class Decision:
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
                    )
                    for s in data["steps"]
                    if s["code"] in STEP_TITLES
                ),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("This is not a recorded decision.") from error


class _RefusalError(Exception):
    """Ends the walk: the step that failed is the last of the trace so far."""


@dataclass
class _Walk:
    """One authentication under way: what it was given, what it has found, and the trace so far."""

    presented: bytes | None
    chain: Sequence[bytes]
    user_name: str | None
    state: NamespaceState
    at: datetime
    steps: list[Step] = field(default_factory=list)
    client: ClientRecord | None = None
    authentication_name: str = ""
    source: str = ""
    anchor: str = ""

    def passed(self, code: str, sentence: str, *values: tuple[str, str]) -> None:
        self.steps.append(Step(code, PASSED, sentence, values))

    def not_needed(self, code: str, sentence: str) -> None:
        self.steps.append(Step(code, NOT_NEEDED, sentence))

    def refuse(self, code: str, sentence: str, *values: tuple[str, str], fix: str) -> _RefusalError:
        self.steps.append(Step(code, FAILED, sentence, values, fix))
        return _RefusalError()


def authenticate(
    *,
    presented: bytes | None,
    chain: Sequence[bytes] = (),
    user_name: str | None,
    state: NamespaceState,
    at: datetime,
) -> Decision:
    """Decide whether a client may connect, and say why.

    Arguments: `presented`, the client certificate as DER, or None when TLS saw none; `chain`, the other certificates
    the client sent, as DER; `user_name`, MQTT's user name or None; `state`, the namespace; `at`, an aware moment.
    Returns a `Decision`; never raises on what a client sent. Raises `ValueError` when `at` has no time zone.
    """
    if at.tzinfo is None:
        raise ValueError("at must be an aware datetime.")
    walk = _Walk(presented, chain, user_name or None, state, at)
    try:
        leaf = _read_certificate(walk)
        _check_validity(walk, leaf)
        _find_authentication_name(walk, leaf)
        client = _find_client(walk)
        _check_enabled(walk, client)
        if client.validation_scheme == "ThumbprintMatch":
            for code in ("issuer-found", "chain-verified", "client-authentication-allowed"):
                walk.not_needed(code, "Thumbprint Match compares the certificate itself; its issuer does not matter.")
        else:
            _check_chain(walk, leaf)
            _check_purpose(walk, leaf)
        _compare(walk, leaf, client)
    except _RefusalError:
        pass
    return _decision(walk)


def _decision(walk: _Walk) -> Decision:
    reached = {step.code for step in walk.steps}
    steps = (*walk.steps, *(Step(code, NOT_REACHED) for code in STEP_TITLES if code not in reached))
    failing = next((step for step in steps if step.outcome == FAILED), None)
    reason = failing.sentence if failing else f"Connected as {walk.client.name if walk.client else ''}."
    return Decision(
        accepted=failing is None,
        code=failing.code if failing else "accepted",
        reason=reason,
        fix=failing.fix if failing else "",
        steps=steps,
        client=walk.client,
        authentication_name=walk.authentication_name,
        authentication_name_source=walk.source,
        anchor=walk.anchor,
    )


def _read_certificate(walk: _Walk) -> Certificate:
    code = "certificate-readable"
    if walk.presented is None:
        raise walk.refuse(
            code,
            "The client presented no certificate.",
            fix="Give the client its certificate and private key (mosquitto: --cert and --key).",
        )
    try:
        leaf = load_certificate(walk.presented)
    except DecodingError as error:
        raise walk.refuse(code, error.sentence, fix="Issue the client certificate again.") from None
    if leaf.key.startswith("RSA") and leaf.key_bits > 8192:
        raise walk.refuse(
            code,
            f"The certificate's key is {leaf.key}, larger than any server verifies.",
            ("key", leaf.key),
            fix="Issue the certificate with a key of 2048 to 4096 bits, or EC P-256.",
        )
    walk.passed(code, f"{leaf.subject or 'Empty subject'}, {leaf.key}", ("thumbprint", leaf.thumbprint_sha256))
    return leaf


def _moment(value: datetime) -> str:
    return value.strftime("%d %b %Y %H:%M UTC")


def _check_validity(walk: _Walk, leaf: Certificate) -> None:
    code = "within-validity"
    values = (("valid", f"{_moment(leaf.not_before)} to {_moment(leaf.not_after)}"), ("at", _moment(walk.at)))
    if walk.at < leaf.not_before:
        raise walk.refuse(
            code,
            f"The certificate is not valid yet: it starts on {_moment(leaf.not_before)}.",
            *values,
            fix="Wait until then, or check the clock of the machine that issued it.",
        )
    if walk.at > leaf.not_after:
        raise walk.refuse(
            code,
            f"The certificate expired on {_moment(leaf.not_after)}.",
            *values,
            fix="Issue a new certificate to the client from the same CA.",
        )
    walk.passed(code, f"{values[0][1]}; tested at {values[1][1]}", *values)


def presented_values(leaf: Certificate, scheme: str) -> tuple[str, ...]:
    """What a validation scheme reads from a certificate: common names, DNS names, … or the thumbprint."""
    return {
        "SubjectMatchesAuthenticationName": leaf.common_names,
        "DnsMatchesAuthenticationName": leaf.dns_names,
        "UriMatchesAuthenticationName": leaf.uris,
        "IpMatchesAuthenticationName": leaf.ip_addresses,
        "EmailMatchesAuthenticationName": leaf.emails,
        "ThumbprintMatch": (leaf.thumbprint_sha256,),
    }[scheme]


def _find_authentication_name(walk: _Walk, leaf: Certificate) -> None:
    code = "authentication-name"
    if walk.user_name is not None:
        walk.authentication_name, walk.source = walk.user_name, "UserName"
        walk.passed(code, f"MQTT user name: {walk.user_name[:MAX_NAME_LENGTH]}", ("MQTT user name", walk.user_name))
        return
    for source in walk.state.alternative_sources:
        scheme = ALTERNATIVE_SOURCES.get(source)
        values = presented_values(leaf, scheme) if scheme else ()
        if scheme and values:
            walk.authentication_name, walk.source = values[0], source
            part = SCHEMES_BY_VALUE[scheme].part
            walk.passed(code, f"No MQTT user name; the certificate's {part}: {values[0]}", (part, values[0]))
            return
    tried = ", ".join(walk.state.alternative_sources)
    raise walk.refuse(
        code,
        "The client sent no MQTT user name"
        + (f", and its certificate has nothing in the namespace's sources ({tried})." if tried else "."),
        ("MQTT user name", "none"),
        fix="Send the client's authentication name as MQTT user name (mosquitto: -u).",
    )


def _find_client(walk: _Walk) -> ClientRecord:
    code, name = "client-found", walk.authentication_name
    shown = name if len(name) <= MAX_NAME_LENGTH else f"{name[:MAX_NAME_LENGTH]}…"
    client = None
    if len(name) <= MAX_NAME_LENGTH:
        client = walk.state.clients.get(authentication_name_key(name))
    if client is None:
        by_name = next((c for c in walk.state.clients.values() if c.name == name), None)
        fix = f"Register a client with the authentication name {shown}, or send the name of a registered one."
        if by_name is not None:
            fix = (
                f"{shown} is the name of a client, but its authentication name is {by_name.authentication_name}: "
                "send that as MQTT user name."
            )
        raise walk.refuse(
            code, f"No client has the authentication name {shown}.", ("authentication name", shown), fix=fix
        )
    walk.client = client
    walk.passed(
        code,
        f"{client.name} (names compare without case)",
        ("authentication name", client.authentication_name),
        ("client", client.name),
    )
    return client


def _check_enabled(walk: _Walk, client: ClientRecord) -> None:
    if not client.enabled:
        raise walk.refuse(
            "client-enabled",
            f"The client {client.name} is disabled.",
            ("connection state", "Disabled"),
            fix=f"Set the connection state of {client.name} to Enabled.",
        )
    walk.passed("client-enabled", "Connection state Enabled", ("connection state", "Enabled"))


def _check_chain(walk: _Walk, leaf: Certificate) -> None:
    verdict: ChainVerdict = verify_chain(
        leaf, walk.chain[:MAX_PRESENTED_CHAIN], [(ca.name, ca.der) for ca in walk.state.cas], at=walk.at
    )
    if not verdict.issuer_found:
        raise walk.refuse("issuer-found", verdict.sentence, *verdict.values, fix=verdict.fix)
    walk.passed("issuer-found", verdict.issuer_sentence, *verdict.issuer_values)
    if not verdict.verified:
        raise walk.refuse("chain-verified", verdict.sentence, *verdict.values, fix=verdict.fix)
    walk.anchor = verdict.anchor
    walk.passed("chain-verified", verdict.sentence, *verdict.values)


def _check_purpose(walk: _Walk, leaf: Certificate) -> None:
    code = "client-authentication-allowed"
    usages = leaf.extended_key_usage
    shown = ", ".join(usages) or "no restriction"
    if usages and not {"clientAuth", "anyExtendedKeyUsage"} & set(usages):
        raise walk.refuse(
            code,
            f"The certificate is not for clients: its extended key usage is {shown}.",
            ("extended key usage", shown),
            fix="Issue it with the extended key usage clientAuth.",
        )
    if leaf.key_usage and not {"digitalSignature", "keyAgreement"} & set(leaf.key_usage):
        raise walk.refuse(
            code,
            f"The certificate's key may not sign a TLS handshake: its key usage is {', '.join(leaf.key_usage)}.",
            ("key usage", ", ".join(leaf.key_usage)),
            fix="Issue it with the key usage digitalSignature.",
        )
    walk.passed(code, f"Extended key usage: {shown}", ("extended key usage", shown))


def _same(scheme: str, presented: str, name: str) -> bool:
    if scheme == "IpMatchesAuthenticationName":
        try:
            return ipaddress.ip_address(presented) == ipaddress.ip_address(name.strip().strip("[]"))
        except ValueError:
            return False
    return authentication_name_key(presented) == authentication_name_key(name)


def matches_scheme(leaf: Certificate, client: ClientRecord) -> bool:
    """Whether the part of the certificate that the scheme names equals the authentication name, or the thumbprint.

    Names compare ignoring case; any of several values may match; IP addresses compare as addresses. A subject also
    matches when its whole distinguished name (RFC 4514) equals the authentication name.
    """
    scheme = client.validation_scheme
    if scheme == "ThumbprintMatch":
        return leaf.thumbprint_sha256 in client.thumbprints
    values = presented_values(leaf, scheme) if scheme in SCHEMES_BY_VALUE else ()
    if scheme == "SubjectMatchesAuthenticationName" and leaf.subject:
        values = (*values, leaf.subject)
    return any(_same(scheme, value, client.authentication_name) for value in values)


def _compare(walk: _Walk, leaf: Certificate, client: ClientRecord) -> None:
    code, scheme = "scheme-compared", SCHEMES_BY_VALUE.get(client.validation_scheme)
    if scheme is None:
        raise walk.refuse(
            code,
            f"The client {client.name} has a validation scheme that is not known: {client.validation_scheme}.",
            fix="Choose one of the six validation schemes for it.",
        )
    found = presented_values(leaf, scheme.value)
    shown = ", ".join(found) or "none"
    if scheme.value == "ThumbprintMatch":
        expected = ("registered thumbprints", ", ".join(client.thumbprints) or "none")
    else:
        expected = ("authentication name", client.authentication_name)
    values = (expected, (f"{scheme.part} presented", shown))
    if matches_scheme(leaf, client):
        walk.passed(code, f"{scheme.label}: {shown}", *values)
        return
    if scheme.value == "ThumbprintMatch":
        sentence = f"The certificate's thumbprint is not registered for {client.name}."
        fix = f"Register {leaf.thumbprint_sha256} as primary or secondary thumbprint of {client.name}."
    else:
        sentence = (
            f"{client.name} uses {scheme.label}, but the certificate has no {scheme.part}."
            if not found
            else f"{client.name} uses {scheme.label}, but no {scheme.part} in the certificate is that name."
        )
        fix = _scheme_fix(leaf, client, scheme)
    raise walk.refuse(code, sentence, *values, fix=fix)


def _scheme_fix(leaf: Certificate, client: ClientRecord, scheme: Scheme) -> str:
    for other in VALIDATION_SCHEMES:
        if other.value not in {scheme.value, "ThumbprintMatch"} and matches_scheme(
            leaf, replace(client, validation_scheme=other.value)
        ):
            return f"Switch {client.name} to {other.label}: the {other.part} is {client.authentication_name}."
    return f"Issue the certificate with the {scheme.part} {client.authentication_name}."
