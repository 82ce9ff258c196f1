"""Where the clients of a rollover are, as their last connections say."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, CharField, Exists, F, OuterRef, Q, QuerySet, Value, When

from certificates.models import CACertificate, CARollover, RolloverConfirmation
from certificates.x509.certificate import public_key_hash
from namespaces.connections.attempts import has_connection_log
from namespaces.models import Client, Namespace
from namespaces.rules.clients import THUMBPRINT_SCHEME

MOVED, CONFIRMED, OTHER, WAITING, UNKNOWN = "moved", "confirmed", "other", "waiting", "unknown"
STATES = {
    WAITING: "Still on the old one",
    UNKNOWN: "Unknown",
    MOVED: "On the new one",
    CONFIRMED: "Confirmed by hand",
    OTHER: "On another CA",
}
LEFT = (WAITING, UNKNOWN)
DONE = (MOVED, CONFIRMED, OTHER)


@dataclass(frozen=True)
class Places:
    """What decides where a client is.

    `since`: connections under the new key count from then on; None: from any time. `other_keys`: those of further CA
    certificates that are trusted. `needing`: names of clients whose known certificate only the old one vouches for.
    """

    since: datetime | None
    other_keys: frozenset[str]
    needing: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls,
        rollover: CARollover,
        new: CACertificate,
        *,
        at: datetime,
        takes_over: bool,
        needing: frozenset[str] = frozenset(),
    ) -> "Places":
        others = CACertificate.objects.present().filter(namespace=rollover.namespace_id)
        others = others.exclude(pk__in=[rollover.old_id, rollover.successor_id])
        keys = {public_key_hash(bytes(row.der)) for row in others if row.der and _is_trusted(row, at)}
        keys -= {"", rollover.old_key, rollover.successor_key}
        return cls(None if takes_over else new.added_at or rollover.started_at, frozenset(keys), needing)


def _is_trusted(row: CACertificate, at: datetime) -> bool:
    """Return whether Azure has confirmed it, and it has not expired."""
    return row.synced_generation > 0 and row.not_after is not None and row.not_after > at


def rollover_of(old: CACertificate) -> CARollover | None:
    """Return the rollover of this CA certificate that was started and not cancelled."""
    running = CARollover.objects.filter(old=old, cancelled_at=None)
    return running.select_related("started_by", "successor").first()


def clients_by_place(rollover: CARollover, namespace: Namespace, places: Places) -> QuerySet[Any]:
    """Return the enabled clients that need a CA certificate, as the person sees them, each with its `place`."""
    seen = Client.visible_to(namespace.sight).present().filter(namespace=namespace)
    return _placed(seen, rollover, places)


def all_by_place(rollover: CARollover, places: Places) -> QuerySet[Any]:
    """Return all enabled clients of the namespace that need a CA certificate, each with its `place`."""
    return _placed(Client.objects.present().filter(namespace=rollover.namespace_id), rollover, places)


def _placed(clients: QuerySet[Client], rollover: CARollover, places: Places) -> QuerySet[Any]:
    needing = clients.filter(state=Client.ConnectionState.ENABLED).exclude(validation_scheme=THUMBPRINT_SCHEME)
    of_client = RolloverConfirmation.objects.filter(rollover=rollover, client=OuterRef("pk"))
    # A confirmation is refuted by a later connection under the old key.
    confirmed = Q(Exists(of_client))
    if rollover.old_key != rollover.successor_key:
        confirmed &= ~Q(anchor_key=rollover.old_key) | Q(
            Exists(of_client.filter(confirmed_at__gte=OuterRef("last_seen_at")))
        )
    since = Q(last_seen_at__gte=places.since) if places.since is not None else Q()
    # A connection that raised an alarm may be another device's, so it shows nothing about this one.
    was_expected = Q(issuer_key=F("expected_key"))
    if not has_connection_log():
        whens = [When(confirmed, then=Value(CONFIRMED))]
    else:
        whens = [
            When(name__in=places.needing, then=Value(WAITING)),
            When(Q(anchor_key=rollover.successor_key) & since & was_expected, then=Value(MOVED)),
            When(confirmed, then=Value(CONFIRMED)),
            When(anchor_key=rollover.old_key, then=Value(WAITING)),
            When(was_expected, anchor_key__in=places.other_keys, then=Value(OTHER)),
        ]
    place = Case(*whens, default=Value(UNKNOWN), output_field=CharField())
    return needing.annotate(place=place)
