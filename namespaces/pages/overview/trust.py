"""Which clients a namespace's CA certificates vouch for, by the names in the certificates that the clients have shown."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from django.db.models import Count

from certificates.x509.certificate import name_mark
from namespaces.models import Client, Namespace
from namespaces.registry import UploadedCA, uploaded_cas_in
from namespaces.rules.clients import THUMBPRINT_SCHEME
from sync.models import Sight


@dataclass(frozen=True)
class Trust:
    """The enabled clients of a namespace that need a CA certificate, by the issuers that their certificates name.

    `paths`: (ClientCertificate.path, issuer) → number of clients; the path is "" where no certificate is known.
    """

    cas: Sequence[UploadedCA]
    paths: Counter[tuple[str, str]]
    hidden: Sequence[UploadedCA] = ()  # of other teams: they vouch too, and no page names them

    @cached_property
    def trusted_marks(self) -> dict[str, UploadedCA]:
        return {name_mark(ca.subject): ca for ca in (*self.cas, *self.hidden) if ca.subject and not ca.waits}

    @property
    def needing(self) -> int:
        """Return the number of enabled clients that need a CA certificate."""
        return sum(self.paths.values())

    @cached_property
    def untrusted(self) -> Counter[str]:
        """Return the number of clients without a trusted issuer, by issuer; "" for all while there is no CA certificate."""
        found: Counter[str] = Counter()
        for (path, issuer), clients in self.paths.items():
            if not (self.cas or self.hidden) or (path and not self.trusted_marks.keys() & set(path.split())):
                found[issuer] += clients
        return found

    @property
    def untrusted_count(self) -> int:
        return sum(self.untrusted.values())

    def behind(self, ca: UploadedCA) -> int:
        """Return the number of clients that have shown a certificate with this CA certificate's name above it."""
        mark = name_mark(ca.subject)
        return sum(clients for (path, _), clients in self.paths.items() if mark in path.split())

    def expiring(self, *, until: datetime) -> list[UploadedCA]:
        """Return the CA certificates that have expired or expire until then, the first first."""
        ending = [ca for ca in self.cas if ca.not_after is not None and ca.not_after <= until]
        return sorted(ending, key=lambda ca: (ca.not_after, ca.name))


def trust_in(namespace: Namespace) -> Trust:
    return trust_in_all([namespace])[namespace.pk]


def trust_in_all(namespaces: Sequence[Namespace]) -> dict[int, Trust]:
    """Return which of the clients that are seen can be vouched for in each namespace, with two queries."""
    sight = Sight.over(each.sight for each in namespaces)
    clients = Client.visible_to(sight).present().filter(state=Client.ConnectionState.ENABLED)
    groups = (
        clients.exclude(validation_scheme=THUMBPRINT_SCHEME)
        .order_by()
        .values_list("namespace_id", "certificate_path", "certificate_issuer")
        .annotate(clients=Count("pk"))
    )
    paths: dict[int, Counter[tuple[str, str]]] = {each.pk: Counter() for each in namespaces}
    for pk, path, issuer, count in groups:
        paths[pk][path, issuer] = count
    return {
        pk: Trust([ca for ca in cas if not ca.is_hidden], paths[pk], [ca for ca in cas if ca.is_hidden])
        for pk, cas in uploaded_cas_in(namespaces).items()
    }
