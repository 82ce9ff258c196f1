"""The steps of the rules that Azure cannot express, after those of Azure. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from certificates.authentication.chain import verify_chain
from certificates.authentication.rules.issuers import check_binding, check_pin
from certificates.authentication.rules.policy import check_policy
from certificates.authentication.rules.revocation import check_revocation
from certificates.authentication.rules.types import NamespaceRules
from certificates.authentication.types import (
    ISSUER_VOUCHES,
    KEY_PINNED,
    NOT_NEEDED,
    NOT_REVOKED,
    WITHIN_POLICY,
    ClientRecord,
    NamespaceState,
    Step,
)
from certificates.x509.certificate import Certificate


def rule_codes(rules: NamespaceRules) -> tuple[str, ...]:
    """Return the codes of the steps that a trace in a namespace with these rules has, in their order."""
    kinds = (
        (NOT_REVOKED, rules.checks_revocation),
        (ISSUER_VOUCHES, bool(rules.bindings)),
        (WITHIN_POLICY, bool(rules.policy)),
        (KEY_PINNED, bool(rules.pins)),
    )
    return tuple(code for code, has in kinds if has)


def check_rules(
    path: Sequence[Certificate], chain: Sequence[bytes], client: ClientRecord, state: NamespaceState, *, at: datetime
) -> Iterator[Step]:
    """Yield the steps of a client that Azure would accept. The caller stops at the first that failed.

    Arguments: `path`, from the client certificate to the uploaded CA certificate; with Thumbprint Match the client certificate alone;
    `chain`, the other certificates that it sent, as DER; `at`, an aware datetime.
    """
    rules = state.rules
    for code in rule_codes(rules):
        if code == NOT_REVOKED:
            yield check_revocation(path, rules, at=at)
        elif code == ISSUER_VOUCHES:
            yield check_binding(path, client, rules)
        elif code == WITHIN_POLICY:
            yield check_policy(path, rules.policy, at=at)
        else:
            yield _pinned(path, chain, client, state, at)


def _pinned(
    path: Sequence[Certificate], chain: Sequence[bytes], client: ClientRecord, state: NamespaceState, at: datetime
) -> Step:
    """Check the pin. With Thumbprint Match no chain was verified: it is now, since a pin asks for an issuer."""
    step = check_pin(path, client, state.rules.pins)
    if len(path) > 1 or step.outcome == NOT_NEEDED:
        return step
    verdict = verify_chain(path[0], chain, state.anchors, at=at)
    return check_pin(
        verdict.path or path, client, state.rules.pins, problem="" if verdict.verified else verdict.sentence
    )
