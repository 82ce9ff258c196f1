"""Follow the database: read four times a second what has changed in the namespaces that are decided about.

A change is a number in `DecisionChange`. Numbers rise, but a transaction that took one earlier may end later, so numbers that are
missing between others are asked for again for ten minutes. Settings, CA certificates and teams are few and compared each time.
"""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from django.db import Error, connection
from django.db.models import Max

from certificates.decision_service.loading import (
    Keyed,
    LoadedNamespace,
    Parts,
    load_clients,
    load_namespace,
    load_parts,
)
from certificates.models import CACertificate
from namespaces.decision_changes import KEPT
from namespaces.models import DecisionChange, DecisionPoint, NamespaceConfiguration
from portal.models import Team

EVERY = 0.25  # seconds
MISSING_SECONDS = 600.0  # how long a number that is missing is asked for: longer than any transaction
MOST_MISSING = 1000
MOST_CLIENTS = 20_000  # that changed at once; beyond, the namespace is read whole
TOO_LONG = KEPT.total_seconds() / 2  # without reading; what was noted meanwhile may be deleted
_SYNCED = ("pk", "namespace_id", "generation", "synced_generation", "deleted_at")

logger = logging.getLogger(__name__)


@dataclass
class News:
    """What changed: namespaces read whole, those whose parts changed, clients that changed, and those that are gone.

    `read_at`: by `time.monotonic`, when reading began.
    """

    read_at: float
    whole: dict[int, LoadedNamespace] = field(default_factory=dict)
    parts: dict[int, Parts] = field(default_factory=dict)
    clients: dict[int, Mapping[int, Keyed | None]] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)


class Journal:
    """The numbers of changes that were read, and those that are missing between them."""

    def __init__(self) -> None:
        self._last: int | None = None
        self._missing: dict[int, float] = {}

    def begin(self) -> None:
        """Begin after the newest number. Some before it may belong to transactions that have not ended."""
        last = DecisionChange.objects.aggregate(last=Max("pk"))["last"] or 0
        first = max(1, last - MOST_MISSING)
        there = set(DecisionChange.objects.filter(pk__gte=first, pk__lte=last).values_list("pk", flat=True))
        self._missing = dict.fromkeys(set(range(first, last)) - there, time.monotonic())
        self._last = last

    def read(self) -> list[tuple[int, int | None]]:
        """Return namespace and client of each change that was not read before."""
        assert self._last is not None
        now = time.monotonic()
        changes = DecisionChange.objects.order_by("pk").values_list("pk", "namespace_pk", "client_pk")
        found = list(changes.filter(pk__gt=self._last))
        if self._missing:
            found += changes.filter(pk__in=list(self._missing))
        for pk, _, _ in found:
            self._missing.pop(pk, None)
        newest = max((pk for pk, _, _ in found), default=self._last)
        if newest > self._last:
            between = set(range(max(self._last + 1, newest - 10 * MOST_MISSING), newest))
            self._missing |= dict.fromkeys(between - {pk for pk, _, _ in found}, now)
            self._last = newest
        self._missing = {pk: since for pk, since in self._missing.items() if now - since < MISSING_SECONDS}
        return [(namespace_pk, client_pk) for _, namespace_pk, client_pk in found]


class Reader:
    """Reads the database for one process. Used by one thread."""

    def __init__(self) -> None:
        self._journal = Journal()
        self._seen: dict[int, tuple[object, ...]] = {}  # namespace → what of it is compared
        self._teams: dict[int, str] | None = None
        self._read_at = 0.0
        # Noted, and not read yet: an outage may come between.
        self._clients: dict[int, set[int]] = defaultdict(set)
        self._others: set[int] = set()

    def read(self) -> News:
        """Return what has changed since the last call, everything at the first one. Raises what the database raises."""
        news = News(time.monotonic())
        teams = dict(Team.objects.values_list("pk", "name"))
        is_anew = self._teams is None or teams != self._teams or news.read_at - self._read_at > TOO_LONG
        self._read_journal(is_anew)
        points, compared = _compared()
        for pk, values in compared.items():
            clients = self._clients.get(pk, set())
            if is_anew or pk not in self._seen or len(clients) > MOST_CLIENTS:
                news.whole[pk] = load_namespace(points[pk])
                continue
            if values != self._seen[pk] or pk in self._others:
                news.parts[pk] = load_parts(points[pk])
            if clients:
                news.clients[pk] = load_clients(pk, clients)
        news.gone = self._seen.keys() - compared.keys()
        self._seen, self._teams, self._read_at = compared, teams, news.read_at
        self._clients.clear()
        self._others.clear()
        return news

    def _read_journal(self, is_anew: bool) -> None:
        if is_anew:
            self._journal.begin()
            return
        for namespace_pk, client_pk in self._journal.read():
            if client_pk is None:
                self._others.add(namespace_pk)
            else:
                self._clients[namespace_pk].add(client_pk)

    def forget(self) -> None:
        """Read everything again next time: something failed between reading and using it."""
        self._teams = None


def _compared() -> tuple[dict[int, DecisionPoint], dict[int, tuple[object, ...]]]:
    """Return the namespaces that are decided about, and the values of each whose change is noticed without a number."""
    points = {point.namespace_id: point for point in DecisionPoint.objects.select_related("namespace").order_by("pk")}
    compared = {pk: _values(point) for pk, point in points.items()}
    for model in (NamespaceConfiguration, CACertificate):
        rows = model._default_manager.filter(namespace__in=list(points)).order_by("pk")
        for synced in rows.values_list(*_SYNCED):
            compared[synced[1]] += synced
    return points, compared


def _values(point: DecisionPoint) -> tuple[object, ...]:
    place = point.namespace
    return (
        *(point.pk, point.key, tuple(point.principals or ()), point.client_id, point.longest_session_seconds),
        *(place.name, place.resource_id, place.judged_ahead, place.possession),
    )


class Follower(threading.Thread):
    """The thread that reads. `take` is called in it with what it read, and returns when that is in use."""

    def __init__(self, take: Callable[[News], None]) -> None:
        super().__init__(name="follow", daemon=True)
        self._take = take
        self._stopped = threading.Event()

    def run(self) -> None:
        reader, is_answered = Reader(), True
        while not self._stopped.is_set():
            try:
                self._take(reader.read())
            except Error as fault:
                if is_answered:
                    logger.warning("The database does not answer: decisions come from what was read last. %s", fault)
                is_answered = False
                connection.close()
            except Exception:
                logger.exception("What changed could not be read; everything is read again")
                reader.forget()
                connection.close()
            else:
                if not is_answered:
                    logger.warning("The database answers again.")
                is_answered = True
            self._stopped.wait(EVERY)
        connection.close()

    def stop(self) -> None:
        self._stopped.set()
