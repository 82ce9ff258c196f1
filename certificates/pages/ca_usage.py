"""The clients of a CA certificate: those it signed, and those affected by deleting it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Q, TextField
from django.db.models.functions import Cast
from django.utils import timezone

from certificates.authentication.ca_usage import CAInsight, KnownCertificate, SignedClient, inspect_ca
from certificates.authentication.types import NamespaceState
from certificates.models import CACertificate
from certificates.pages.authentication_trace import trusted_cas
from certificates.pages.refused_certificates import refused_certificates
from certificates.x509.certificate import Certificate, DecodingError, name_key
from namespaces.connections.client_certificates import read_chain
from namespaces.models import Client, ClientCertificate, Namespace
from namespaces.rules.clients import THUMBPRINT_SCHEME

MAX_KNOWN = 500  # each costs up to three verifications, so only the latest are checked
MAX_CHAINS = 200  # different chains that are read; a certificate with any other chain counts as possibly below


@dataclass(frozen=True)
class Impact:
    """The effect of deleting a CA certificate.

    `insight` is from the known client certificates, or None when Azure holds no readable certificate. `by_chain` is the
    number of clients that need a CA certificate, `by_thumbprint` of those that do not, and `others` the number of other
    CA certificates. `known` is the number of client certificates that may be below it by their names, and `checked` how
    many of them `insight` covers.
    """

    insight: CAInsight | None
    by_chain: int
    by_thumbprint: int
    others: int
    known: int = 0
    checked: int = 0

    @property
    def is_last(self) -> bool:
        return self.others == 0

    @property
    def is_cut(self) -> bool:
        return self.checked < self.known


def impact_of(certificate: CACertificate) -> Impact:
    namespace = certificate.namespace
    clients = Client.visible_to(namespace.sight).present()
    by_thumbprint = clients.filter(validation_scheme=THUMBPRINT_SCHEME).count()
    chains = _Chains()
    below = _rows_below(namespace, certificate, chains)
    known = _known_certificates(namespace, below[:MAX_KNOWN], chains)
    return Impact(
        insight=_insight(certificate, known),
        by_chain=clients.count() - by_thumbprint,
        by_thumbprint=by_thumbprint,
        others=CACertificate.visible_to(namespace.sight).present().exclude(pk=certificate.pk).count(),
        known=len(below),
        checked=len(known),
    )


def _insight(certificate: CACertificate, known: list[KnownCertificate]) -> CAInsight | None:
    state = NamespaceState(cas=trusted_cas(certificate.namespace))
    try:
        return inspect_ca(certificate.name, state, known, at=certificate.namespace.judged_at(timezone.now()))
    except (KeyError, DecodingError):
        return None  # being deleted, or unreadable


@dataclass(frozen=True)
class OtherSignedClients:
    """Clients it signed that do not depend on it now: those with Thumbprint Match, and those that are refused."""

    by_thumbprint: tuple[SignedClient, ...]
    refused: tuple[tuple[SignedClient, str], ...]  # with the reason


def other_signed_clients(certificate: CACertificate) -> OtherSignedClients:
    namespace, chains = certificate.namespace, _Chains()
    rows = _rows_below(namespace, certificate, chains, by_thumbprint=True)[:MAX_KNOWN]
    at = namespace.judged_at(timezone.now())
    refused = {each.client_name: each for each in reversed(refused_certificates(namespace, at=at))}
    shown = [KnownCertificate(n, r.leaf.der, tuple(c.der for c in r.certificates[1:])) for n, r in refused.items()]
    by_thumbprint = _insight(certificate, _known_certificates(namespace, rows, chains))
    of_refused = _insight(certificate, shown)
    return OtherSignedClients(
        by_thumbprint.signed if by_thumbprint else (),
        tuple((signed, refused[signed.client_name].why) for signed in (of_refused.signed if of_refused else ())),
    )


def number_of_clients(impact: Impact, others: OtherSignedClients) -> int:
    """Return the number of clients that the CA certificate signed, each client counted once."""
    signed = impact.insight.signed if impact.insight else ()
    return len({each.client_name for each in (*signed, *others.by_thumbprint, *(found for found, _ in others.refused))})


class _Chains:
    """Reads each different chain sent by clients once: there are few chains and many clients."""

    def __init__(self) -> None:
        self._read: dict[str, tuple[Certificate, ...]] = {}

    def of(self, text: str) -> tuple[Certificate, ...] | None:
        """Return the chain stored as this JSON, or None once `MAX_CHAINS` others were read."""
        if text not in self._read:
            if len(self._read) >= MAX_CHAINS:
                return None
            self._read[text] = read_chain(json.loads(text))
        return self._read[text]


def _rows_below(
    namespace: Namespace, certificate: CACertificate, chains: _Chains, *, by_thumbprint: bool = False
) -> list[tuple[str, int]]:
    """Return (client name, row) of the clients whose latest certificate may be below this CA certificate, by names.

    The latest comes first. Clients with Thumbprint Match need no issuer and are returned only with `by_thumbprint`.
    """
    latest = dict(_latest_rows(namespace, by_thumbprint=by_thumbprint))
    wanted = name_key(certificate.subject)
    rows = ClientCertificate.objects.visible_to(namespace.sight).annotate(chain_text=Cast("chain", TextField()))
    below = set()
    for pk, issuer, chain_text in rows.values_list("pk", "issuer", "chain_text").iterator(chunk_size=2000):
        if pk in latest and wanted:
            chain = chains.of(chain_text)
            if name_key(issuer) == wanted or chain is None or any(sent.issuer_key == wanted for sent in chain):
                below.add(pk)
    return [(name, pk) for pk, name in latest.items() if pk in below]


def _latest_rows(namespace: Namespace, *, by_thumbprint: bool) -> Iterator[tuple[int, str]]:
    """Yield (row, client name) of the latest certificate of each client: from a connection, else from a test."""
    wanted = Q(validation_scheme=THUMBPRINT_SCHEME)
    clients = Client.visible_to(namespace.sight).present().filter(wanted if by_thumbprint else ~wanted)
    waiting = {name.lower(): name for name in clients.values_list("name", flat=True)}
    rows = ClientCertificate.objects.visible_to(namespace.sight).order_by("-has_connected", "-seen_at")
    for pk, client_name in rows.values_list("pk", "client_name").iterator(chunk_size=2000):
        name = waiting.pop(client_name.lower(), None)
        if name is not None:
            yield pk, name


def _known_certificates(namespace: Namespace, rows: list[tuple[str, int]], chains: _Chains) -> list[KnownCertificate]:
    shown = ClientCertificate.objects.visible_to(namespace.sight).annotate(chain_text=Cast("chain", TextField()))
    found = {
        pk: (bytes(der), chain_text)
        for pk, der, chain_text in shown.filter(pk__in=[pk for _, pk in rows]).values_list("pk", "der", "chain_text")
    }
    known = []
    for name, pk in rows:
        if pk in found:  # else it was deleted meanwhile
            der, chain_text = found[pk]
            chain = chains.of(chain_text)
            sent = read_chain(json.loads(chain_text)) if chain is None else chain
            known.append(KnownCertificate(name, der, tuple(each.der for each in sent)))
    return known
