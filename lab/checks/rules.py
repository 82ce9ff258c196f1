"""Checks of rules that Azure does not have. Whoever decides about connections, the engine says what the rules make of a certificate."""

from django.utils import timezone

from certificates.authentication.engine import NamespaceState, authenticate
from certificates.authentication.types import Decision
from certificates.models import IssuerBinding, RevokedCertificate
from certificates.namespace_rules import rules_of
from certificates.pages.authentication_trace import client_records, trusted_cas
from certificates.x509.reading import from_stored_pem
from lab.checks.situation import Situation, check


@check()
def certificate_revoked(situation: Situation, *, file: str) -> bool:
    """The certificate is revoked, by its thumbprint."""
    rows = RevokedCertificate.objects.in_force().filter(namespace=situation.namespace)
    return bool(situation.thumbprint(file)) and rows.filter(thumbprint=situation.thumbprint(file)).exists()


@check()
def ca_bound(situation: Situation, *, file: str) -> bool:
    """The CA certificate vouches only for some clients."""
    bound = IssuerBinding.objects.filter(ca__namespace=situation.namespace, ca__thumbprint=situation.thumbprint(file))
    return bool(situation.thumbprint(file)) and bound.exists()


@check(is_costly=True)
def refused_by_rule(situation: Situation, *, client: str, file: str, rule: str) -> bool:
    """By the rules, the client is refused with this certificate."""
    return _code(situation, client, file) == rule


@check(is_costly=True)
def refused_alone(situation: Situation, *, client: str, file: str, rule: str, spared: str) -> bool:
    """By the rules, the client is refused with this certificate, and the client `spared` is let in with its own."""
    is_refused = _code(situation, client, file) == rule
    return is_refused and _code(situation, spared, spared) == "accepted"


@check(is_costly=True)
def bound_too_wide(situation: Situation, *, client: str, file: str, through: str) -> bool:
    """The CA certificate `through` is bound, and still vouches for the client with this certificate."""
    return ca_bound(situation, file=through) and _code(situation, client, file) == "accepted"


def _code(situation: Situation, client: str, file: str) -> str:
    decision = _decision(situation, client, file)
    return decision.code if decision is not None else ""


def _decision(situation: Situation, client: str, file: str) -> Decision | None:
    """Return what the rules make of a certificate now; None where it is not known, or the client does not exist."""
    namespace, known = situation.namespace, situation.files.get(file)
    row = situation.clients().named(client).first()
    if known is None or row is None:
        return None
    rules = rules_of(namespace.pk)
    own = situation.clients().filter(pk=row.pk)
    state = NamespaceState(
        cas=trusted_cas(namespace),
        clients={key: record for _, key, record in client_records(own, rules.bindings.values())},
        rules=rules,
    )
    at = namespace.judged_at(timezone.now())
    presented = from_stored_pem(known["pem"])
    return authenticate(presented=presented, user_name=row.authentication_name, state=state, at=at)
