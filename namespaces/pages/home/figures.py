"""The four tiles of the home page, and its namespaces with their small charts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from namespaces.connections.attempt_filter import ACCEPTED, REFUSED
from namespaces.connections.attempts import has_connection_log
from namespaces.models import Client, Namespace
from namespaces.pages.home.gathered import Gathered, Hours, added_up
from namespaces.pages.overview.health import EXPIRES_SOON, Summary, together_by_moment
from namespaces.registry import UploadedCA
from portal.pages.charts import BarChart, Column, Line, Part, bar_chart, line

SMALL = 24  # height of a small chart, in pixels


@dataclass(frozen=True)
class Busiest:
    """The hour with the most refusals."""

    at: datetime
    refused: int


@dataclass(frozen=True)
class Tiles:
    """Numbers over all namespaces. `connected` is None where it is not known."""

    connected: int | None
    clients: int
    accepted_line: Line
    refused: int
    refused_chart: BarChart
    busiest: Busiest | None
    expiring_cas: int
    expiring_clients: int
    rejected: int
    rejected_in: int  # namespaces

    @property
    def expiring(self) -> int:
        return self.expiring_cas + self.expiring_clients


@dataclass(frozen=True)
class NamespaceRow:
    """One namespace. `next_ca` is the CA certificate whose expiry comes next of all, if it is one's."""

    summary: Summary
    hours: Hours
    chart: BarChart
    connected: int | None
    next_ca: UploadedCA | None
    expires_soon: bool


def tiles(gathered: Gathered, *, at: datetime) -> Tiles:
    """Return the tiles, with one query."""
    summaries = gathered.summaries
    hours = added_up([gathered.hours[summary.namespace.pk] for summary in summaries])
    refused = [Column(each.at, (Part(REFUSED, each.value(REFUSED)),)) for each in hours.columns]
    most = max(refused, key=lambda column: column.total, default=None)
    known = [count for each in summaries if (count := _connected(each.namespace)) is not None]
    clients, cas = _expiring(gathered, at)
    return Tiles(
        connected=sum(known) if known and has_connection_log() else None,
        clients=sum(each.counts.clients for each in summaries),
        accepted_line=line([each.value(ACCEPTED) for each in hours.columns]),
        refused=hours.refused,
        refused_chart=bar_chart(refused, height=SMALL, has_axis=False),
        busiest=Busiest(most.at, most.total) if most is not None and most.total else None,
        expiring_cas=cas,
        expiring_clients=clients,
        rejected=sum(each.counts.refused for each in summaries),
        rejected_in=sum(bool(each.counts.refused) for each in summaries),
    )


def _expiring(gathered: Gathered, at: datetime) -> tuple[int, int]:
    """Return how many certificates of clients and of CAs expire soon, each as its namespace judges it."""
    namespaces = [summary.namespace for summary in gathered.summaries]
    soon, cas = Q(pk__in=[]), 0
    for moment, pks in together_by_moment(namespaces, at).items():
        until = moment + EXPIRES_SOON
        soon |= Q(namespace__in=pks, certificate_expires_at__gt=moment, certificate_expires_at__lte=until)
        ending = [ca for pk in pks for ca in gathered.trust[pk].expiring(until=until)]
        cas += sum(ca.not_after is not None and ca.not_after > moment for ca in ending)
    return Client.visible_to(gathered.sight).present().filter(soon).count(), cas


def namespace_rows(gathered: Gathered, *, at: datetime) -> Sequence[NamespaceRow]:
    return [_row(gathered, summary, at) for summary in gathered.summaries]


def _row(gathered: Gathered, summary: Summary, at: datetime) -> NamespaceRow:
    pk, expiry = summary.namespace.pk, summary.next_expiry
    return NamespaceRow(
        summary,
        gathered.hours[pk],
        bar_chart(gathered.hours[pk].columns, height=SMALL, has_axis=False),
        _connected(summary.namespace),
        next((ca for ca in gathered.trust[pk].cas if expiry is not None and ca.not_after == expiry), None),
        expires_soon=expiry is not None and expiry <= summary.namespace.judged_at(at) + EXPIRES_SOON,
    )


def _connected(namespace: Namespace) -> int | None:
    """Return the number of connected clients; it is counted over every team, so it is not told where some are hidden."""
    return None if namespace.sight.is_partial else namespace.clients_connected
