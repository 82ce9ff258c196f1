"""Connection attempts as the Connections page and *Try it* show them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import Q, QuerySet
from django.http import QueryDict

from certificates.authentication.engine import Decision
from namespaces.connections.attempt_filter import AttemptFilter
from namespaces.connections.counts import hour_of
from namespaces.connections.hidden_names import without_hidden_names
from namespaces.connections.repeated_attempts import KIND, Row, groups_of, rows_of, single, start_of
from namespaces.models import Client, ConnectionAttempt, ConnectionCount, Namespace
from portal.listing import whole_number
from sync.models import same_name

SHOWN = 100
# A page left open must stop polling at some time.
LAST_ROUND = 450
POLL_SECONDS = 2


@dataclass(frozen=True)
class Watch:
    """What the page shows, and where its next request continues."""

    rows: list[Row]
    fields: Mapping[str, str]  # of the query: what is asked for
    after: int  # the newest cursor that the page shows
    shown_from: int  # the cursor of its last row
    round: int = 0
    page: int = 1
    has_more: bool = False
    delay: int = field(default=POLL_SECONDS, init=False)

    @property
    def client(self) -> str:
        """Return the one client whose attempts are asked for, or ""."""
        return self.fields.get("client", "")

    @property
    def is_over(self) -> bool:
        return self.round >= LAST_ROUND

    @property
    def is_live(self) -> bool:
        return self.page == 1

    @property
    def new_rows(self) -> list[Row]:
        return [row for row in self.rows if not row.is_known]

    @property
    def known_rows(self) -> list[Row]:
        return [row for row in self.rows if row.is_known]

    @property
    def page_query(self) -> str:
        return "?" + urlencode(self.fields)

    @property
    def next_query(self) -> str:
        """Return the query string of the next request for newer attempts."""
        progress = {"after": self.after, "from": self.shown_from, "round": self.round + 1}
        return urlencode(progress | dict(self.fields))


def has_connection_log() -> bool:
    """Return whether the target of this portal has a connection log."""
    return bool(settings.CONNECTION_LOG_GATEWAY)


def watch_client(namespace: Namespace, client: str, query: QueryDict | None = None) -> Watch:
    """The newest attempts of one client, whenever they were; with a query those newer than its cursor `after`."""
    progress = query or QueryDict()
    after = _number(progress, "after")
    rows = ConnectionAttempt.objects.visible_to(namespace.sight).filter(_of_client(namespace, client))
    found = single(_read(namespace, rows.filter(cursor__gt=after).order_by("-cursor")[:SHOWN]))
    return _watch(namespace, found, {"client": client}, progress)


def watch(namespace: Namespace, asked: AttemptFilter, query: QueryDict) -> Watch:
    """A page of the attempts that are asked for; repeated ones together, unless each is asked for."""
    page = min(max(_number(query, "page"), 1), settings.CONNECTION_LOG_KEEP // SHOWN + 1)
    first = (page - 1) * SHOWN
    rows = listed_attempts(namespace, asked)
    if asked.is_single or asked.like is not None:
        found = single(_read(namespace, rows[first : first + SHOWN + 1]))
    else:
        found = _grouped(namespace, rows, list(groups_of(rows)[first : first + SHOWN + 1]))
    return _watch(namespace, found[:SHOWN], asked.fields, QueryDict(), page=page, has_more=len(found) > SHOWN)


def watch_newer(namespace: Namespace, asked: AttemptFilter, query: QueryDict) -> Watch:
    """The attempts after the cursor `after` of the query; with them go older ones that they repeat."""
    after = _number(query, "after")
    rows = listed_attempts(namespace, asked)
    newer = rows.filter(cursor__gt=after)
    if asked.is_single or asked.like is not None:
        found = single(_read(namespace, newer[:SHOWN]))
    elif new := list(groups_of(newer)[:SHOWN]):
        kinds = {_kind(group) for group in new}
        whole = groups_of(rows.filter(at__gte=min(map(start_of, new))), after=after)
        groups = [group for group in whole if _kind(group) in kinds]
        found = _grouped(namespace, rows, groups, shown_from=_number(query, "from"))
    else:
        found = []
    return _watch(namespace, found, asked.fields, query)


def _watch(namespace: Namespace, rows: list[Row], fields: Mapping[str, str], query: QueryDict, **place: Any) -> Watch:
    names = {row.attempt.client_name for row in rows} - {""}
    clients = Client.visible_to(namespace.sight).present().filter(name__in=names)
    registered = set(clients.values_list("name", flat=True)) if names else set()
    for row in rows:
        row.has_client = row.attempt.client_name in registered
    cursors = [row.attempt.cursor for row in rows]
    shown_from = _number(query, "from") or min(cursors, default=0)
    return Watch(
        rows, fields, max(cursors, default=_number(query, "after")), shown_from, _number(query, "round"), **place
    )


def _read(namespace: Namespace, rows: QuerySet[ConnectionAttempt]) -> list[ConnectionAttempt]:
    """Return attempts without their records, as the person may read them."""
    return list(without_hidden_names(namespace, rows.defer("record")))


def _grouped(
    namespace: Namespace, rows: QuerySet[ConnectionAttempt], groups: Sequence[dict[str, Any]], shown_from: int = 0
) -> list[Row]:
    newest = rows.filter(cursor__in=[group["newest"] for group in groups])
    return rows_of(groups, _read(namespace, newest), shown_from=shown_from)


def _kind(group: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(group[name] for name in KIND)


def listed_attempts(namespace: Namespace, asked: AttemptFilter) -> QuerySet[ConnectionAttempt]:
    """Return the attempts that are asked for, newest first."""
    return asked.narrow(ConnectionAttempt.objects.visible_to(namespace.sight)).order_by("-cursor")


def log_begins(namespace: Namespace, asked: AttemptFilter) -> datetime | None:
    """Return when the log begins, where what is asked for began earlier: those attempts are only counted.

    None where clients are hidden, since the counts are over every team.
    """
    if namespace.sight.is_partial:
        return None
    kept = ConnectionAttempt.objects.filter(namespace=namespace).order_by("cursor")
    begins = kept.values_list("at", flat=True).first()
    counts = ConnectionCount.objects.filter(namespace=namespace, hour__gte=asked.begins)
    if begins is None or not counts.filter(hour__lt=hour_of(begins)).exists():
        return None
    return begins


def _of_client(namespace: Namespace, name: str) -> Q:
    """Match attempts that were attributed to the client, and those that only sent its name."""
    own = same_name("client_name", name)
    known = Client.visible_to(namespace.sight).named(name).first()
    return own if known is None else own | same_name("user_name", known.authentication_name)


def _number(query: QueryDict, name: str) -> int:
    return whole_number(query.get(name, "")) or 0


def attempt_at(namespace: Namespace, cursor: int) -> ConnectionAttempt | None:
    """Return the attempt at this place of the log, as the person may read it for whom the namespace was read."""
    found = ConnectionAttempt.objects.visible_to(namespace.sight).filter(cursor=cursor)
    attempt = next(without_hidden_names(namespace, found), None)
    if attempt is not None:
        attempt.namespace = namespace
    return attempt


def protocol_of(attempt: ConnectionAttempt) -> str:
    """ "5" or "3.1.1"; the log says MQTT5 or MQTT3."""
    return "3.1.1" if attempt.protocol.upper().startswith("MQTT3") else "5"


def protocol_label(protocol: str) -> str:
    """The log's MQTT5, MQTT3 and their -WS in the words that the rest of the pages uses."""
    version, _, transport = protocol.partition("-")
    label = {"MQTT5": "MQTT 5", "MQTT3": "MQTT 3.1.1"}.get(version.upper(), version)
    return f"{label} over WebSocket" if transport.upper() == "WS" else label


def decision_of(attempt: ConnectionAttempt) -> Decision | None:
    """Return the decision with its steps, where the log has it."""
    recorded: Any = (attempt.record or {}).get("decision")
    if not recorded:
        return None
    try:
        return Decision.from_dict(recorded)
    except (KeyError, TypeError, ValueError):
        return None  # a log of another version
