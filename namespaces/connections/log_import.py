"""Takes connection records in: rows for the Connections page, capped per namespace, and last-seen marks."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from certificates.x509.key_masking import masked, masked_text
from certificates.x509.reading import Certificate, DecodingError, from_azure_pem, load_certificate
from namespaces.connections.client_certificates import Showing, by_time, read_chain, remember
from namespaces.connections.counts import count_attempts
from namespaces.connections.decided.joining import has_own_records, join_known, numbered, without_forgotten
from namespaces.connections.issuers import note_issuers
from namespaces.connections.seen_devices.last_attempts import note_last_attempts
from namespaces.models import ConnectionAttempt, Namespace, RefusedOperation
from namespaces.registry import watch_attempts
from sync import registry
from sync.registry import ConnectionSource

Record = Mapping[str, Any]


CONNECT = "/topicspaces/connect"
OPERATIONS = {
    "/topicspaces/publish": RefusedOperation.Operation.PUBLISH,
    "/topicspaces/subscribe": RefusedOperation.Operation.SUBSCRIBE,
}


class ConnectionIntake:
    """The taker that `namespaces` registers with `sync`."""

    def sources(self) -> Iterable[ConnectionSource]:
        """Namespaces that answer. One that does not would only cost its timeouts; the refresh finds it back."""
        reachable = Namespace.objects.filter(unreachable_since__isnull=True)
        for pk, resource_id, cursor in reachable.values_list("pk", "resource_id", "connection_cursor"):
            yield ConnectionSource(pk, resource_id, cursor)

    def take(self, pk: int, records: Sequence[Record], cursor: int, connected: int | None = None) -> None:
        """Store a page of records and the cursor behind it. Twice the same page changes nothing."""
        attempts = [a for record in records if (a := attempt_of(pk, record)) is not None]
        refused = [o for record in records if (o := refused_operation_of(pk, record)) is not None]
        with transaction.atomic():
            namespace = Namespace.objects.filter(pk=pk)
            before = namespace.select_for_update().values_list("connection_cursor", flat=True).first()
            if before is None:
                return  # disconnected meanwhile
            now = timezone.now()
            if attempts:
                fresh = _not_counted(attempts, before, cursor)
                if has_own_records(pk):
                    attempts = fresh = numbered(pk, without_forgotten(pk, join_known(pk, fresh)), at=now)
                keep_attempts(pk, attempts, fresh, at=now)
            if refused:
                RefusedOperation.objects.bulk_create(refused, ignore_conflicts=True)
                _drop_oldest(RefusedOperation, pk)
            namespace.update(
                connection_cursor=cursor, connections_read_at=now, connections_error="", clients_connected=connected
            )

    def failed(self, pk: int, reason: str) -> None:
        Namespace.objects.filter(pk=pk).exclude(connections_error=reason).update(connections_error=reason)


def keep_attempts(
    pk: int, attempts: Sequence[ConnectionAttempt], fresh: Sequence[ConnectionAttempt], *, at: datetime
) -> None:
    """Store attempts, and note what they show. `fresh`: those that were not counted before.

    The caller holds the lock on the namespace's row.
    """
    ConnectionAttempt.objects.bulk_create(attempts, ignore_conflicts=True)
    count_attempts(pk, fresh, at=at)
    note_issuers(pk, fresh)
    watch_attempts(pk, fresh)
    note_last_attempts(pk, fresh)
    _mark_seen(pk, attempts)
    remember(pk, _showings(attempts))
    _drop_oldest(ConnectionAttempt, pk)


def note_shown(pk: int, attempts: Sequence[ConnectionAttempt]) -> None:
    """Note what attempts show that were stored and counted before, when less was known about them."""
    note_issuers(pk, attempts)
    note_last_attempts(pk, attempts)
    _mark_seen(pk, attempts)
    remember(pk, _showings(attempts))


def _not_counted(attempts: Sequence[ConnectionAttempt], before: int, cursor: int) -> list[ConnectionAttempt]:
    """Return the attempts after the cursor `before`; all of them where the log began anew."""
    return [attempt for attempt in attempts if attempt.cursor > before or cursor < before]


def attempt_of(pk: int, record: Record, shown: tuple[Certificate, ...] | None = None) -> ConnectionAttempt | None:
    """The row for one record, with private keys masked; None for what is no attempt to connect, or cannot be one.

    `shown`: the certificates of a record in which private keys are masked already, the client's own first; () where that cannot be
    read. None: they are read from the record.
    """
    record = _without_keys(record) if shown is None else record
    at = parse_datetime(str(record.get("time") or ""))
    is_connect = str(record.get("operationName") or CONNECT).endswith(CONNECT)
    is_connect = is_connect and record.get("category") != "MqttDisconnections"
    if not is_connect or at is None or not isinstance(record.get("cursor"), int):
        return None
    decision = record.get("decision") or {}
    properties = record.get("properties") or {}
    leaf = _leaf(record) if shown is None else next(iter(shown), None)
    proved = bool(decision.get("accepted", True))
    accepted = proved and record.get("resultType") == "Succeeded"
    # A client that proved who it is may still be refused, for having too many sessions for example.
    why = decision if accepted or not proved else {}
    attempt = ConnectionAttempt(
        namespace_id=pk,
        cursor=record["cursor"],
        at=at,
        accepted=accepted,
        code=_text(why.get("code") or _code_of(record) or ("accepted" if accepted else ""), 60),
        reason=_text(why.get("reason") or record.get("resultDescription"), 4000),
        client_name=_text(record.get("clientName"), 128),
        user_name=_text(record.get("userName"), 256),
        session_name=_text(properties.get("sessionName"), 256),
        protocol=_text(properties.get("protocol"), 12),
        subject=_text(leaf.subject if leaf else "", 4000),
        issuer=_text(leaf.issuer if leaf else "", 4000),
        thumbprint=leaf.thumbprint_sha256 if leaf else "",
        ca_name=_text(record.get("caName"), 50),
        caller=_text(record.get("callerIpAddress"), 60),
        record=_without_nul(record) if _has_nul(record) else record,
        request_id=_text((record.get("webhook") or {}).get("requestId"), 64),
    )
    attempt.shown = shown
    return attempt


def refused_operation_of(pk: int, record: Record) -> RefusedOperation | None:
    """The row for one record, with private keys masked; None for what is no refused publish or subscribe."""
    name = str(record.get("operationName") or "")
    operation = next((found for end, found in OPERATIONS.items() if name.endswith(end)), None)
    at = parse_datetime(str(record.get("time") or ""))
    is_refused = record.get("resultType") == "Failed" and isinstance(record.get("cursor"), int)
    if operation is None or at is None or not is_refused:
        return None
    record = _without_keys(record)
    properties = record.get("properties") or {}
    return RefusedOperation(
        namespace_id=pk,
        cursor=record["cursor"],
        at=at,
        operation=operation,
        reason=_text(record.get("resultDescription"), 4000),
        client_name=_text(record.get("clientName"), 128),
        session_name=_text(properties.get("sessionName"), 256),
        protocol=_text(properties.get("protocol"), 12),
    )


def _code_of(record: Record) -> str:
    """Return why the broker refused: the log's own code of a TLS failure or a webhook, and Azure's word for all else."""
    code = str(record.get("code") or "")
    return code if code.startswith(("tls-", "webhook-", "closed-")) else str(record.get("resultSignature") or "")


_known_certificates: set[bytes] = set()  # digests of texts in which there is no private key
_MOST_KNOWN = 20_000


def _without_keys(record: Record) -> Record:
    """Return the record with private keys masked. Clients reconnect, so each certificate is searched once."""
    chain = [str(pem) for pem in record.get("presentedChain") or []]
    without: dict[str, Any] = masked({name: value for name, value in record.items() if name != "presentedChain"})
    return without | {"presentedChain": [_without_key(pem) for pem in chain]}


def _without_key(pem: str) -> str:
    digest = hashlib.sha256(pem.encode("utf-8", "surrogatepass")).digest()
    if digest in _known_certificates:
        return pem
    shown = masked_text(pem)
    if shown == pem:
        if len(_known_certificates) >= _MOST_KNOWN:
            _known_certificates.clear()
        _known_certificates.add(digest)
    return shown


def _text(value: Any, longest: int) -> str:
    """Return text from the network, bounded and without NUL, which PostgreSQL does not store."""
    return str(value or "").replace("\x00", "\ufffd")[:longest]


def _has_nul(record: Record) -> bool:
    """Return whether there may be a NUL in a record. Almost none has one, and walking through each would take longer than storing it."""
    return "\\u0000" in json.dumps(record)


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd")
    if isinstance(value, Mapping):
        return {str(key): _without_nul(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nul(inner) for inner in value]
    return value


def _leaf(record: Record) -> Certificate | None:
    chain = record.get("presentedChain") or []
    try:
        return load_certificate(from_azure_pem(str(chain[0]))) if chain else None
    except DecodingError:
        return None


def _showings(attempts: Sequence[ConnectionAttempt]) -> list[Showing]:
    """Certificates of clients that were let in. A refused client could fill the table with invented ones."""
    found = []
    for attempt in attempts:
        if attempt.accepted and attempt.client_name and attempt.thumbprint:  # else its own certificate was not readable
            chain = attempt.shown or read_chain((attempt.record or {}).get("presentedChain") or [])
            found.append(Showing(attempt.client_name, chain, attempt.at, has_connected=True))
    return found


def _mark_seen(pk: int, attempts: Sequence[ConnectionAttempt]) -> None:
    """Last seen, per client and per CA certificate: only a connection that was let in counts."""
    newest: dict[str, dict[str, datetime]] = {"clientName": {}, "caName": {}}
    for attempt in attempts:
        if attempt.accepted:
            for log_name, name in (("clientName", attempt.client_name), ("caName", attempt.ca_name)):
                if name:
                    newest[log_name][name] = max(attempt.at, newest[log_name].get(name, attempt.at))
    for model in registry.models():
        for at, names in by_time(newest.get(model.log_name, {})).items():
            earlier = Q(**{f"{model.seen_field}__isnull": True}) | Q(**{f"{model.seen_field}__lt": at})
            rows: Any = model._default_manager.annotate(lower=Lower("name"))
            lowered = {name.lower() for name in names}
            rows.filter(earlier, namespace=pk, lower__in=lowered).update(**{model.seen_field: at})


def _drop_oldest(model: type[ConnectionAttempt] | type[RefusedOperation], pk: int) -> None:
    rows: Any = model._default_manager.filter(namespace=pk)
    kept = rows.order_by("-cursor").values_list("cursor", flat=True)
    oldest_kept = next(iter(kept[settings.CONNECTION_LOG_KEEP - 1 : settings.CONNECTION_LOG_KEEP]), None)
    if oldest_kept is not None:
        rows.filter(cursor__lt=oldest_kept).delete()
