"""Certificates of registered clients that were refused: an expired one, for example, which is just the one to look at.

They are read out of the log of attempts. Nothing of a refused attempt is remembered beyond it, and only what an uploaded
CA certificate signed, or what is registered by its thumbprint, counts: anybody can be refused under a client's name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice, pairwise

from django.db.models import Max

from certificates.authentication.decision import FAILED_TITLES, ClientRecord, NamespaceState
from certificates.authentication.matching import clients_of
from certificates.authentication.paths import MAX_PATHS, PathFinder, signed_by
from certificates.pages.authentication_test import namespace_state
from certificates.pages.presented_chain import Presented
from certificates.x509.certificate import Certificate
from certificates.x509.strength import can_check
from namespaces.models import ClientCertificate, ConnectionAttempt, Namespace

MOST_ATTEMPTS = 2000  # the latest that are looked at
MOST_CERTIFICATES = 200  # different ones among them; each costs a signature or two


@dataclass(frozen=True)
class RefusedCertificate:
    """What a registered client shows, and why it is refused: `code` of the failing step, as at its last attempt."""

    client_name: str
    certificates: tuple[Certificate, ...]  # its own first, then what it sent with it
    at: datetime
    code: str

    @property
    def leaf(self) -> Certificate:
        return self.certificates[0]

    @property
    def why(self) -> str:
        """In words that stand in a sentence."""
        title = FAILED_TITLES.get(self.code, "")
        return f"refused: {title[0].lower()}{title[1:]}" if title else "refused"


def refused_certificates(namespace: Namespace, *, at: datetime) -> list[RefusedCertificate]:
    """The newest first. A client that has been let in since has another certificate, and is left out."""
    attempts = _latest_attempts(namespace)
    if not attempts:
        return []
    state = namespace_state(namespace)
    connected = _last_connections(namespace)
    names = {client.name.lower(): client for client in state.clients.values()}
    found = []
    for attempt in attempts:
        presented = Presented.of_attempt(attempt)
        leaf = presented.leaf if presented is not None else None
        if presented is None or leaf is None:
            continue
        owners = clients_of(leaf, state)
        client = owners[0] if len(owners) == 1 else names.get(attempt.client_name.lower())
        if client is None or connected.get(client.name.lower(), attempt.at) > attempt.at:
            continue
        if _is_genuine(leaf, presented.certificates, client, state, at):
            found.append(RefusedCertificate(client.name, presented.certificates, attempt.at, attempt.code))
    return found


def _latest_attempts(namespace: Namespace) -> list[ConnectionAttempt]:
    """The last refused attempt with each certificate that is not known from a connection or a test."""
    refused = ConnectionAttempt.objects.filter(namespace=namespace, accepted=False).exclude(thumbprint="")
    latest: dict[str, int] = {}
    for pk, thumbprint in refused.order_by("-cursor").values_list("pk", "thumbprint")[:MOST_ATTEMPTS]:
        latest.setdefault(thumbprint, pk)
    kept = ClientCertificate.objects.filter(namespace=namespace, thumbprint__in=latest)
    known = set(kept.values_list("thumbprint", flat=True))
    wanted = [pk for thumbprint, pk in latest.items() if thumbprint not in known][:MOST_CERTIFICATES]
    return list(ConnectionAttempt.objects.filter(pk__in=wanted).order_by("-cursor"))


def _last_connections(namespace: Namespace) -> dict[str, datetime]:
    rows = ClientCertificate.objects.filter(namespace=namespace, has_connected=True).order_by()
    return {name.lower(): at for name, at in rows.values_list("client_name").annotate(at=Max("seen_at"))}


def _is_genuine(
    leaf: Certificate, certificates: Sequence[Certificate], client: ClientRecord, state: NamespaceState, at: datetime
) -> bool:
    if leaf.thumbprint_sha256 in client.thumbprints:
        return True
    sent = [certificate for certificate in certificates if certificate.der != leaf.der]
    paths = islice(PathFinder(state.anchors, sent, at).paths(leaf), MAX_PATHS)
    return any(all(_made(issuer, child) for child, issuer in pairwise(path)) for path in paths)


def _made(issuer: Certificate, child: Certificate) -> bool:
    """Whether the signature is the issuer's, unlike `PathFinder.signed` also where a weak hash is to be explained."""
    return can_check(issuer) and signed_by(child, issuer)
