"""The revocation lists of a namespace, by CA certificate."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.http import QueryDict

from certificates.models import CACertificate, DecisionRules, RevocationList, StaleList
from certificates.x509.certificate import public_key_hash
from namespaces.models import Namespace
from namespaces.pages.sync_polling import MOST_ROWS, Poll


@dataclass(frozen=True)
class ShownList:
    """A CA certificate and its list, None where it has none. `may_change`: this person may change the CA certificate.

    `state`: "fresh", "stale" past its next update, "other-key" where the CA certificate has another key than signed the list, or
    "none".
    """

    ca: CACertificate
    row: RevocationList | None
    state: str
    may_change: bool

    @property
    def is_being_fetched(self) -> bool:
        return self.row is not None and self.row.is_being_fetched


@dataclass(frozen=True)
class ListPage:
    """`refuses_stale`: a stale list refuses every client below its CA. `hosts`: from where lists may be fetched."""

    lists: Sequence[ShownList]
    refuses_stale: bool
    hosts: Sequence[str]

    def poll(self, round_: int = 0) -> Poll:
        """Return which CA certificates to ask about again: those whose lists are being fetched."""
        return Poll([each.ca.pk for each in self.lists if each.is_being_fetched][:MOST_ROWS], round_)

    def came_of(self, query: QueryDict) -> list[ShownList]:
        """Return those that a poll asked about and that are not being fetched any more."""
        asked = set(query.getlist("row")[:MOST_ROWS])
        return [each for each in self.lists if str(each.ca.pk) in asked and not each.is_being_fetched]


def list_page(namespace: Namespace, *, at: datetime) -> ListPage:
    rows = CACertificate.visible_to(namespace.sight).present().filter(namespace=namespace.pk)
    cas = list(rows.select_related("team").order_by("name"))
    held = {row.ca_id: row for row in RevocationList.objects.filter(ca__in=cas).select_related("added_by")}
    stale = DecisionRules.objects.filter(namespace=namespace.pk, stale_list=StaleList.REFUSE)
    return ListPage(
        [_shown(namespace, ca, held.get(ca.pk), at) for ca in cas],
        refuses_stale=stale.exists(),
        hosts=settings.REVOCATION_LIST_HOSTS,
    )


def _shown(namespace: Namespace, ca: CACertificate, row: RevocationList | None, at: datetime) -> ShownList:
    return ShownList(ca, row, _state(ca, row, namespace.judged_at(at)), namespace.rights.covers(ca))


def _state(ca: CACertificate, row: RevocationList | None, at: datetime) -> str:
    if row is None or row.added_at is None:
        return "none"
    if public_key_hash(bytes(ca.der)) != row.signer_key:
        return "other-key"
    return "stale" if row.next_update is not None and row.next_update < at else "fresh"
