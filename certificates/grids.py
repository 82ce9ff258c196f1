"""Search and order of the CA certificates grid."""

from dataclasses import dataclass

from django.conf import settings
from django.core.paginator import Page
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.http import QueryDict

from certificates.models import CACertificate
from namespaces.grids import Column, asked_text, page_of
from namespaces.models import Namespace

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


def certificate_grid(namespace: Namespace, query: QueryDict) -> CertificateGrid:
    """The CA certificates as somebody wants to see them; a thumbprint is found in any notation."""
    search, sort = asked_text(query, "q"), asked_text(query, "sort")
    if sort.removeprefix("-") not in COLUMNS:
        sort = "name"
    everything = CACertificate.objects.with_findings().filter(namespace=namespace).select_related("namespace", "team")
    rows = everything
    if search:
        digits = search.replace(":", "").replace(" ", "").lower()
        rows = rows.filter(
            Q(name__icontains=search) | Q(subject__icontains=search) | Q(thumbprint__startswith=digits or search)
        )
    order = COLUMNS[sort.removeprefix("-")][1]
    ordering = order.desc() if sort.startswith("-") else order.asc()
    columns = tuple(Column(key, label, sort) for key, (label, _) in COLUMNS.items())
    page = page_of(rows.order_by(ordering, "pk"), query)
    return CertificateGrid(page, columns, search, sort, everything.count(), settings.MAX_CA_CERTIFICATES)
