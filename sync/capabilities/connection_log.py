"""The connection log, where the target has one to read: a setting names the gateway."""

import logging
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple, Protocol

from django.conf import settings

from portal.deployment.renamed_paths import load
from sync import registry
from sync.arm.gateway import AzureRefused, AzureUnreachable, arm_gateway

logger = logging.getLogger(__name__)

READ_AT_ONCE = 500
READS_IN_A_ROW = 20

Record = Mapping[str, Any]


class LogPage(NamedTuple):
    """Records, the cursor to continue from, and how many clients are connected now, where the target reports it."""

    records: Sequence[Record]
    cursor: int
    connected: int | None = None


class ConnectionLog(Protocol):
    """Source of connection records."""

    def read(self, namespace_id: str, *, after: int, limit: int) -> LogPage | tuple[Sequence[Record], int]:
        """Return up to `limit` records after cursor `after`, oldest first, and the cursor to continue from.

        Raise AzureRefused or AzureUnreachable.
        """


class ArmConnectionLog:
    """The log beside ARM: GET {namespace}/connectionLog?after=CURSOR&limit=N."""

    def read(self, namespace_id: str, *, after: int, limit: int) -> LogPage:
        query = {
            "after": str(after),
            "limit": str(limit),
            "api-version": settings.ARM_API_VERSIONS["namespaces"],
        }
        answer = arm_gateway().read(namespace_id, "connectionLog", query)
        connected = answer.get("connectedClients")
        return LogPage(
            list(answer.get("value") or []),
            int(answer.get("cursor", after)),
            connected if isinstance(connected, int) and connected >= 0 else None,
        )


@cache
def _gateway_of(path: str) -> ConnectionLog:
    gateway: ConnectionLog = load(path)()
    return gateway


def connection_log() -> ConnectionLog | None:
    """Return the gateway that the settings name, or None where there is no log."""
    return _gateway_of(settings.CONNECTION_LOG_GATEWAY) if settings.CONNECTION_LOG_GATEWAY else None


def import_records() -> None:
    """Pass the new records of each source to its store, page by page."""
    log = connection_log()
    if log is None:
        return
    for store in registry.connection_stores():
        for source in store.sources():
            try:
                _import_source(log, store, source)
            except (AzureRefused, AzureUnreachable) as fault:
                store.failed(source.pk, str(fault))


def _import_source(log: ConnectionLog, store: registry.ConnectionStore, source: registry.ConnectionSource) -> None:
    cursor = source.cursor
    for _ in range(READS_IN_A_ROW):
        page = LogPage(*log.read(source.resource_id, after=cursor, limit=READ_AT_ONCE))
        store.take(source.pk, page.records, page.cursor, page.connected)
        if not page.records or page.cursor <= cursor:
            return
        cursor = page.cursor
