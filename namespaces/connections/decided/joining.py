"""One row for one CONNECT: this portal's record of its decision, and what the broker's log says of the same CONNECT.

Both have the number of the request. Whichever comes second is joined. The portal's decision counts; what the broker knows besides
is added: address, protocol, and a refusal after the portal had allowed the client, such as too many sessions.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings

from namespaces.connections.counts import recount
from namespaces.models import ConnectionAttempt

# Rows of a namespace with records of its own are numbered by the clock, in microseconds since 1970; those of a log begin at 1.
OWN_NUMBERS = 10**15
MICROSECONDS = 1_000_000
_JOINED = ("accepted", "code", "reason", "client_name", "ca_name", "session_name", "protocol", "caller", "record")
_FROM_BROKER = ("callerIpAddress", "properties", "resultType", "resultSignature", "resultDescription", "category")
_FROM_PORTAL = ("presentedChain", "decision", "clientName", "caName", "judgedAheadSeconds")
PORTAL = "portal"  # in `decidedBy` of a record


def has_own_records(namespace_pk: int) -> bool:
    """Return whether this portal has decided about a CONNECT whose row is still kept: all further rows follow its numbers."""
    return ConnectionAttempt.objects.filter(namespace=namespace_pk, cursor__gte=OWN_NUMBERS).exists()


def numbered(namespace_pk: int, attempts: Sequence[ConnectionAttempt], *, at: datetime) -> list[ConnectionAttempt]:
    """Give attempts the next numbers of their namespace, in the order of their time.

    The caller holds the lock on the namespace's row, so no other process gives the same numbers, and a page that asks for what is
    newer than a number misses nothing.
    """
    rows = ConnectionAttempt.objects.filter(namespace=namespace_pk).order_by("-cursor")
    newest = rows.values_list("cursor", flat=True).first() or 0
    first = max(newest + 1, int(at.timestamp() * MICROSECONDS))
    ordered = sorted(attempts, key=lambda attempt: attempt.at)
    for number, attempt in enumerate(ordered, first):
        attempt.cursor = number
    return ordered


def join_known(namespace_pk: int, attempts: Sequence[ConnectionAttempt]) -> list[ConnectionAttempt]:
    """Join attempts to rows of the same request, inside the caller's transaction. Return the others, the last one of each request.

    A broker sends a request again when the connection broke before it had the answer.
    """
    by_request = {attempt.request_id: attempt for attempt in attempts if attempt.request_id}
    if not by_request:
        return list(attempts)
    known = ConnectionAttempt.objects.filter(namespace=namespace_pk, request_id__in=by_request).exclude(request_id="")
    rows = {row.request_id: row for row in known}
    joined, moved = [], []
    for request_id, row in rows.items():
        before = "" if row.accepted else row.code
        if not _join(row, by_request[request_id]):
            continue
        joined.append(row)
        after = "" if row.accepted else row.code
        if before != after:
            moved.append((row.at, before, after))
    ConnectionAttempt.objects.bulk_update(joined, _JOINED, batch_size=200)
    recount(namespace_pk, moved)
    return [
        attempt
        for attempt in attempts
        if attempt.request_id not in rows and by_request.get(attempt.request_id, attempt) is attempt
    ]


def without_forgotten(namespace_pk: int, attempts: Sequence[ConnectionAttempt]) -> list[ConnectionAttempt]:
    """Leave out records of the broker about requests that are older than all that a full log keeps.

    This portal's records of them were counted, and dropped since: in a burst of CONNECTs before the broker's log was read.
    """
    rows = ConnectionAttempt.objects.filter(namespace=namespace_pk).order_by("-cursor").values_list("at", flat=True)
    oldest = next(iter(rows[settings.CONNECTION_LOG_KEEP - 1 : settings.CONNECTION_LOG_KEEP]), None)
    if oldest is None:
        return list(attempts)
    return [attempt for attempt in attempts if not attempt.request_id or attempt.at >= oldest]


def _join(row: ConnectionAttempt, other: ConnectionAttempt) -> bool:
    """Join `other` to a row that is kept. One of both is the portal's; two of one side leave the row as it is.

    Return whether the row has changed.
    """
    if is_decided_here(row.record) == is_decided_here(other.record):
        return False
    portal, broker = (row, other) if is_decided_here(row.record) else (other, row)
    refused_later = portal.accepted and not broker.accepted
    told = {name: broker.record[name] for name in _FROM_BROKER if name in broker.record}
    decided = {name: portal.record[name] for name in _FROM_PORTAL if name in portal.record}
    joined: dict[str, Any] = {
        "accepted": portal.accepted and broker.accepted,
        "code": broker.code if refused_later else portal.code,
        "reason": broker.reason if refused_later else portal.reason,
        "client_name": portal.client_name,
        "ca_name": portal.ca_name,
        "session_name": broker.session_name or portal.session_name,
        "protocol": broker.protocol,
        "caller": broker.caller,
        "record": {**broker.record, **portal.record, **told, **decided},
    }
    for name, value in joined.items():
        setattr(row, name, value)
    return True


def is_decided_here(record: Mapping[str, Any]) -> bool:
    """Return whether this portal decided about the attempt of a record."""
    return record.get("decidedBy") == PORTAL
