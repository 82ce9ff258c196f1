"""The trace on the page Test authentication: a certificate, a user name and a time, checked against a namespace."""

import base64
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from difflib import SequenceMatcher

from django.db.models import QuerySet

from certificates.authentication.engine import authenticate
from certificates.authentication.preview import NamePreview, preview_names
from certificates.authentication.rules.differences import difference, without_rules
from certificates.authentication.rules.types import IssuerBinding
from certificates.authentication.types import (
    CREATE_CLIENT,
    FAILED,
    PASSED,
    RULE_TITLES,
    ClientRecord,
    Decision,
    NamespaceState,
    Step,
    TrustedCA,
    authentication_name_key,
)
from certificates.models import CACertificate
from certificates.namespace_rules import rules_of
from certificates.pages.decision_rules.enforcement import Enforcement, enforcement_of
from certificates.pages.fix_links import NO_LINK, fix_link
from certificates.pages.presented_chain import PresentedChain
from certificates.x509.certificate import Certificate
from namespaces.forms.client_proposal import propose_for
from namespaces.forms.prefill import create_client_url
from namespaces.models import Client, ConnectionAttempt, Namespace

AFTER_EXPIRY = timedelta(days=10)  # how far the slider goes beyond the expiry, to show the refusal
MAX_AHEAD = timedelta(days=20 * 365)  # with a longer range, the slider would skip months
CONNACK = {
    "5": "The client would receive CONNACK 0x87 (Not authorized) with this reason.",
    "3.1.1": "The client would receive CONNACK 5 (not authorized). MQTT 3.1.1 cannot carry a reason.",
}


def trusted_cas(namespace: Namespace, *, only_seen: bool = False) -> tuple[TrustedCA, ...]:
    """Return the CA certificates that the endpoint trusts. Hidden ones count too, under a neutral name, or with `only_seen` not."""
    sight = namespace.sight
    every = CACertificate.objects.trusted().filter(namespace=namespace)
    cas = [row for row in every if row.der and not (only_seen and sight.hides(row))]
    return tuple(TrustedCA(sight.name_of(row), bytes(row.der)) for row in cas)


def namespace_state(namespace: Namespace, *, only_seen: bool = False) -> NamespaceState:
    """Return the namespace for the engine, from the portal's rows, including changes not yet in Azure.

    Clients that are hidden from the person are left out. Their CA certificates are not, without names: the endpoint trusts
    them for everyone's clients. With `only_seen` those are left out too.
    """
    rules = rules_of(namespace.pk, sight=namespace.sight)
    clients = Client.visible_to(namespace.sight).present()  # perhaps ten thousand, so only the columns that are needed
    return NamespaceState(
        cas=trusted_cas(namespace, only_seen=only_seen),
        clients={key: record for _, key, record in client_records(clients, rules.bindings.values())},
        alternative_sources=namespace.alternative_sources,
        rules=rules,
    )


def client_records(
    clients: QuerySet[Client], bindings: Collection[IssuerBinding]
) -> Iterator[tuple[int, str, ClientRecord]]:
    """Yield namespace, key and record of each client; teams and attributes only where a rule asks for them."""
    has_teams, has_groups = any(each.teams for each in bindings), any(each.groups for each in bindings)
    columns = ["namespace_id", "authentication_key", "name", "authentication_name", "validation_scheme", "thumbprints"]
    columns += ["state", *(["team__name"] if has_teams else []), *(["attributes"] if has_groups else [])]
    enabled = Client.ConnectionState.ENABLED
    for pk, key, name, given, scheme, thumbprints, state, *rest in clients.values_list(*columns):
        team = (rest.pop(0) if has_teams else "") or ""
        attributes = (rest.pop(0) if has_groups else None) or {}
        yield pk, key, ClientRecord(name, given, scheme, tuple(thumbprints), state == enabled, team, attributes)


@dataclass(frozen=True)
class ShownStep:
    """A step to display. `url` is the form that makes it pass; `marked` are compared values with their differences.

    `pill` are the words beside the step of a rule that is not enforced, or of which that is not confirmed; "" elsewhere.
    """

    step: Step
    url: str = ""
    link: str = ""
    marked: tuple[tuple[str, tuple[tuple[str, bool], ...]], ...] = ()
    pill: str = ""
    is_enforced: bool = True


