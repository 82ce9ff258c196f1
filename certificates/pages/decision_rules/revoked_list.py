"""The revoked certificates of a namespace, as one person sees them."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.core.paginator import Page
from django.db.models import Q
from django.http import QueryDict

from certificates.actions.decision_rules.holders import Holder
from certificates.actions.decision_rules.revocations import issuing_ca
from certificates.models import CACertificate, RevokedCertificate
from certificates.x509.serial_numbers import serials_written
from certificates.x509.thumbprints import thumbprint_digits
from namespaces.models import Client, Namespace
from portal.listing import asked_text, page_of

IN_FORCE, RELEASED = "in-force", "released"


@dataclass(frozen=True)
class ShownRevocation:
    """One revoked certificate, the row to which it belongs where there is one, and whether the person may release it."""

    row: RevokedCertificate
    holder: Holder
    may_release: bool


@dataclass(frozen=True)
class RevokedList:
    """One page of them, of `state`; `query` narrows by subject, client, serial number or thumbprint."""

    page: Page[RevokedCertificate]
    rows: Sequence[ShownRevocation]
    state: str
    query: str
    in_force: int
    released: int


def revoked_list(namespace: Namespace, asked: QueryDict) -> RevokedList:
    """Return the part of the list that is asked for."""
    seen = RevokedCertificate.objects.visible_to(namespace.sight).filter(namespace=namespace.pk)
    state = RELEASED if asked_text(asked, "state") == RELEASED else IN_FORCE
    query = asked_text(asked, "q")
    shown = seen.filter(released_at__isnull=state == IN_FORCE)
    if query:
        shown = shown.filter(_called(query))
    order = ("-released_at", "-pk") if state == RELEASED else ("-revoked_at", "-pk")
    page = page_of(shown.select_related("revoked_by", "released_by", "team").order_by(*order), asked)
    return RevokedList(
        page,
        _with_holders(namespace, list(page)),
        state,
        query,
        in_force=seen.in_force().count(),
        released=seen.filter(released_at__isnull=False).count(),
    )


def _called(query: str) -> Q:
    found = Q(subject__icontains=query) | Q(client_name__icontains=query) | Q(serial__in=serials_written(query))
    digits = thumbprint_digits(query)
    return found | Q(thumbprint__startswith=digits) if digits else found


def _with_holders(namespace: Namespace, rows: Sequence[RevokedCertificate]) -> list[ShownRevocation]:
    """Add to the rows of a page whose they are, with two queries for all of them."""
    seen = CACertificate.visible_to(namespace.sight).filter(namespace=namespace.pk).select_related("team")
    cas = {each.thumbprint: each for each in seen.filter(thumbprint__in=[row.thumbprint for row in rows if row.is_ca])}
    issuers = list(seen.present()) if any(not row.thumbprint for row in rows) else []
    names = [row.client_name for row in rows if row.client_name]
    called = Client.visible_to(namespace.sight).filter(namespace=namespace.pk, name__in=names).select_related("team")
    clients = {each.name: each for each in called}
    shown = []
    for row in rows:
        if row.thumbprint:
            holder = Holder(cas.get(row.thumbprint), clients.get(row.client_name), row.is_ca)
        else:
            holder = Holder(issuing_ca(row, issuers), is_ca=True)
        shown.append(ShownRevocation(row, holder, row.released_at is None and holder.may_change(namespace.rights)))
    return shown
