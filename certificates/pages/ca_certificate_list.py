"""Search and order of the CA certificates grid."""

from dataclasses import dataclass

from django.conf import settings
from django.core.paginator import Page
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Lower
from django.http import QueryDict

from certificates.models import CACertificate
from namespaces.models import Namespace
from portal.listing import Column, asked_text, page_of, sorting_of

COLUMNS: dict[str, tuple[str, F | Lower]] = {
    "name": ("Certificate name", Lower("name")),
    "subject": ("Subject", Lower("subject")),
    "thumbprint": ("Thumbprint (SHA-256)", F("thumbprint")),
    "valid_from": ("Valid from", F("not_before")),
    "valid_to": ("Valid to", F("not_after")),
}


@dataclass(frozen=True)
class CertificateGrid:
    page: Page[CACertificate]
    columns: tuple[Column, ...]
    search: str
    sort: str
    total: int
    most: int  # that Azure takes in one namespace


def listed_certificates(namespace: Namespace, query: QueryDict) -> QuerySet[CACertificate]:
    """The CA certificates that somebody asks for, in the order asked for; a thumbprint is found in any notation."""
    search, sort = asked_text(query, "q"), sorting_of(query, COLUMNS, "name")
    rows = CACertificate.objects.with_findings().filter(namespace=namespace).select_related("namespace", "team")
    if search:
        digits = search.replace(":", "").replace(" ", "").lower()
        rows = rows.filter(
            Q(name__icontains=search) | Q(subject__icontains=search) | Q(thumbprint__startswith=digits or search)
        )
    order = COLUMNS[sort.removeprefix("-")][1]
    return rows.order_by(order.desc() if sort.startswith("-") else order.asc(), "pk")


def certificate_grid(namespace: Namespace, query: QueryDict) -> CertificateGrid:
    """The CA certificates as somebody wants to see them."""
    search, sort = asked_text(query, "q"), sorting_of(query, COLUMNS, "name")
    total = CACertificate.objects.filter(namespace=namespace).count()
    columns = tuple(Column(key, label, sort) for key, (label, _) in COLUMNS.items())
    page = page_of(listed_certificates(namespace, query), query)
    return CertificateGrid(page, columns, search, sort, total, settings.MAX_CA_CERTIFICATES)