@dataclass(frozen=True)
class Slider:
    """The range of times to choose from."""

    start: datetime
    end: datetime
    at: datetime
    end_label: str
    has_expiry: bool


@dataclass(frozen=True)
class AuthenticationTest:
    """A decision with everything the page shows.

    `decision` is what the endpoint would do. Where Azure decides, that is without the rules of this portal, whose steps are shown
    all the same, and `unenforced` is the step of the rule that would have refused the client, else None. `slider` and `names` need a
    readable certificate. `create_url` opens Create client, filled in from the certificate; it is "" when the name is taken or cannot
    be a client's.
    """

    decision: Decision
    presented: PresentedChain
    steps: tuple[ShownStep, ...]
    at: datetime
    connack: str
    slider: Slider | None
    names: NamePreview | None
    create_url: str
    unenforced: Step | None = None

    @property
    def download(self) -> str:
        """The trace as base64 of JSON, for a download link, because tests are not stored."""
        leaf = self.presented.leaf
        head = {"at": self.at.isoformat(), "thumbprint": leaf.thumbprint_sha256 if leaf else None}
        if self.unenforced is not None:
            head["notEnforced"] = self.unenforced.code
        text = json.dumps(head | self.decision.as_dict(), indent=2, ensure_ascii=False)
        return base64.b64encode(text.encode(errors="backslashreplace")).decode()


def run_authentication_test(
    namespace: Namespace,
    presented: PresentedChain,
    *,
    user_name: str | None,
    at: datetime,
    protocol: str,
    now: datetime,
    may_change: bool,
) -> AuthenticationTest:
    """Decide as the endpoint would.

    Arguments: `at`, the time to test, and `now`, aware datetimes; `protocol`, "5" or "3.1.1"; `may_change`, whether the
    user may change the namespace, and so gets links to forms.
    """
    state, leaf = namespace_state(namespace), presented.leaf
    decision = _decide(presented, user_name, state, at)
    if namespace.sight.is_partial and decision.code == "issuer-found":
        # No uploaded certificate is the issuer. Which ones look like it is said of those only that the person sees.
        decision = _decide(presented, user_name, namespace_state(namespace, only_seen=True), at)
    enforcement = enforcement_of(namespace)
    enforced = without_rules(decision) if enforcement.is_none else decision
    create_url = _create_url(namespace, leaf, decision, state) if may_change and leaf else ""
    steps = (_shown(step, decision, leaf, namespace, create_url, may_change) for step in decision.steps)
    return AuthenticationTest(
        decision=enforced,
        presented=presented,
        steps=tuple(_with_pill(each, enforcement) for each in steps),
        at=at,
        connack="" if enforced.accepted else CONNACK.get(protocol, CONNACK["5"]),
        slider=slider(leaf, at=at, now=now) if leaf else None,
        names=preview_names(leaf, state) if leaf else None,
        create_url=create_url,
        unenforced=decision.failing if difference(decision, enforced) else None,
    )


def _with_pill(shown: ShownStep, enforcement: Enforcement) -> ShownStep:
    """Say beside the step of a rule what it is worth now."""
    step = shown.step
    if step.code not in RULE_TITLES or step.outcome not in (PASSED, FAILED) or enforcement is Enforcement.PORTAL:
        return shown
    return replace(shown, pill=str(enforcement.label), is_enforced=not enforcement.is_none)


def _decide(presented: PresentedChain, user_name: str | None, state: NamespaceState, at: datetime) -> Decision:
    presented_der = presented.ders[0] if presented.ders else None
    return authenticate(presented=presented_der, chain=presented.ders[1:], user_name=user_name, state=state, at=at)


def _create_url(namespace: Namespace, leaf: Certificate, decision: Decision, state: NamespaceState) -> str:
    uploaded = {ca.thumbprint_sha256: ca.subject for _, ca in state.anchors.named}
    proposal = propose_for(leaf, name=decision.authentication_name, uploaded=uploaded)
    name = proposal.authentication_name
    if authentication_name_key(name) in state.clients:
        return ""
    failing = decision.failing
    if name and failing is not None and failing.code == "client-found" and failing.action != CREATE_CLIENT:
        return ""  # this name should not be sent, so no client should be created for it
    return create_client_url(
        namespace.pk,
        authentication_name=name,
        scheme=proposal.validation_scheme,
        thumbprint=proposal.thumbprint,
    )


