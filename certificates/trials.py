"""One test of authentication: a certificate, a user name and a moment against what the namespace holds in the portal."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import SequenceMatcher

from django.urls import reverse

from certificates.authentication import authenticate
from certificates.comparing import matches_scheme, presented_values
from certificates.decisions import (
    FAILED,
    MAX_NAME_LENGTH,
    VALIDATION_SCHEMES,
    ClientRecord,
    Decision,
    NamespaceState,
    Step,
    TrustedCA,
    authentication_name_key,
)
from certificates.decoding import read_upload, to_pem
from certificates.facts import Certificate
from certificates.models import CACertificate
from certificates.preview import NamePreview, preview_names
from namespaces.client_certificates import read_chain
from namespaces.models import Client, ConnectionAttempt, Namespace
from namespaces.prefill import create_client_url

AFTER_THE_END = timedelta(days=10)  # how far the slider goes beyond the certificate's end, to see it refused
MOST_AHEAD = timedelta(days=20 * 365)  # further on a slider would jump over months
# What stands where a certificate has no well-defined end, as in a device's own from its maker (RFC 5280, 4.1.2.5).
NO_END = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
CONNACK = {
    "5": "The client would receive CONNACK 0x87 Not authorized, with this reason.",
    "3.1.1": "The client would receive CONNACK 5, not authorized. MQTT 3.1.1 has no room for the reason.",
}


def namespace_state(namespace: Namespace) -> NamespaceState:
    """The namespace as the engine wants it, from the portal's rows: what waits for Azure counts as there."""
    clients = Client.objects.present().filter(namespace=namespace)
    cas = CACertificate.objects.present().filter(namespace=namespace)
    return NamespaceState(
        cas=tuple(TrustedCA(row.name, bytes(row.der)) for row in cas if row.der),
        clients={
            row.authentication_key: ClientRecord(
                row.name,
                row.authentication_name,
                row.validation_scheme,
                tuple(row.thumbprints),
                row.state == Client.ConnectionState.ENABLED,
            )
            for row in clients
        },
        alternative_sources=namespace.alternative_sources,
    )


@dataclass(frozen=True)
class Presented:
    """What a client would present: its certificate first, then the rest of what it sends."""

    certificates: tuple[Certificate, ...]

    @classmethod
    def read(cls, data: bytes) -> "Presented":
        """From a file, in whatever order it holds them. Raises DecodingError."""
        found = read_upload(data)
        leaf = next((c for c in found if not c.is_ca), found[0])
        return cls((leaf, *(c for c in found if c.der != leaf.der)))

    @classmethod
    def of_attempt(cls, attempt: ConnectionAttempt) -> "Presented | None":
        """What a past attempt presented, where its log kept it."""
        chain = read_chain((attempt.record or {}).get("presentedChain") or [])
        return cls(chain) if chain else None

    @property
    def leaf(self) -> Certificate:
        return self.certificates[0]

    @property
    def pem(self) -> str:
        return "".join(to_pem(c.der) for c in self.certificates)

    @property
    def line(self) -> str:
        """Who signed whom, as far as it was sent."""
        return " ← ".join(c.subject or "empty subject" for c in self.certificates)


@dataclass(frozen=True)
class ShownStep:
    """A step as it is drawn. `url` leads to the form that makes it pass; `marked` are compared values with what differs."""

    step: Step
    url: str = ""
    link: str = ""
    marked: tuple[tuple[str, tuple[tuple[str, bool], ...]], ...] = ()


@dataclass(frozen=True)
class Slider:
    """The span a moment may be chosen from."""

    start: datetime
    end: datetime
    at: datetime
    end_label: str


@dataclass(frozen=True)
class Trial:
    """The verdict with everything the page draws."""

    decision: Decision
    presented: Presented
    steps: tuple[ShownStep, ...]
    at: datetime
    connack: str
    slider: Slider
    names: NamePreview
    create_url: str  # Create client, filled in from this certificate; empty when its name is taken

    @property
    def download(self) -> str:
        """The trace as JSON, in base64 for a download link: nothing of a test is kept."""
        told = {"at": self.at.isoformat(), "thumbprint": self.presented.leaf.thumbprint_sha256}
        text = json.dumps(told | self.decision.as_dict(), indent=2, ensure_ascii=False)
        return base64.b64encode(text.encode()).decode()


