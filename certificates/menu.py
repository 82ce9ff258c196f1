"""Menu entries and search results for certificates."""

from collections.abc import Iterable

from django.db.models import Q
from django.urls import reverse

from certificates.models import CACertificate
from certificates.x509.thumbprints import thumbprint_digits
from namespaces.access import visible_namespaces
from namespaces.pages.menu import BROKER
from namespaces.pages.search import MOST_HITS
from portal.models import User
from portal.registry import MenuItem, SearchHit
from sync.pages.menu import OPERATIONS, TROUBLESHOOTING


def count_ca_certificates(namespace_pk: int) -> int:
    return int(CACertificate.objects.present().filter(namespace=namespace_pk).count())


MENU = (
    MenuItem(
        BROKER, "CA certificates", "award", "certificates:ca_certificate_list", order=110, count=count_ca_certificates
    ),
    MenuItem(TROUBLESHOOTING, "Test authentication", "shield-check", "certificates:test_authentication", order=300),
    MenuItem(OPERATIONS, "Expiries", "calendar-clock", "certificates:expiries", order=230),
    MenuItem(TROUBLESHOOTING, "Sample certificates", "flask-conical", "certificates:sample_certificates", order=320),
)


def search_ca_certificates(user: User, query: str) -> Iterable[SearchHit]:
    digits = thumbprint_digits(query)
    found = (
        CACertificate.objects.present()
        .filter(Q(name__icontains=query) | Q(subject__icontains=query) | Q(thumbprint__startswith=digits or query))
        .filter(namespace__in=visible_namespaces(user))
        .select_related("namespace")
        .order_by("name")[:MOST_HITS]
    )
    for row in found:
        url = reverse("certificates:ca_certificate_detail", args=[row.namespace_id, row.name])
        yield SearchHit("CA certificate", row.name, f"{row.subject} in {row.namespace.name}", url)
