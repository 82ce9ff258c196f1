"""Menu entries and search results for certificates."""

from collections.abc import Iterable

from django.db.models import Q
from django.urls import reverse

from certificates.models import CACertificate
from certificates.pages.decision_rules.let_in import open_let_in
from certificates.pages.first_contact.lists import count_waiting
from certificates.x509.thumbprints import thumbprint_digits
from namespaces.access import sight_of
from namespaces.pages.menu import BROKER, count_of
from namespaces.pages.search import MOST_HITS, actions_on
from portal.models import User
from portal.registry import MenuItem, SearchHit, ShellItem
from sync.pages.menu import OPERATIONS, TROUBLESHOOTING

HOME = ShellItem("", "Home", "house", "home:home", order=5)
MENU = (
    MenuItem(
        BROKER, "CA certificates", "award", "certificates:ca_certificate_list", order=110, count=count_of(CACertificate)
    ),
    MenuItem(TROUBLESHOOTING, "Test authentication", "shield-check", "certificates:test_authentication", order=300),
    MenuItem(OPERATIONS, "Expiries", "calendar-clock", "certificates:expiries", order=230),
    MenuItem(BROKER, "Rules", "gavel", "certificates:rules", order=170, count=open_let_in, need="bad"),
    MenuItem(
        BROKER,
        "Waiting devices",
        "hourglass",
        "certificates:waiting_devices",
        order=175,
        count=count_waiting,
        need="warning",
    ),
    MenuItem(TROUBLESHOOTING, "Sample certificates", "flask-conical", "certificates:sample_certificates", order=320),
)


ACTIONS = (("Upload CA certificate", "certificates:ca_certificate_upload", CACertificate),)


def actions(user: User, namespace_pk: int | None) -> Iterable[SearchHit]:
    return actions_on(user, namespace_pk, ACTIONS)


def search_ca_certificates(user: User, query: str) -> Iterable[SearchHit]:
    digits = thumbprint_digits(query)
    found = (
        CACertificate.visible_to(sight_of(user))
        .present()
        .filter(Q(name__icontains=query) | Q(subject__icontains=query) | Q(thumbprint__startswith=digits or query))
        .select_related("namespace")
        .order_by("name")[:MOST_HITS]
    )
    for row in found:
        url = reverse("certificates:ca_certificate_detail", args=[row.namespace_id, row.name])
        yield SearchHit("CA certificate", row.name, f"{row.subject} in {row.namespace.name}", url)
