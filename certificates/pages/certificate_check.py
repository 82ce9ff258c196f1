"""Would a certificate connect? Checked against every namespace that a person sees, with as many queries as for one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.urls import reverse

from certificates.authentication.engine import authenticate
from certificates.authentication.matching import IP_SCHEME, MOST_NAMES, clients_of, first_name, presented_values
from certificates.authentication.rules.differences import difference, without_rules
from certificates.authentication.types import (
    FAILED,
    ISSUER_VOUCHES,
    KEY_PINNED,
    NOT_NEEDED,
    NOT_REVOKED,
    PASSED,
    VALIDATION_SCHEMES,
    WITHIN_POLICY,
    ClientRecord,
    Decision,
    NamespaceState,
    TrustedCA,
    authentication_name_key,
)
from certificates.models import CACertificate
from certificates.namespace_rules import rules_of_each
from certificates.pages.authentication_trace import client_records
from certificates.pages.presented_chain import PresentedChain
from certificates.x509.certificate import Certificate
from certificates.x509.text import one_line, shortened
from namespaces.models import Client, Namespace, NamespaceConfiguration
from sync.models import Sight

LONGEST_SUBJECT = 80
# The four ticks, each with the steps of the decision that it sums up.
TICKS: Mapping[str, tuple[str, ...]] = {
    "Issuer": (
        *("issuer-found", "chain-verified", "client-authentication-allowed"),
        *(NOT_REVOKED, ISSUER_VOUCHES, KEY_PINNED),
    ),
    "Validity": ("within-validity", WITHIN_POLICY),
    "Name": ("authentication-name", "client-found", "scheme-compared"),
    "Enabled": ("client-enabled",),
}
UNKNOWN = ""  # the outcome of a tick whose steps were not reached


@dataclass(frozen=True)
class Tick:
    label: str
    outcome: str  # PASSED, FAILED or UNKNOWN


@dataclass(frozen=True)
class CheckedCertificate:
    """What would become of a certificate. `namespace`: where it comes furthest; None where nothing is there to ask.

    `others`: further namespaces that would let it in. `trusted_as`: of a CA certificate, its name in `namespace`, or "".
    `unenforced`: why a rule of this portal would refuse it, where Azure decides and does not; else "".
    """

    subject: str
    is_ca: bool
    accepted: bool
    sentence: str
    ticks: tuple[Tick, ...]
    namespace: Namespace | None = None
    client: str = ""
    others: tuple[Namespace, ...] = ()
    trusted_as: str = ""
    fix: str = ""
    unenforced: str = ""


def check_certificate(
    namespaces: Sequence[Namespace], presented: PresentedChain, *, at: datetime
) -> CheckedCertificate | None:
    """Return where the certificate would connect; None where it cannot be read.

    Args:
        namespaces: those that the person sees, from `namespaces.access.with_rights`.
        presented: the certificate with its chain.
        at: the current time; each namespace may judge ahead of it.
    """
    leaf = presented.leaf
    if leaf is None:
        return None
    if leaf.is_ca:
        return _checked_ca(namespaces, leaf, at)
    decisions = [
        (each.namespace, *_enforced(each, _decide(each.states, presented, leaf, each.namespace.judged_at(at))))
        for each in _asked(namespaces, leaf)
    ]
    if not decisions:
        return CheckedCertificate(
            _subject(leaf), False, False, "There is no namespace to check it against.", _no_ticks()
        )
    letting_in = [each for each, decision, _ in decisions if decision.accepted]
    best, decision, unenforced = max(decisions, key=lambda found: _progress(found[1]))
    return CheckedCertificate(
        _subject(leaf),
        False,
        decision.accepted,
        decision.reason,
        tuple(Tick(label, _outcome(decision, codes)) for label, codes in TICKS.items()),
        best,
        decision.client.name if decision.client is not None else "",
        tuple(each for each in letting_in if each.pk != best.pk),
        fix=decision.fix,
        unenforced=unenforced,
    )


def _checked_ca(namespaces: Sequence[Namespace], leaf: Certificate, at: datetime) -> CheckedCertificate:
    """Say which namespaces trust a CA certificate; it does not connect itself."""
    sight = Sight.over(each.sight for each in namespaces)
    uploaded = CACertificate.visible_to(sight).present().filter(thumbprint=leaf.thumbprint_sha256)
    names = dict(uploaded.order_by("-name").values_list("namespace_id", "name"))
    trusting = [each for each in namespaces if each.pk in names]
    first = trusting[0] if trusting else None
    is_valid = leaf.not_before <= (first.judged_at(at) if first is not None else at) <= leaf.not_after
    ticks = (
        Tick("Issuer", PASSED if trusting else FAILED),
        Tick("Validity", PASSED if is_valid else FAILED),
        Tick("Name", UNKNOWN),
        Tick("Enabled", UNKNOWN),
    )
    return CheckedCertificate(
        _subject(leaf),
        True,
        bool(trusting) and is_valid,
        "A CA certificate does not connect itself; clients whose certificates it signed do."
        if trusting
        else "No namespace that you can read trusts this CA certificate, so clients that it signed would be refused.",
        ticks,
        first,
        others=tuple(trusting[1:]),
        trusted_as=names[first.pk] if first is not None else "",
    )


def _no_ticks() -> tuple[Tick, ...]:
    return tuple(Tick(label, UNKNOWN) for label in TICKS)


def _subject(leaf: Certificate) -> str:
    return shortened(
        one_line(next(iter(leaf.common_names), "") or leaf.subject or leaf.thumbprint_sha256), LONGEST_SUBJECT
    )


def _progress(decision: Decision) -> int:
    return sum(step.outcome in (PASSED, NOT_NEEDED) for step in decision.steps)


def _outcome(decision: Decision, codes: Sequence[str]) -> str:
    outcomes = {step.outcome for step in decision.steps if step.code in codes}
    if FAILED in outcomes:
        return FAILED
    return PASSED if outcomes <= {PASSED, NOT_NEEDED} else UNKNOWN


def _decide(states: Sequence[NamespaceState], presented: PresentedChain, leaf: Certificate, at: datetime) -> Decision:
    """Decide for the client that the certificate belongs to, or for its first name. The states are tried in order.

    Where rows are hidden, the second state has only what the person sees: a missing issuer is explained with that.
    """
    belonging = next(iter(clients_of(leaf, states[0])), None)
    name = belonging.authentication_name if belonging is not None else first_name(leaf)
    for state in states:
        decision = authenticate(
            presented=presented.ders[0], chain=presented.ders[1:], user_name=name or None, state=state, at=at
        )
        if decision.code != "issuer-found":
            break
    return decision


@dataclass(frozen=True)
class _Asked:
    """A namespace for the engine. Where rows are hidden, the second state has only what the person sees."""

    namespace: Namespace
    states: tuple[NamespaceState, ...]
    is_azure_deciding: bool


def _enforced(asked: _Asked, decision: Decision) -> tuple[Decision, str]:
    """Return what the endpoint does, and why a rule that is not enforced would refuse the certificate, or ""."""
    if not asked.is_azure_deciding:
        return decision, ""
    azure = without_rules(decision)
    return azure, decision.reason if difference(decision, azure) else ""


def _asked(namespaces: Sequence[Namespace], leaf: Certificate) -> Iterator[_Asked]:
    """Yield each namespace with the clients that this certificate may belong to, with as many queries as for one."""
    sight = Sight.over(each.sight for each in namespaces)
    rules = rules_of_each([each.pk for each in namespaces], sights={each.pk: each.sight for each in namespaces})
    bindings = [binding for each in rules.values() for binding in each.bindings.values()]
    clients: dict[int, dict[str, ClientRecord]] = {each.pk: {} for each in namespaces}
    for pk, key, record in client_records(_candidates(sight, leaf), bindings):
        clients[pk][key] = record
    settings = {row.namespace_id: row for row in NamespaceConfiguration.visible_to(sight)}
    every, seen = _trusted_cas(namespaces)
    for each in namespaces:
        row = settings.get(each.pk)
        known: dict[str, Any] = {
            "clients": clients[each.pk],
            "alternative_sources": tuple(row.sources) if row is not None else (),
            "rules": rules[each.pk],
        }
        states = [NamespaceState(cas=tuple(every[each.pk]), **known)]
        if each.sight.is_partial:
            states.append(NamespaceState(cas=tuple(seen[each.pk]), **known))
        yield _Asked(each, tuple(states), row is None or not row.webhook_url)


def _candidates(sight: Sight, leaf: Certificate) -> QuerySet[Client]:
    """Return the clients that a certificate may belong to: by one of its names, its addresses or its thumbprint."""
    schemes = [scheme.value for scheme in VALIDATION_SCHEMES]
    names = [value for scheme in schemes for value in presented_values(leaf, scheme)[:MOST_NAMES]]
    keys = {authentication_name_key(name) for name in (*names, leaf.subject) if name}
    wanted = Q(authentication_key__in=keys) | Q(thumbprints__icontains=leaf.thumbprint_sha256)
    if leaf.ip_addresses:  # may be registered in another notation
        wanted |= Q(validation_scheme=IP_SCHEME)
    return Client.visible_to(sight).present().filter(wanted)


def _trusted_cas(
    namespaces: Sequence[Namespace],
) -> tuple[dict[int, list[TrustedCA]], dict[int, list[TrustedCA]]]:
    """Return the CA certificates that each endpoint trusts, and those of them that the person sees."""
    sights = {each.pk: each.sight for each in namespaces}
    every: dict[int, list[TrustedCA]] = {pk: [] for pk in sights}
    seen: dict[int, list[TrustedCA]] = {pk: [] for pk in sights}
    for row in CACertificate.objects.trusted().filter(namespace__in=sights):
        if row.der:
            ca = TrustedCA(sights[row.namespace_id].name_of(row), bytes(row.der))
            every[row.namespace_id].append(ca)
            if not sights[row.namespace_id].hides(row):
                seen[row.namespace_id].append(ca)
    return every, seen


# The last results, in the session: which certificate and its ticks, and nothing of the certificate itself.

MOST_KEPT = 3
KEPT_AS = "checked_certificates"


@dataclass(frozen=True)
class LastChecked:
    subject: str
    is_ca: bool
    accepted: bool
    ticks: tuple[Tick, ...]
    namespace: Namespace | None

    @property
    def url(self) -> str:
        return reverse("certificates:test_authentication", args=[self.namespace.pk]) if self.namespace else ""


def kept_of(checked: CheckedCertificate) -> dict[str, Any]:
    """Return what the session keeps of a result."""
    return {
        "subject": checked.subject,
        "is_ca": checked.is_ca,
        "accepted": checked.accepted,
        "ticks": [[tick.label, tick.outcome] for tick in checked.ticks],
        "namespace": checked.namespace.pk if checked.namespace else None,
    }


def last_checked(kept: Sequence[Mapping[str, Any]], namespaces: Sequence[Namespace]) -> list[LastChecked]:
    """Return the last results, without those about a namespace that the person no longer sees."""
    by_pk = {each.pk: each for each in namespaces}
    return [
        LastChecked(
            each["subject"],
            each["is_ca"],
            each["accepted"],
            tuple(Tick(label, outcome) for label, outcome in each["ticks"]),
            by_pk.get(each["namespace"]),
        )
        for each in kept
        if each["namespace"] is None or each["namespace"] in by_pk
    ]
