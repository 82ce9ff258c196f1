"""What a CA certificate carries in its namespace: whom it signed, and whom its removal would touch."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Q, TextField
from django.db.models.functions import Cast
from django.utils import timezone

from certificates.authentication.ca_usage import CAInsight, KnownCertificate, SignedClient, inspect_ca
from certificates.authentication.decision import NamespaceState
from certificates.models import CACertificate
from certificates.pages.authentication_test import trusted_cas
from certificates.pages.refused_certificates import refused_certificates
from certificates.x509.certificate import Certificate, DecodingError, name_key
from namespaces.connections.client_certificates import read_chain
from namespaces.models import Client, ClientCertificate, Namespace
from namespaces.rules.clients import THUMBPRINT_SCHEME

MOST_KNOWN = 500  # each costs up to three verifications, so a page of a large plant looks at the latest
MOST_CHAINS = 200  # kinds of chains that are read; what comes with a further kind counts as if it might lie below


@dataclass(frozen=True)
class Impact:
    """`insight` is what the known certificates tell, None where Azure holds no readable certificate; `by_chain` clients
    need some CA certificate; `others` are the CA certificates that stay. `known` is how many clients' certificates may
    lie below it as far as names tell, `looked_at` how many of those `insight` is about."""

    insight: CAInsight | None
    by_chain: int
    by_thumbprint: int
    others: int
    known: int = 0
    looked_at: int = 0

    @property
    def is_last(self) -> bool:
        return self.others == 0

    @property
    def is_cut(self) -> bool:
        return self.looked_at < self.known


def impact_of(certificate: CACertificate) -> Impact:
    namespace = certificate.namespace
    clients = Client.objects.present().filter(namespace=namespace)
    by_thumbprint = clients.filter(validation_scheme=THUMBPRINT_SCHEME).count()
    chains = _Chains()
    below = _rows_below(namespace, certificate, chains)
    known = _known_certificates(below[:MOST_KNOWN], chains)
    return Impact(
        insight=_insight(certificate, known),
        by_chain=clients.count() - by_thumbprint,
        by_thumbprint=by_thumbprint,
        others=CACertificate.objects.present().filter(namespace=namespace).exclude(pk=certificate.pk).count(),
        known=len(below),
        looked_at=len(known),
    )


def _insight(certificate: CACertificate, known: list[KnownCertificate]) -> CAInsight | None:
    state = NamespaceState(cas=trusted_cas(certificate.namespace))
    try:
        return inspect_ca(certificate.name, state, known, at=timezone.now())
    except (KeyError, DecodingError):
        return None  # being deleted, or unreadable


@dataclass(frozen=True)
class SignedBeside:
    """Clients that the CA certificate signed and that do not depend on it now: by Thumbprint Match, or refused."""

    by_thumbprint: tuple[SignedClient, ...]
    refused: tuple[tuple[SignedClient, str], ...]  # with the reason


def signed_beside(certificate: CACertificate) -> SignedBeside:
    namespace, chains = certificate.namespace, _Chains()
    rows = _rows_below(namespace, certificate, chains, by_thumbprint=True)[:MOST_KNOWN]
    refused = {each.client_name: each for each in reversed(refused_certificates(namespace, at=timezone.now()))}
    shown = [KnownCertificate(n, r.leaf.der, tuple(c.der for c in r.certificates[1:])) for n, r in refused.items()]
    by_thumbprint = _insight(certificate, _known_certificates(rows, chains))
    of_refused = _insight(certificate, shown)
    return SignedBeside(
        by_thumbprint.signed if by_thumbprint else (),
        tuple((signed, refused[signed.client_name].why) for signed in (of_refused.signed if of_refused else ())),
    )


def number_of_clients(impact: Impact, beside: SignedBeside) -> int:
    """How many clients the CA certificate signed: one that is let in and refused, each with a certificate, is one."""
    signed = impact.insight.signed if impact.insight else ()
    return len({each.client_name for each in (*signed, *beside.by_thumbprint, *(found for found, _ in beside.refused))})


class _Chains:
    """What came with the clients' certificates, each kind of chain read once: a plant has few, and many clients."""

    def __init__(self) -> None:
        self._read: dict[str, tuple[Certificate, ...]] = {}

    def of(self, text: str) -> tuple[Certificate, ...] | None:
        """The chain that is stored as this JSON; None where too many other kinds were read."""
        if text not in self._read:
            if len(self._read) >= MOST_CHAINS:
                return None
            self._read[text] = read_chain(json.loads(text))
        return self._read[text]


def _rows_below(
    namespace: Namespace, certificate: CACertificate, chains: _Chains, *, by_thumbprint: bool = False
) -> list[tuple[str, int]]:
    """Name and row of each registered client whose latest certificate may lie below this CA certificate, by its names.

    The latest comes first. Clients with Thumbprint Match need no issuer, so they are asked for by themselves.
    """
    latest = dict(_latest_rows(namespace, by_thumbprint=by_thumbprint))
    wanted = name_key(certificate.subject)
    rows = ClientCertificate.objects.filter(namespace=namespace).annotate(chain_text=Cast("chain", TextField()))
    below = set()
    for pk, issuer, chain_text in rows.values_list("pk", "issuer", "chain_text").iterator(chunk_size=2000):
        if pk in latest and wanted:
            chain = chains.of(chain_text)
            if name_key(issuer) == wanted or chain is None or any(sent.issuer_key == wanted for sent in chain):
                below.add(pk)
    return [(name, pk) for pk, name in latest.items() if pk in below]


def _latest_rows(namespace: Namespace, *, by_thumbprint: bool) -> Iterator[tuple[int, str]]:
    """Row and client of what each registered client has shown last: at a connection, else in a test."""
    wanted = Q(validation_scheme=THUMBPRINT_SCHEME)
    clients = Client.objects.present().filter(wanted if by_thumbprint else ~wanted, namespace=namespace)
    waiting = {name.lower(): name for name in clients.values_list("name", flat=True)}
    rows = ClientCertificate.objects.filter(namespace=namespace).order_by("-has_connected", "-seen_at")
    for pk, client_name in rows.values_list("pk", "client_name").iterator(chunk_size=2000):
        name = waiting.pop(client_name.lower(), None)
        if name is not None:
            yield pk, name


def _known_certificates(rows: list[tuple[str, int]], chains: _Chains) -> list[KnownCertificate]:
    shown = ClientCertificate.objects.annotate(chain_text=Cast("chain", TextField()))
    found = {
        pk: (bytes(der), chain_text)
        for pk, der, chain_text in shown.filter(pk__in=[pk for _, pk in rows]).values_list("pk", "der", "chain_text")
    }
    known = []
    for name, pk in rows:
        if pk in found:  # else it went meanwhile
            der, chain_text = found[pk]
            chain = chains.of(chain_text)
            sent = read_chain(json.loads(chain_text)) if chain is None else chain
            known.append(KnownCertificate(name, der, tuple(each.der for each in sent)))
    return known
