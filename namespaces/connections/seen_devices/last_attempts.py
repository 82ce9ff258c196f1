"""Keep the last attempt of each pair of certificate and user name for a month, so that other rules can be tried on it."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from namespaces.connections.client_certificates import MOST_CHAIN, presented_ders
from namespaces.models import ConnectionAttempt, LastAttempt

KEPT = timedelta(days=31)
NOTED_AGAIN = timedelta(hours=1)  # a pair that does the same as before is written this often
AT_ONCE = 200
_CHANGING = ("at", "accepted", "client_name", "chain")

Pair = tuple[str, str]


def note_last_attempts(namespace_pk: int, attempts: Iterable[ConnectionAttempt]) -> None:
    """Keep the newest of these attempts for each pair, inside the caller's transaction. Attempts without a certificate are left out.

    Devices reconnect with what they had: those cost a part of one query, and a part of one write an hour.
    """
    newest: dict[Pair, ConnectionAttempt] = {}
    for attempt in attempts:
        if attempt.thumbprint:
            pair = (attempt.thumbprint, attempt.user_name)
            newest[pair] = max(newest.get(pair, attempt), attempt, key=lambda each: each.at)
    if not newest:
        return
    known = LastAttempt.objects.filter(namespace=namespace_pk, thumbprint__in={thumbprint for thumbprint, _ in newest})
    rows = {(row.thumbprint, row.user_name): row for row in known.defer("der")}
    fresh, changed = [], []
    for pair, attempt in newest.items():
        row = rows.get(pair)
        if row is None:
            fresh.append(_row_of(namespace_pk, attempt))
        elif attempt.at > row.at and _differs(row, attempt):
            row.at, row.accepted, row.client_name = attempt.at, attempt.accepted, attempt.client_name
            row.chain = _chain_of(attempt)
            changed.append(row)
    LastAttempt.objects.bulk_update(changed, _CHANGING, batch_size=AT_ONCE)
    LastAttempt.objects.bulk_create(fresh, ignore_conflicts=True, batch_size=AT_ONCE)
    if fresh:
        _drop_oldest(namespace_pk, timezone.now())


def _differs(row: LastAttempt, attempt: ConnectionAttempt) -> bool:
    same = (row.accepted, row.client_name, row.chain) == (attempt.accepted, attempt.client_name, _chain_of(attempt))
    return not same or attempt.at - row.at > NOTED_AGAIN


def _row_of(namespace_pk: int, attempt: ConnectionAttempt) -> LastAttempt:
    ders = presented_ders(attempt.record.get("presentedChain") or [])
    return LastAttempt(
        namespace_id=namespace_pk,
        thumbprint=attempt.thumbprint,
        user_name=attempt.user_name,
        at=attempt.at,
        accepted=attempt.accepted,
        client_name=attempt.client_name,
        der=ders[0],
        chain=_chain_of(attempt),
    )


def _chain_of(attempt: ConnectionAttempt) -> list[str]:
    presented = attempt.record.get("presentedChain") or []
    return [str(pem) for pem in presented[1 : MOST_CHAIN + 1]]


def _drop_oldest(namespace_pk: int, now: datetime) -> None:
    """Delete what is older than a month, and beyond the limit refused attempts first: strangers can invent as many as they like."""
    rows = LastAttempt.objects.filter(namespace=namespace_pk)
    rows.filter(at__lt=now - KEPT).delete()
    too_many = rows.count() - settings.LAST_ATTEMPTS_KEEP
    if too_many > 0:
        oldest = rows.order_by("accepted", "at").values_list("pk", flat=True)[:too_many]
        rows.filter(pk__in=list(oldest)).delete()
