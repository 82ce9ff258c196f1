"""What follows from revoking a certificate, said before it is done."""

from dataclasses import dataclass

from django.conf import settings
from django.db.models import Q

from certificates.pages.decision_rules.enforcement import Enforcement
from certificates.pages.decision_rules.seen import SeenCertificate
from certificates.x509.certificate import public_key_hash
from namespaces.models import Client, DecisionPoint, Namespace
from namespaces.rules.clients import THUMBPRINT_SCHEME


@dataclass(frozen=True)
class Effect:
    """What follows. `below`: how many clients that the person sees came with a certificate that this one's key signed, or that it
    vouched for, when they connected last.

    `ends_sessions`: a session that is connected ends at once. `longest_session_seconds`: else it lives for at most so long; 0 without a limit.
    """

    enforcement: Enforcement
    below: int
    ends_sessions: bool
    longest_session_seconds: int

    @property
    def is_enforced(self) -> bool:
        return not self.enforcement.is_none


def effect_of(namespace: Namespace, seen: SeenCertificate, enforcement: Enforcement) -> Effect:
    point = DecisionPoint.objects.filter(namespace=namespace.pk).first()
    return Effect(
        enforcement,
        below=_below(namespace, seen),
        ends_sessions=bool(settings.FAULT_CONTROL_GATEWAY),
        longest_session_seconds=point.longest_session_seconds if point is not None else 0,
    )


def _below(namespace: Namespace, seen: SeenCertificate) -> int:
    key = public_key_hash(seen.certificate.der) if seen.holder.is_ca else ""
    if not key:
        return 0
    clients = Client.visible_to(namespace.sight).present().filter(namespace=namespace.pk)
    came_below = clients.filter(Q(issuer_key=key) | Q(anchor_key=key)).exclude(validation_scheme=THUMBPRINT_SCHEME)
    return int(came_below.count())