def try_authentication(
    namespace: Namespace,
    presented: Presented,
    *,
    user_name: str | None,
    at: datetime,
    protocol: str,
    now: datetime,
    may_change: bool,
) -> Trial:
    """Ask the engine as the endpoint would. `at` and `now` are aware; `protocol` is "5" or "3.1.1".

    Links to forms are given only to one who may change the namespace.
    """
    state = namespace_state(namespace)
    decision = authenticate(
        presented=presented.leaf.der,
        chain=[certificate.der for certificate in presented.certificates[1:]],
        user_name=user_name,
        state=state,
        at=at,
    )
    name = decision.authentication_name or _first_name(presented.leaf)[1]
    is_taken = authentication_name_key(name) in state.clients
    create_url = "" if is_taken or not may_change else _create_url(namespace, presented.leaf, name)
    return Trial(
        decision=decision,
        presented=presented,
        steps=tuple(_shown(step, decision, namespace, create_url, may_change) for step in decision.steps),
        at=at,
        connack="" if decision.accepted else CONNACK.get(protocol, CONNACK["5"]),
        slider=slider(presented.leaf, at=at, now=now),
        names=preview_names(presented.leaf, state),
        create_url=create_url,
    )


def slider(leaf: Certificate, *, at: datetime, now: datetime) -> Slider:
    """From now to shortly after the certificate's end, or to as far as a slider is of use."""
    beyond = min(leaf.not_after, now + MOST_AHEAD) + AFTER_THE_END
    end = max(beyond, now + AFTER_THE_END, at)
    ends = "has no end" if leaf.not_after == NO_END else f"ends {leaf.not_after:%d %b %Y}"
    return Slider(min(now, at), end, at, f"{end:%d %b %Y}; the certificate {ends}")


def _shown(step: Step, decision: Decision, namespace: Namespace, create_url: str, may_change: bool) -> ShownStep:
    if step.outcome != FAILED:
        return ShownStep(step)
    url, link = _way_out(step.code, decision, namespace, create_url) if may_change else ("", "")
    marked = tuple(_marked(step.values)) if step.code == "scheme-compared" else ()
    return ShownStep(step, url, link, marked)


def _way_out(code: str, decision: Decision, namespace: Namespace, create_url: str) -> tuple[str, str]:
    """The form in which the one change can be made; empty where it is made elsewhere."""
    client = decision.client
    if code == "client-found" and create_url:
        return create_url, "Create client from this certificate"
    if code in {"client-enabled", "scheme-compared"} and client is not None:
        field = "id_state" if code == "client-enabled" else "id_validation_scheme"
        return reverse("namespaces:client_update", args=[namespace.pk, client.name]) + f"#{field}", (
            f"Open client {client.name}"
        )
    if code in {"issuer-found", "chain-verified"}:
        return reverse("certificates:ca_certificate_upload", args=[namespace.pk]), "Upload certificate"
    return "", ""


def _marked(values: Sequence[tuple[str, str]]) -> list[tuple[str, tuple[tuple[str, bool], ...]]]:
    """Values with the characters that differ from the first one, ignoring case as the comparison does."""
    expected = values[0][1] if values else ""
    return [
        (name, ((text, False),) if index == 0 else tuple(differing(expected, text)))
        for index, (name, text) in enumerate(values)
    ]


def differing(expected: str, text: str) -> list[tuple[str, bool]]:
    """`text` in pieces, each with whether it differs from `expected`."""
    matcher = SequenceMatcher(None, expected.casefold(), text.casefold(), autojunk=False)
    if len(text.casefold()) != len(text) or len(text) > 1000:
        return [(text, False)]
    return [(text[start:end], kind != "equal") for kind, _, _, start, end in matcher.get_opcodes() if start != end]


def _first_name(leaf: Certificate) -> tuple[str, str]:
    """The first scheme whose part of the certificate could be an authentication name, and that name."""
    for scheme in VALIDATION_SCHEMES:
        if scheme.value == "ThumbprintMatch":
            continue
        for value in presented_values(leaf, scheme.value):
            if value.strip() and len(value) <= MAX_NAME_LENGTH:
                return scheme.value, value
    return "ThumbprintMatch", ""


def fitting_scheme(leaf: Certificate, name: str) -> str:
    """The scheme by which this certificate proves this authentication name; Thumbprint Match when none does."""
    for scheme in VALIDATION_SCHEMES:
        record = ClientRecord("", name, scheme.value)
        if scheme.value != "ThumbprintMatch" and name and matches_scheme(leaf, record):
            return scheme.value
    return "ThumbprintMatch"


def _create_url(namespace: Namespace, leaf: Certificate, name: str) -> str:
    scheme = fitting_scheme(leaf, name)
    return create_client_url(namespace.pk, authentication_name=name, scheme=scheme, thumbprint=leaf.thumbprint_sha256)
