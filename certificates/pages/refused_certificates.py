"""Certificates of registered clients that were refused, such as expired ones.

They are read from the connection log, which is the only place where refused attempts are kept. Only certificates that an
uploaded CA certificate signed, or whose thumbprint is registered, count: anyone can be refused under a client's name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice, pairwise

from django.db.models import Max

from certificates.authentication.certification_paths import MAX_PATHS, PathFinder, signed_by
from certificates.authentication.matching import clients_of
from certificates.authentication.types import FAILED_TITLES, ClientRecord, NamespaceState
from certificates.pages.authentication_trace import namespace_state
from certificates.pages.presented_chain import PresentedChain
from certificates.x509.certificate import Certificate
from certificates.x509.strength import can_check
from namespaces.models import ClientCertificate, ConnectionAttempt, Namespace

MAX_ATTEMPTS = 2000  # the latest that are read
MAX_CERTIFICATES = 200  # different ones among them; each costs a signature check or two


@dataclass(frozen=True)
class RefusedCertificate:
    """A refused certificate of a registered client. `code` is the failing step of its last attempt."""

    client_name: str
    certificates: tuple[Certificate, ...]  # its own first, then the rest of the chain
    at: datetime
    code: str

    @property
    def leaf(self) -> Certificate:
        return self.certificates[0]

    @property
    def why(self) -> str:
        """The reason as part of a sentence."""
        title = FAILED_TITLES.get(self.code, "")
        return f"refused: {title[0].lower()}{title[1:]}" if title else "refused"


def refused_certificates(namespace: Namespace, *, at: datetime) -> list[RefusedCertificate]:
    """Return them, the latest first, without clients that have connected since.

    Arguments: `at`, an aware datetime.
    """
    attempts = _latest_attempts(namespace)
    if not attempts:
        return []
    state = namespace_state(namespace)
    connected = _last_connections(namespace)
    names = {client.name.lower(): client for client in state.clients.values()}
    found = []
    for attempt in attempts:
        presented = PresentedChain.of_attempt(attempt)
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
    """Return the last refused attempt of each certificate not known from a connection or a test."""
    seen = ConnectionAttempt.objects.visible_to(namespace.sight)
    refused = seen.filter(accepted=False).exclude(thumbprint="")
    latest: dict[str, int] = {}
    for pk, thumbprint in refused.order_by("-cursor").values_list("pk", "thumbprint")[:MAX_ATTEMPTS]:
        latest.setdefault(thumbprint, pk)
    kept = ClientCertificate.objects.visible_to(namespace.sight).filter(thumbprint__in=latest)
    known = set(kept.values_list("thumbprint", flat=True))
    wanted = [pk for thumbprint, pk in latest.items() if thumbprint not in known][:MAX_CERTIFICATES]
    return list(seen.filter(pk__in=wanted).order_by("-cursor"))


def _last_connections(namespace: Namespace) -> dict[str, datetime]:
    rows = ClientCertificate.objects.visible_to(namespace.sight).filter(has_connected=True).order_by()
    return {name.lower(): at for name, at in rows.values_list("client_name").annotate(at=Max("seen_at"))}


def _is_genuine(
    leaf: Certificate, certificates: Sequence[Certificate], client: ClientRecord, state: NamespaceState, at: datetime
) -> bool:
    if leaf.thumbprint_sha256 in client.thumbprints:
        return True
    sent = [certificate for certificate in certificates if certificate.der != leaf.der]
    paths = islice(PathFinder(state.anchors, sent, at).paths(leaf), MAX_PATHS)
    return any(all(_signed(issuer, child) for child, issuer in pairwise(path)) for path in paths)


def _signed(issuer: Certificate, child: Certificate) -> bool:
    """Return whether the issuer signed the child. Unlike `PathFinder.signed`, check weak hashes too."""
    return can_check(issuer) and signed_by(child, issuer)
