"""Store what this portal decided: the same rows, counts and marks as from the broker's log, and what the endpoint has seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Lower
from django.utils import timezone

from certificates.x509.certificate import Certificate
from namespaces.connections.decided.joining import PORTAL, join_known, numbered
from namespaces.connections.log_import import attempt_of, keep_attempts, note_shown
from namespaces.models import Client, ConnectionAttempt, DecisionPoint, Namespace


@dataclass(frozen=True)
class DecisionRecord:
    """A record of a decision, in which private keys are masked, and its certificates, the client's own first; () where that
    cannot be read."""

    record: Mapping[str, Any]
    shown: tuple[Certificate, ...] = ()


def take_decisions(pk: int, records: Sequence[DecisionRecord]) -> None:
    """Store records of decisions in a namespace, as `certificates.decision_service.records` makes them, in one transaction.

    More than the log keeps are counted, and the newest of them kept.
    """
    found = (attempt_of(pk, {**each.record, "cursor": 0, "decidedBy": PORTAL}, each.shown) for each in records)
    attempts = [attempt for attempt in found if attempt is not None]
    with transaction.atomic():
        if not Namespace.objects.select_for_update().filter(pk=pk).exists():
            return  # disconnected meanwhile
        now = timezone.now()
        fresh = numbered(pk, join_known(pk, attempts), at=now)
        if fresh:
            keep_attempts(pk, fresh[-settings.CONNECTION_LOG_KEEP :], fresh, at=now)
        joined = _let_in(pk, [attempt for attempt in attempts if attempt not in fresh])
        if joined:
            note_shown(pk, joined)
        _note_asking(pk, attempts)


def _let_in(pk: int, joined: Sequence[ConnectionAttempt]) -> list[ConnectionAttempt]:
    """Return the attempts that were joined to the broker's record and let in. It came first, and may have named no client."""
    requests = [attempt.request_id for attempt in joined if attempt.accepted and attempt.request_id]
    if not requests:
        return []
    rows = ConnectionAttempt.objects.filter(namespace=pk, request_id__in=requests, accepted=True)
    let_in = set(rows.values_list("request_id", flat=True))
    return [attempt for attempt in joined if attempt.request_id in let_in]


def _note_asking(pk: int, attempts: Sequence[ConnectionAttempt]) -> None:
    """Note that the namespace has asked since it was switched, and whether about a client that is registered in Azure."""
    at = max((attempt.at for attempt in attempts), default=None)
    if at is None:
        return
    points = DecisionPoint.objects.filter(namespace=pk, switched_at__lte=at)
    points.update(asked_at=at)
    waiting = points.filter(confirmed_at__isnull=True).values_list("switched_at", flat=True).first()
    if waiting is not None:
        confirmed = _first_of_registered(pk, [attempt for attempt in attempts if attempt.at >= waiting])
        if confirmed is not None:
            points.filter(confirmed_at__isnull=True).update(confirmed_at=confirmed)


def _first_of_registered(pk: int, attempts: Sequence[ConnectionAttempt]) -> datetime | None:
    """Return when the first of these attempts was made as a client that Azure has; None where none was."""
    names = {attempt.client_name.lower() for attempt in attempts if attempt.client_name}
    clients = Client.objects.present().filter(namespace=pk, base__isnull=False).annotate(lower=Lower("name"))
    in_azure = set(clients.filter(lower__in=names).values_list("lower", flat=True))
    return min((each.at for each in attempts if each.client_name.lower() in in_azure), default=None)