def steps_of_attempt(
    attempt: ConnectionAttempt, decision: Decision, presented: PresentedChain | None, *, may_change: bool
) -> tuple[ShownStep, ...]:
    """Return the steps of a logged decision, with links to the forms as they are now.

    Where Azure decided, the steps of this portal's rules follow, as they are now. Arguments: `attempt` was read with its namespace;
    `presented`, the certificates if they can be read; `may_change`, whether the user gets links.
    """
    namespace, leaf = attempt.namespace, presented.leaf if presented is not None else None
    failing, client = decision.failing, decision.client
    seen = Client.visible_to(namespace.sight).present()
    is_deleted = client is not None and not seen.filter(name=client.name).exists()
    may_link = may_change and failing is not None and not is_deleted
    create_url = ""
    if may_link and leaf is not None and failing is not None and failing.action == CREATE_CLIENT:
        create_url = _create_url(namespace, leaf, decision, namespace_state(namespace))
    steps = tuple(_shown(step, decision, leaf, namespace, create_url, may_link) for step in decision.steps)
    if decision.accepted and presented is not None and not is_deleted:
        steps += _unenforced_steps(attempt, decision, presented, may_change=may_change)
    return steps


def _unenforced_steps(
    attempt: ConnectionAttempt, decision: Decision, presented: PresentedChain, *, may_change: bool
) -> tuple[ShownStep, ...]:
    """Return the steps of the rules for a client that Azure let in; none where this portal decided about it."""
    namespace, client = attempt.namespace, decision.client
    rules = rules_of(namespace.pk, sight=namespace.sight)
    if not rules or client is None or any(step.code in RULE_TITLES for step in decision.steps):
        return ()
    own = Client.visible_to(namespace.sight).present().filter(name=client.name)
    state = NamespaceState(
        cas=trusted_cas(namespace),
        clients={key: record for _, key, record in client_records(own, rules.bindings.values())},
        alternative_sources=namespace.alternative_sources,
        rules=rules,
    )
    now = _decide(presented, attempt.user_name or None, state, attempt.judged_at)
    steps = (step for step in now.steps if step.code in RULE_TITLES and step.outcome in (PASSED, FAILED))
    shown = (_shown(step, now, presented.leaf, namespace, "", may_change) for step in steps)
    return tuple(_with_pill(each, Enforcement.AZURE) for each in shown)


def slider(leaf: Certificate, *, at: datetime, now: datetime) -> Slider:
    """Return a slider from now to shortly after the certificate's expiry, or to `MAX_AHEAD`."""
    beyond = min(leaf.not_after, now + MAX_AHEAD) + AFTER_EXPIRY
    end = max(beyond, now + AFTER_EXPIRY, at)
    has_expiry = not leaf.never_expires
    expires = f"expires {leaf.not_after:%d %b %Y}" if has_expiry else "does not expire"
    return Slider(min(now, at), end, at, f"{end:%d %b %Y}; the certificate {expires}", has_expiry)


def _shown(
    step: Step, decision: Decision, leaf: Certificate | None, namespace: Namespace, create_url: str, may_change: bool
) -> ShownStep:
    if step.outcome != FAILED:
        return ShownStep(step)
    url, link = fix_link(step.action, decision, leaf, namespace, create_url) if may_change else NO_LINK
    marked = tuple(_marked(step.values)) if step.code == "scheme-compared" else ()
    return ShownStep(step, url, link, marked)


def _marked(values: Sequence[tuple[str, str]]) -> list[tuple[str, tuple[tuple[str, bool], ...]]]:
    """Mark the characters of each value that differ from the first value, ignoring case as the comparison does."""
    expected = values[0][1] if values else ""
    return [
        (name, ((text, False),) if index == 0 else tuple(differing(expected, text)))
        for index, (name, text) in enumerate(values)
    ]


def differing(expected: str, text: str) -> list[tuple[str, bool]]:
    """Split `text` into pieces, each with whether it differs from `expected`."""
    matcher = SequenceMatcher(None, expected.casefold(), text.casefold(), autojunk=False)
    if len(text.casefold()) != len(text) or len(text) > 1000:
        return [(text, False)]
    return [(text[start:end], kind != "equal") for kind, _, _, start, end in matcher.get_opcodes() if start != end]
