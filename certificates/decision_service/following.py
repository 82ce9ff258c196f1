"""Follow the database: read four times a second what has changed in the namespaces that are decided about.

A change is a number in `DecisionChange`. Numbers rise, but a transaction that took one earlier may end later, so numbers that are
missing between others are asked for again for ten minutes. Settings, CA certificates and teams are few and compared each time.
"""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import Error, connection

from certificates.decision_service.loading import (
    PAUSE,
    Keyed,
    LoadedNamespace,
    Parts,
    load_clients,
    load_namespace,
    load_parts,
)
from certificates.decision_service.self_check import SelfCheck
from certificates.models import CACertificate
from namespaces.decision_changes import KEPT
from namespaces.models import DecisionChange, DecisionPoint, NamespaceConfiguration
from portal.models import Team

EVERY = 0.25  # seconds
MISSING_SECONDS = 600.0  # how long a number that is missing is asked for: longer than any transaction
MOST_MISSING = 1000  # numbers that are asked for one by one
MOST_BEFORE = 10_000  # numbers before the newest one that are looked at in the beginning
LARGEST_GAP = 1_000_000  # numbers; beyond, the database has begun to count elsewhere
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
        self._last = 0
        self._last_at: datetime | None = None  # of the change with that number; None where there was none
        self._missing: dict[int, float] = {}

    def begin(self) -> None:
        """Begin after the newest number. Some before it may belong to transactions that have not ended."""
        newest = DecisionChange.objects.order_by("-pk").values_list("pk", "at").first()
        self._last, self._last_at = newest or (0, None)
        latest = DecisionChange.objects.filter(pk__gte=self._last - MOST_BEFORE, pk__lte=self._last)
        there = set(latest.values_list("pk", flat=True))
        first = max(1, min(there, default=self._last) - MOST_MISSING)  # older ones were deleted
        self._missing = dict.fromkeys(set(range(first, self._last)) - there, time.monotonic())

    def read(self) -> list[tuple[int, int | None]] | None:
        """Return namespace and client of each change that was not read before.

        None where the change that was read last is no longer there: it is old and was deleted, or the database was restored from a
        backup, and gives numbers that were read already to other changes.
        """
        now = time.monotonic()
        changes = DecisionChange.objects.order_by("pk").values_list("pk", "at", "namespace_pk", "client_pk")
        found = list(changes.filter(pk__gte=self._last))
        if self._last_at is not None:
            if not found or found[0][:2] != (self._last, self._last_at):
                return None
            del found[0]
        between = self._between(found)
        if len(self._missing) <= MOST_MISSING:
            found += changes.filter(pk__in=list(self._missing)) if self._missing else ()
        else:
            late = changes.filter(pk__gte=min(self._missing), pk__lte=max(self._missing))
            found += [change for change in late if change[0] in self._missing]
        for pk, *_ in found:
            self._missing.pop(pk, None)
        self._missing = {pk: since for pk, since in self._missing.items() if now - since < MISSING_SECONDS}
        self._missing |= dict.fromkeys(between, now)
        return [(namespace_pk, client_pk) for *_, namespace_pk, client_pk in found]

    def _between(self, found: Sequence[tuple[int, datetime, int, int | None]]) -> set[int]:
        """Return the numbers that are missing between changes after the last one, and go on to the newest."""
        if not found:
            return set()
        newest, at, *_ = found[-1]
        first = max(self._last + 1, newest - (LARGEST_GAP if self._last else MOST_MISSING))
        self._last, self._last_at = newest, at
        return set(range(first, newest)) - {pk for pk, *_ in found}


class Reader:
    """Reads the database for one process. Used by one thread."""

    def __init__(self) -> None:
        self._journal = Journal()
        self._seen: dict[int, tuple[object, ...]] = {}  # namespace → what of it is compared
        self._teams: dict[int, str] | None = None
        self._read_at = 0.0
        self._self_check = SelfCheck()
        # Noted, and not read yet: an outage may come between.
        self._clients: dict[int, set[int]] = defaultdict(set)
        self._others: set[int] = set()

    def read(self) -> News:
        """Return what has changed since the last call, everything at the first one. Raises what the database raises."""
        news = News(time.monotonic())
        teams = dict(Team.objects.values_list("pk", "name"))
        is_anew = self._teams is None or self._teams.items() - teams.items() or news.read_at - self._read_at > TOO_LONG
        is_anew = self._read_journal(bool(is_anew))
        points, compared = _compared()
        missed = self._missed(compared, news.read_at, is_anew=is_anew)
        for pk, values in compared.items():
            clients = self._clients.get(pk, set())
            if is_anew or pk not in self._seen or pk in missed or len(clients) > MOST_CLIENTS:
                news.whole[pk] = load_namespace(points[pk], pause=PAUSE if self._seen else 0.0)
                continue
            if clients:
                news.clients[pk] = load_clients(pk, clients)
            # Rules may name a client that is gone: they must not count for another one that gets its name.
            is_one_gone = None in news.clients.get(pk, {}).values()
            if values != self._seen[pk] or pk in self._others or is_one_gone:
                news.parts[pk] = load_parts(points[pk])
        news.gone = self._seen.keys() - compared.keys()
        self._seen, self._teams, self._read_at = compared, teams, news.read_at
        self._clients.clear()
        self._others.clear()
        return news

    def _missed(self, namespaces: Collection[int], now: float, *, is_anew: bool) -> set[int]:
        """Return the namespaces in which a change was not noted."""
        missed = self._self_check.missed(namespaces, namespaces if is_anew else self._clients.keys(), now)
        for pk in missed:
            logger.error("A change of clients in namespace %d was not noted. They are read again.", pk)
        return missed

    def _read_journal(self, is_anew: bool) -> bool:
        """Note what changed. Return whether everything is to be read."""
        changes = self._journal.read() if not is_anew else None
        if changes is None:
            self._journal.begin()
            return True
        for namespace_pk, client_pk in changes:
            if client_pk is None:
                self._others.add(namespace_pk)
            else:
                self._clients[namespace_pk].add(client_pk)
        return False

    def forget(self) -> None:
        """Read everything again next time: what was read was not used, or another server may answer then."""
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
                if connection.connection is None or not connection.is_usable():
                    reader.forget()
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
