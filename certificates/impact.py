"""What a CA certificate carries in its namespace: whom its removal would touch."""

from dataclasses import dataclass

from certificates.models import CACertificate
from namespaces.models import Client, ConnectionAttempt
from namespaces.rules import THUMBPRINT_SCHEME


@dataclass(frozen=True)
class Impact:
    """`seen` are clients that have connected through it; `by_chain` those that need some CA certificate; `others` the
    CA certificates that stay."""

    seen: list[str]
    by_chain: int
    by_thumbprint: int
    others: int

    @property
    def is_last(self) -> bool:
        return self.others == 0


def impact_of(certificate: CACertificate) -> Impact:
    namespace = certificate.namespace
    clients = Client.objects.present().filter(namespace=namespace)
    by_thumbprint = clients.filter(validation_scheme=THUMBPRINT_SCHEME).count()
    seen = (
        ConnectionAttempt.objects.filter(namespace=namespace, accepted=True, ca_name__iexact=certificate.name)
        .exclude(client_name="")
        .order_by("client_name")
        .values_list("client_name", flat=True)
        .distinct()
    )
    return Impact(
        seen=list(seen),
        by_chain=clients.count() - by_thumbprint,
        by_thumbprint=by_thumbprint,
        others=CACertificate.objects.present().filter(namespace=namespace).exclude(pk=certificate.pk).count(),
    )
