"""Devices that wait for a person, and names that stay blocked, as one person sees them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page
from django.db.models import Count, Q, QuerySet
from django.http import QueryDict

from certificates.models import BlockedName, CACertificate, WaitingDevice
from namespaces.models import Client, Namespace
from namespaces.rights import Rights
from portal.listing import asked_text, page_of
from sync.models import Sight


@dataclass(frozen=True)
class ShownRow:
    """One row, and whether the person may decide about it. `ca`: the name of the CA certificate, a neutral one where it is hidden.

    `certificates`: how many are blocked with the name.
    """

    row: Any
    may_change: bool
    ca: str = ""
    ca_is_seen: bool = False
    certificates: int = 0


@dataclass(frozen=True)
class ShownList:
    """One page of them. `query` narrows by name, subject or client."""

    page: Page[Any]
    rows: Sequence[ShownRow]
    query: str

    @property
    def may_change(self) -> bool:
        return any(each.may_change for each in self.rows)


def waiting_in(sight: Sight) -> QuerySet[WaitingDevice]:
    """Return the devices that wait where the person sees them; those that have a client by now are left out."""
    found: QuerySet[WaitingDevice] = WaitingDevice.objects.visible_to(sight).without_client()
    return found


def count_waiting(sight: Sight) -> int:
    """Return how many wait, for the menu."""
    return waiting_in(sight).count()


def waiting_list(namespace: Namespace, asked: QueryDict) -> ShownList:
    query = asked_text(asked, "q")
    rows = waiting_in(namespace.sight).filter(namespace=namespace.pk).select_related("ca", "team")
    if query:
        rows = rows.filter(Q(authentication_name__icontains=query) | Q(subject__icontains=query))
    page = page_of(rows.order_by("-last_seen_at", "-pk"), asked)
    return ShownList(page, [_waiting(namespace, row) for row in page], query)


def _waiting(namespace: Namespace, row: WaitingDevice) -> ShownRow:
    is_seen = not namespace.sight.hides(row.ca)
    return ShownRow(row, may_decide(namespace.rights, row), namespace.sight.name_of(row.ca), is_seen)


def may_decide(rights: Rights, row: WaitingDevice | BlockedName) -> bool:
    """Return whether a person with these rights may register, dismiss or release it."""
    return rights.reach(Client).covers(row.team_id)


def blocked_list(namespace: Namespace, asked: QueryDict) -> ShownList:
    query = asked_text(asked, "q")
    seen = BlockedName.objects.visible_to(namespace.sight).filter(namespace=namespace.pk)
    rows = seen.names().select_related("team")
    if query:
        rows = rows.filter(Q(authentication_name__icontains=query) | Q(client_name__icontains=query))
    page = page_of(rows.order_by("-at", "-pk"), asked)
    listed = list(page)
    with_them = seen.exclude(thumbprint="").filter(authentication_key__in=[row.authentication_key for row in listed])
    counts = dict(with_them.order_by().values_list("authentication_key").annotate(Count("pk")))
    shown = [
        ShownRow(row, may_decide(namespace.rights, row), certificates=counts.get(row.authentication_key, 0))
        for row in listed
    ]
    return ShownList(page, shown, query)


def registers_devices(namespace: Namespace) -> bool:
    """Return whether a CA certificate that the person sees registers or lists devices."""
    cas = CACertificate.visible_to(namespace.sight).present().filter(namespace=namespace.pk)
    return cas.filter(registration_template__isnull=False).exclude(registration_template__mode="off").exists()
