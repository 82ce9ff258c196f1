"""Decide whether a certificate may connect as a client, and explain why. Pure.

The MQTT endpoint that enforces the verdict and the page that explains it use this one engine. Where Azure's behaviour is
not documented, docs/policy.md lists our choice.

Sources: Azure Event Grid "MQTT client authentication using certificates", RFC 5280 (paths), RFC 6125 (names).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from certificates.authentication import advice
from certificates.authentication.chain import MAX_PRESENTED_CHAIN, ChainVerdict, verify_chain
from certificates.authentication.matching import find_client, matches_scheme, presented_values
from certificates.authentication.rules.revocation import lists_end
from certificates.authentication.rules.steps import check_rules, rule_codes
from certificates.authentication.types import (
    ALTERNATIVE_SOURCES,
    ENABLE_CLIENT,
    FAILED,
    MAX_NAME_LENGTH,
    NOT_NEEDED,
    NOT_REACHED,
    PASSED,
    SCHEMES_BY_VALUE,
    SET_SCHEME,
    STEP_TITLES,
    UNUSED_SOURCE,
    UPLOAD_CA,
    VALIDATION_SCHEMES,
    ClientRecord,
    Decision,
    NamespaceState,
    Scheme,
    Step,
    TrustedCA,
    Values,
    authentication_name_key,
)
from certificates.x509.certificate import Certificate, DecodingError, load_certificate, public_key_hash
from certificates.x509.strength import is_too_large
from certificates.x509.text import (
    MAX_SENTENCE,
    MAX_VALUE,
    MAX_VALUES,
    shortened,
    shortened_values,
    visible,
)

__all__ = [
    "ALTERNATIVE_SOURCES",
    "FAILED",
    "MAX_NAME_LENGTH",
    "MAX_PRESENTED_CHAIN",
    "NOT_NEEDED",
    "NOT_REACHED",
    "PASSED",
    "SCHEMES_BY_VALUE",
    "STEP_TITLES",
    "VALIDATION_SCHEMES",
    "ClientRecord",
    "Decision",
    "NamespaceState",
    "Scheme",
    "Step",
    "TrustedCA",
    "Values",
    "authenticate",
    "authentication_name_key",
    "matches_scheme",
    "presented_values",
]


class _RefusalError(Exception):
    """Ends the walk after the failed step was added to the trace."""


@dataclass(slots=True)
class _Walk:
    """One authentication in progress: its input, what it has found, and the trace so far."""

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
    issuer_key: str = ""
    anchor_key: str = ""
    lists_end: datetime | None = None

    def passed(self, code: str, sentence: str, *values: tuple[str, str]) -> None:
        self.steps.append(Step(code, PASSED, sentence, values))

    def not_needed(self, code: str, sentence: str) -> None:
        self.steps.append(Step(code, NOT_NEEDED, sentence))

    def refuse(self, code: str, sentence: str, *values: tuple[str, str], fix: str, action: str = "") -> _RefusalError:
        self.steps.append(Step(code, FAILED, sentence, values, shortened(fix), action))
        return _RefusalError()


def authenticate(
    *,
    presented: bytes | None,
    chain: Sequence[bytes] = (),
    user_name: str | None,
    state: NamespaceState,
    at: datetime,
) -> Decision:
    """Decide whether a client may connect, and explain why.

    Arguments: `presented`, the client certificate as DER, or None when the client sent none; `chain`, the other
    certificates it sent, as DER; `user_name`, the MQTT user name, or None; `state`, the namespace; `at`, an aware
    datetime. Returns a `Decision` and never raises because of what a client sent. Raises `ValueError` when `at` has no
    time zone.
    """
    if at.tzinfo is None:
        raise ValueError("at must be an aware datetime.")
    walk = _Walk(presented, chain, user_name or None, state, at)
    try:
        leaf = _read_certificate(walk)
        _check_validity(walk, leaf)
        _find_authentication_name(walk, leaf)
        client = _find_client(walk, leaf)
        _check_enabled(walk, client)
        path: Sequence[Certificate] = (leaf,)
        if client.validation_scheme == "ThumbprintMatch":
            for code in ("issuer-found", "chain-verified", "client-authentication-allowed"):
                walk.not_needed(code, "Thumbprint Match compares the certificate itself, regardless of its issuer.")
        else:
            path = _check_chain(walk, leaf)
            _check_purpose(walk, leaf, path)
        _compare(walk, leaf, client)
        if state.rules:
            _follow_rules(walk, path, client)
    except _RefusalError:
        pass
    return _decision(walk)


def _decision(walk: _Walk) -> Decision:
    steps = walk.steps
    if _any_is_long(steps):
        steps = [_shortened_step(step) for step in steps]
    failing = steps[-1] if steps[-1].outcome == FAILED else None  # the walk ends at the first that fails
    if failing is not None:
        reached = {step.code for step in steps}
        codes = (*STEP_TITLES, *rule_codes(walk.state.rules))
        steps += [Step(code, NOT_REACHED) for code in codes if code not in reached]
    reason = failing.sentence if failing else f"Connected as {walk.client.name if walk.client else ''}."
    return Decision(
        failing is None,
        failing.code if failing else "accepted",
        reason,
        failing.fix if failing else "",
        tuple(steps),
        walk.client,
        walk.authentication_name,
        walk.source,
        walk.anchor,
        walk.issuer_key,
        walk.anchor_key,
        walk.lists_end,
    )


def _any_is_long(steps: Sequence[Step]) -> bool:
    """Return whether any text must be shortened. Hardly ever, so the steps are copied only then."""
    for _, _, sentence, values, _, _ in steps:
        if len(sentence) > MAX_SENTENCE or len(values) > MAX_VALUES:
            return True
        for _, value in values:
            if len(value) > MAX_VALUE:
                return True
    return False


def _shortened_step(step: Step) -> Step:
    return step._replace(sentence=shortened(step.sentence), values=shortened_values(step.values))


def _read_certificate(walk: _Walk) -> Certificate:
    code = "certificate-readable"
    if walk.presented is None:
        raise walk.refuse(
            code,
            "The client presented no certificate.",
            fix="Configure the client with its certificate and private key (mosquitto: --cert and --key).",
        )
    try:
        leaf = load_certificate(walk.presented)
    except DecodingError as error:
        raise walk.refuse(code, error.sentence, fix="Issue the client certificate again.") from None
    if is_too_large(leaf):
        raise walk.refuse(
            code,
            f"The certificate's key is too large: {leaf.key}.",
            ("key", leaf.key),
            fix="Issue the certificate with a key of 2048 to 4096 bits, or EC P-256.",
        )
    walk.passed(code, f"{leaf.subject or 'Empty subject'}, {leaf.key}", ("thumbprint", leaf.thumbprint_sha256))
    return leaf


def _moment(value: datetime) -> str:
    return f"{value:%d %b %Y %H:%M} UTC"


def _check_validity(walk: _Walk, leaf: Certificate) -> None:
    code = "within-validity"
    end = "no expiry" if leaf.never_expires else _moment(leaf.not_after)
    valid, now = f"{_moment(leaf.not_before)} to {end}", _moment(walk.at)
    values = (("valid", valid), ("at", now))
    if walk.at < leaf.not_before:
        raise walk.refuse(
            code,
            f"The certificate is not valid until {_moment(leaf.not_before)}.",
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
    walk.passed(code, f"{valid}; tested at {now}", *values)


def _find_authentication_name(walk: _Walk, leaf: Certificate) -> None:
    code = "authentication-name"
    if walk.user_name is not None:
        walk.authentication_name, walk.source = walk.user_name, "UserName"
        shown = visible(_shortened(walk.user_name))
        walk.passed(code, f"MQTT user name: {shown}", ("MQTT user name", shown))
        return
    empty: list[str] = []
    for source in walk.state.alternative_sources:
        scheme = SCHEMES_BY_VALUE.get(ALTERNATIVE_SOURCES.get(source, ""))
        values = presented_values(leaf, scheme.value) if scheme else ()
        if scheme and values:
            walk.authentication_name, walk.source = values[0], source
            skipped = (("sources without a value", ", ".join(empty)),) if empty else ()
            shown = visible(_shortened(values[0]))
            walk.passed(
                code,
                f"No MQTT user name; the certificate's {scheme.part}: {shown}",
                ("source", source),
                (scheme.part, shown),
                *skipped,
            )
            return
        empty.append(source)
    tried = ", ".join(empty)
    unused = advice.unused_source(leaf, walk.state)
    advised = advice.on_missing_name(leaf, walk.state, unused)
    mails = leaf.subject_emails if "ClientCertificateEmail" in empty else ()
    in_subject = (
        f" Its e-mail address {mails[0]} is in the subject; Event Grid reads the alternative name." if mails else ""
    )
    raise walk.refuse(
        code,
        "The client sent no MQTT user name"
        + (f", and its certificate has no value for the namespace's sources ({tried}).{in_subject}" if tried else "."),
        ("MQTT user name", "none"),
        ("alternative sources", tried or "none"),
        *(((UNUSED_SOURCE, unused),) if unused else ()),
        **advised._asdict(),
    )


def _shortened(name: str) -> str:
    return name if len(name) <= MAX_NAME_LENGTH else f"{name[:MAX_NAME_LENGTH]}…"


def _find_client(walk: _Walk, leaf: Certificate) -> ClientRecord:
    code, name = "client-found", walk.authentication_name
    shown = visible(_shortened(name))
    client = find_client(walk.state, name, walk.source) if len(name) <= MAX_NAME_LENGTH else None
    if client is None:
        raise walk.refuse(
            code,
            f"No client has the authentication name {shown}.",
            ("authentication name", shown),
            **advice.on_unknown_client(name, leaf, walk.state, walk.source)._asdict(),
        )
    walk.client = client
    walk.passed(
        code,
        f"{client.name} (names are not case-sensitive)",
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
            action=ENABLE_CLIENT,
        )
    walk.passed("client-enabled", "Connection state Enabled", ("connection state", "Enabled"))


def _check_chain(walk: _Walk, leaf: Certificate) -> Sequence[Certificate]:
    verdict: ChainVerdict = verify_chain(leaf, walk.chain, walk.state.anchors, at=walk.at)
    if not verdict.issuer_found:
        raise walk.refuse("issuer-found", verdict.sentence, *verdict.values, fix=verdict.fix, action=verdict.action)
    walk.passed("issuer-found", verdict.issuer_sentence, *verdict.issuer_values)
    if not verdict.verified:
        raise walk.refuse("chain-verified", verdict.sentence, *verdict.values, fix=verdict.fix, action=verdict.action)
    walk.anchor = verdict.anchor
    walk.issuer_key = public_key_hash(verdict.path[1].der)
    walk.anchor_key = public_key_hash(verdict.path[-1].der)
    walk.passed("chain-verified", verdict.sentence, *verdict.values)
    return verdict.path


def _check_purpose(walk: _Walk, leaf: Certificate, path: Sequence[Certificate]) -> None:
    code = "client-authentication-allowed"
    shown = ", ".join(leaf.extended_key_usage) or "no restriction"
    if not leaf.allows_clients:
        raise walk.refuse(
            code,
            f"The certificate is not for clients: its extended key usage is {shown}.",
            ("extended key usage", shown),
            fix="Issue it with the extended key usage clientAuth.",
        )
    if leaf.key_usage and "digitalSignature" not in leaf.key_usage and "keyAgreement" not in leaf.key_usage:
        usages = ", ".join(leaf.key_usage)
        raise walk.refuse(
            code,
            f"The certificate's key must not sign a TLS handshake: its key usage is {usages}.",
            ("key usage", usages),
            fix="Issue a client certificate for the client; this is a CA certificate."
            if leaf.is_ca
            else "Issue it with the key usage digitalSignature.",
        )
    for ca in path[1:]:
        if not ca.allows_clients:
            usages = ", ".join(ca.extended_key_usage)
            raise walk.refuse(
                code,
                f"The CA certificate {ca.subject} is not for issuing client certificates: its extended key usage is {usages}.",
                ("CA certificate", ca.subject),
                ("extended key usage", usages),
                fix=f"Issue {ca.subject} again without extended key usage, or with clientAuth, and upload it.",
                action=UPLOAD_CA,
            )
    walk.passed(code, f"Extended key usage: {shown}", ("extended key usage", shown))


def _compare(walk: _Walk, leaf: Certificate, client: ClientRecord) -> None:
    code, scheme = "scheme-compared", SCHEMES_BY_VALUE.get(client.validation_scheme)
    if scheme is None:
        raise walk.refuse(
            code,
            f"The client {client.name} has an unknown validation scheme: {client.validation_scheme}.",
            fix="Choose one of the six validation schemes for the client.",
            action=SET_SCHEME,
        )
    found = presented_values(leaf, scheme.value)
    shown = ", ".join(map(visible, found)) or "none"
    if scheme.value == "ThumbprintMatch":
        expected = ("registered thumbprints", ", ".join(client.thumbprints) or "none")
    else:
        expected = ("authentication name", visible(client.authentication_name))
    values = (expected, (f"{scheme.part} presented", shown))
    if matches_scheme(leaf, client):
        walk.passed(code, f"{scheme.label}: {shown}", *values)
        return
    sentence, advised = advice.on_other_name(leaf, client, scheme, found, walk.state)
    raise walk.refuse(code, sentence, *values, **advised._asdict())


def _follow_rules(walk: _Walk, path: Sequence[Certificate], client: ClientRecord) -> None:
    """Add the steps of the namespace's rules: after those of Azure, so that what Azure alone would decide can be read from the trace."""
    for step in check_rules(path, walk.chain, client, walk.state, at=walk.at):
        walk.steps.append(step._replace(fix=shortened(step.fix)))
        if step.outcome == FAILED:
            raise _RefusalError
    walk.lists_end = lists_end(path, walk.state.rules, at=walk.at)
