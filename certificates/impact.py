"""What a CA certificate carries in its namespace: whom it signed, and whom its removal would touch."""

from dataclasses import dataclass

from django.db.models import Q
from django.utils import timezone

from certificates.facts import DecodingError
from certificates.insight import CAInsight, KnownCertificate, inspect_ca
from certificates.models import CACertificate
from certificates.trials import namespace_state
from namespaces.client_certificates import certificates_of
from namespaces.models import Client, ClientCertificate, Namespace
from namespaces.rules import THUMBPRINT_SCHEME

MOST_KNOWN = 500  # each costs two path verifications


@dataclass(frozen=True)
class Impact:
    """`insight` is what the known certificates tell, None where Azure holds no readable certificate; `by_chain` clients
    need some CA certificate; `others` are the CA certificates that stay. `is_cut` says that there are more known
    certificates than were looked at."""

    insight: CAInsight | None
    by_chain: int
    by_thumbprint: int
    others: int
    is_cut: bool = False

    @property
    def is_last(self) -> bool:
        return self.others == 0

    @property
    def never_used(self) -> bool:
        return self.insight is not None and not self.insight.is_used


def impact_of(certificate: CACertificate) -> Impact:
    namespace = certificate.namespace
    clients = Client.objects.present().filter(namespace=namespace)
    by_thumbprint = clients.filter(validation_scheme=THUMBPRINT_SCHEME).count()
    known = known_certificates(namespace, below=certificate)
    return Impact(
        insight=_insight(certificate, known[:MOST_KNOWN]),
        by_chain=clients.count() - by_thumbprint,
        by_thumbprint=by_thumbprint,
        others=CACertificate.objects.present().filter(namespace=namespace).exclude(pk=certificate.pk).count(),
        is_cut=len(known) > MOST_KNOWN,
    )


def _insight(certificate: CACertificate, known: list[KnownCertificate]) -> CAInsight | None:
    try:
        return inspect_ca(certificate.name, namespace_state(certificate.namespace), known, at=timezone.now())
    except (KeyError, DecodingError):
        return None  # being deleted, or unreadable


def known_certificates(namespace: Namespace, *, below: CACertificate) -> list[KnownCertificate]:
    """The latest certificate that each registered client has shown, if it may lie below this CA certificate."""
    registered = {
        name.lower(): name
        for name in Client.objects.present().filter(namespace=namespace).values_list("name", flat=True)
    }
    rows = ClientCertificate.objects.filter(namespace=namespace)
    rows = rows.filter(Q(issuer=below.subject) | ~Q(chain=[])).order_by("-seen_at")
    latest: dict[str, KnownCertificate] = {}
    for row in rows.iterator(chunk_size=200):
        name = registered.get(row.client_name.lower())
        if name is not None and name not in latest:
            leaf, *chain = certificates_of(row)
            latest[name] = KnownCertificate(name, leaf.der, tuple(each.der for each in chain))
        if len(latest) > MOST_KNOWN:
            break
    return list(latest.values())
