"""The connection log in the file of the store. Records are written in batches.

Writing each record on its own would take longer than the decision about the connection. A record therefore waits in memory
until `write` is called, at most `WRITTEN_WITHIN_SECONDS`. Reads include the waiting records.
"""

import json
import logging
import sqlite3
import threading
from typing import Any

from emulator.storage.connection_records import ConnectionRecord
from emulator.storage.resources import id_key

WRITTEN_WITHIN_SECONDS = 0.05
MAX_KEPT = 20_000  # records of a namespace; then the oldest are deleted
PRUNE_EVERY = 500  # records of a namespace
MAX_WAITING = 200  # records; then they are written at once
MAX_UNWRITTEN = 20_000  # records while the file cannot be written; then the oldest are dropped

SCHEMA = """
CREATE TABLE IF NOT EXISTS connection (
    cursor INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace_key TEXT NOT NULL,
    record TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS connection_by_namespace ON connection (namespace_key, cursor);
"""
logger = logging.getLogger(__name__)


class ConnectionLog:
    """The log of all namespaces. It shares the connection and the lock of the store. Cursors only grow, also over restarts."""

    def __init__(self, connection: sqlite3.Connection, lock: threading.RLock) -> None:
        self._connection = connection
        self._lock = lock
        self._waiting: list[ConnectionRecord] = []
        self._unpruned: dict[str, int] = {}

    def add(self, record: ConnectionRecord) -> bool:
        """Append a record. Return True if it is the first to wait: call `write` within `WRITTEN_WITHIN_SECONDS`."""
        with self._lock:
            self._waiting.append(record)
            if len(self._waiting) < MAX_WAITING:
                return len(self._waiting) == 1
        self.write()
        return False

    def write(self) -> None:
        """Write the waiting records in one transaction. If that fails, they keep waiting."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
            if not waiting:
                return
            try:
                self._insert([(id_key(record.namespace_id), record.as_json()) for record in waiting])
            except sqlite3.Error:
                logger.exception("Could not write %s connection records.", len(waiting))
                self._waiting = [*waiting, *self._waiting][-MAX_UNWRITTEN:]

    def _insert(self, rows: list[tuple[str, str]]) -> None:
        is_own = not self._connection.in_transaction
        if is_own:
            self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._connection.executemany("INSERT INTO connection (namespace_key, record) VALUES (?, ?)", rows)
            self._prune(rows)
        except BaseException:
            if is_own:
                self._connection.execute("ROLLBACK")
            raise
        if is_own:
            self._connection.execute("COMMIT")

    def _prune(self, rows: list[tuple[str, str]]) -> None:
        for key, _ in rows:
            self._unpruned[key] = self._unpruned.get(key, 0) + 1
        for key in [key for key, count in self._unpruned.items() if count >= PRUNE_EVERY]:
            del self._unpruned[key]
            self._connection.execute(
                "DELETE FROM connection WHERE namespace_key = ? AND cursor <= (SELECT cursor FROM connection"
                " WHERE namespace_key = ? ORDER BY cursor DESC LIMIT 1 OFFSET ?)",
                (key, key, MAX_KEPT),
            )

    def read(self, namespace_id: str, after: int, limit: int) -> list[dict[str, Any]]:
        """Return at most `limit` records of a namespace after the cursor `after`, oldest first, each with its `cursor`."""
        with self._lock:
            self.write()
            rows = self._connection.execute(
                "SELECT cursor, record FROM connection WHERE namespace_key = ? AND cursor > ? ORDER BY cursor LIMIT ?",
                (id_key(namespace_id), after, limit),
            ).fetchall()
        return [{"cursor": cursor, **json.loads(record)} for cursor, record in rows]

    def forget(self, namespace_id: str) -> None:
        """Delete the records of one namespace, including those that wait."""
        key = id_key(namespace_id)
        with self._lock:
            self._waiting = [record for record in self._waiting if id_key(record.namespace_id) != key]
            self._unpruned.pop(key, None)
            try:
                self._connection.execute("DELETE FROM connection WHERE namespace_key = ?", (key,))
            except sqlite3.Error:
                logger.exception("Could not delete the connection records of %s.", namespace_id)

    def clear(self) -> None:
        """Delete every record, in the transaction of the caller."""
        with self._lock:
            self._waiting.clear()
            self._unpruned.clear()
            self._connection.execute("DELETE FROM connection")
