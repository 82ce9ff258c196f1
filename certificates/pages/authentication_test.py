"""One test of authentication: a certificate, a user name and a moment against what the namespace holds in the portal."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import SequenceMatcher

from certificates.authentication.decision import (
    CREATE_CLIENT,
    FAILED,
    ClientRecord,
    Decision,
    NamespaceState,
    Step,
    TrustedCA,
    authentication_name_key,
)
from certificates.authentication.engine import authenticate
from certificates.authentication.preview import NamePreview, preview_names
from certificates.models import CACertificate
from certificates.pages.fix_links import NOWHERE, way_out
from certificates.pages.presented_chain import Presented
from certificates.x509.certificate import Certificate
from namespaces.forms.client_proposal import propose_for
from namespaces.forms.prefill import create_client_url
from namespaces.models import Client, Namespace

AFTER_THE_END = timedelta(days=10)  # how far the slider goes beyond the certificate's end, to see it refused
MOST_AHEAD = timedelta(days=20 * 365)  # further on a slider would jump over months
# What stands where a certificate has no well-defined end, as in a device's own from its maker (RFC 5280, 4.1.2.5).
NO_END = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
CONNACK = {
    "5": "The client would receive CONNACK 0x87 Not authorized, with this reason.",
    "3.1.1": "The client would receive CONNACK 5, not authorized. MQTT 3.1.1 has no room for the reason.",
}


def trusted_cas(namespace: Namespace) -> tuple[TrustedCA, ...]:
    cas = CACertificate.objects.present().filter(namespace=namespace)
    return tuple(TrustedCA(row.name, bytes(row.der)) for row in cas if row.der)


def namespace_state(namespace: Namespace) -> NamespaceState:
    """The namespace as the engine wants it, from the portal's rows: what waits for Azure counts as there."""
    clients = Client.objects.present().filter(namespace=namespace)  # ten thousand, perhaps: only what is looked at
    columns = ("authentication_key", "name", "authentication_name", "validation_scheme", "thumbprints", "state")
    enabled = Client.ConnectionState.ENABLED
    return NamespaceState(
        cas=trusted_cas(namespace),
        clients={
            key: ClientRecord(name, authentication_name, scheme, tuple(thumbprints), state == enabled)
            for key, name, authentication_name, scheme, thumbprints, state in clients.values_list(*columns)
        },
        alternative_sources=namespace.alternative_sources,
    )


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
    """The verdict with everything the page draws. `slider` and `names` need a certificate that can be read."""

    decision: Decision
    presented: Presented
    steps: tuple[ShownStep, ...]
    at: datetime
    connack: str
    slider: Slider | None
    names: NamePreview | None
    create_url: (
        str  # Create client, filled in from this certificate; empty when its name is taken or can be no client's
    )

    @property
    def download(self) -> str:
        """The trace as JSON, in base64 for a download link: nothing of a test is kept."""
        leaf = self.presented.leaf
        told = {"at": self.at.isoformat(), "thumbprint": leaf.thumbprint_sha256 if leaf else None}
        text = json.dumps(told | self.decision.as_dict(), indent=2, ensure_ascii=False)
        return base64.b64encode(text.encode(errors="backslashreplace")).decode()


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
    state, leaf = namespace_state(namespace), presented.leaf
    decision = authenticate(
        presented=presented.ders[0] if presented.ders else None,
        chain=presented.ders[1:],
        user_name=user_name,
        state=state,
        at=at,
    )
    create_url = _create_url(namespace, leaf, decision, state) if may_change and leaf else ""
    return Trial(
        decision=decision,
        presented=presented,
        steps=tuple(_shown(step, decision, leaf, namespace, create_url, may_change) for step in decision.steps),
        at=at,
        connack="" if decision.accepted else CONNACK.get(protocol, CONNACK["5"]),
        slider=slider(leaf, at=at, now=now) if leaf else None,
        names=preview_names(leaf, state) if leaf else None,
        create_url=create_url,
    )


def _create_url(namespace: Namespace, leaf: Certificate, decision: Decision, state: NamespaceState) -> str:
    uploaded = {ca.thumbprint_sha256: ca.subject for _, ca in state.anchors.named}
    proposal = propose_for(leaf, name=decision.authentication_name, uploaded=uploaded)
    name = proposal.authentication_name
    if authentication_name_key(name) in state.clients:
        return ""
    failing = decision.failing
    if name and failing is not None and failing.code == "client-found" and failing.action != CREATE_CLIENT:
        return ""  # this name should not be sent, so no client should have it
    return create_client_url(
        namespace.pk,
        authentication_name=name,
        scheme=proposal.validation_scheme,
        thumbprint=proposal.thumbprint,
    )


def steps_of_attempt(
    decision: Decision, leaf: Certificate | None, namespace: Namespace, *, may_change: bool
) -> tuple[ShownStep, ...]:
    """The steps of a decision in the log, with the way to the form as it would be gone now.

    Arguments: `leaf`, what was presented, where it can be read; links are given only to one who may change the namespace.
    """
    failing, client = decision.failing, decision.client
    is_gone = client is not None and not Client.objects.present().filter(namespace=namespace, name=client.name).exists()
    may_change = may_change and failing is not None and not is_gone
    create_url = ""
    if may_change and leaf is not None and failing is not None and failing.action == CREATE_CLIENT:
        create_url = _create_url(namespace, leaf, decision, namespace_state(namespace))
    return tuple(_shown(step, decision, leaf, namespace, create_url, may_change) for step in decision.steps)


def slider(leaf: Certificate, *, at: datetime, now: datetime) -> Slider:
    """From now to shortly after the certificate's end, or to as far as a slider is of use."""
    beyond = min(leaf.not_after, now + MOST_AHEAD) + AFTER_THE_END
    end = max(beyond, now + AFTER_THE_END, at)
    ends = "has no end" if leaf.not_after == NO_END else f"ends {leaf.not_after:%d %b %Y}"
    return Slider(min(now, at), end, at, f"{end:%d %b %Y}; the certificate {ends}")


def _shown(
    step: Step, decision: Decision, leaf: Certificate | None, namespace: Namespace, create_url: str, may_change: bool
) -> ShownStep:
    if step.outcome != FAILED:
        return ShownStep(step)
    url, link = way_out(step.action, decision, leaf, namespace, create_url) if may_change else NOWHERE
    marked = tuple(_marked(step.values)) if step.code == "scheme-compared" else ()
    return ShownStep(step, url, link, marked)


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
