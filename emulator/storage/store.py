"""The store: resources and connection records in one SQLite file, shared by `emulator.arm` and `emulator.mqtt`.

It is thread-safe: one connection behind one re-entrant lock. A write that has returned survives `kill -9` (write-ahead
log). Callbacks of `subscribe` run after the commit, in the thread of the write.
"""

import json
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from certificates.authentication.engine import NamespaceState
from emulator.storage.authentication_states import AuthenticationStates
from emulator.storage.connection_log import SCHEMA as CONNECTION_SCHEMA
from emulator.storage.connection_log import ConnectionLog
from emulator.storage.connection_records import ConnectionRecord
from emulator.storage.resources import (
    CA_CERTIFICATE,
    CLIENT,
    CLIENT_GROUP,
    NAMESPACE,
    PERMISSION_BINDING,
    TOPIC_SPACE,
    Change,
    Resource,
    id_key,
    namespace_of,
    parent_of,
)

__all__ = [
    "CA_CERTIFICATE",
    "CLIENT",
    "CLIENT_GROUP",
    "NAMESPACE",
    "PERMISSION_BINDING",
    "TOPIC_SPACE",
    "Change",
    "ConnectionRecord",
    "Resource",
    "Store",
    "id_key",
]

SCHEMA = """
CREATE TABLE IF NOT EXISTS resource (
    id_key TEXT PRIMARY KEY,
    id TEXT NOT NULL,
    type TEXT NOT NULL,
    name TEXT NOT NULL,
    parent_key TEXT NOT NULL,
    body TEXT NOT NULL,
    system_data TEXT NOT NULL,
    unique_key TEXT,
    certificate BLOB
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS resource_by_parent ON resource (parent_key, type, id_key);
CREATE INDEX IF NOT EXISTS resource_by_type ON resource (type, id_key);
CREATE UNIQUE INDEX IF NOT EXISTS resource_unique_key ON resource (parent_key, type, unique_key)
    WHERE unique_key IS NOT NULL;
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
_AHEAD = "judged-ahead "  # seconds, by the key of a namespace
_ORDER = "webhook-order "  # by the key of a namespace
COLUMNS = "id, type, name, body, system_data, unique_key, certificate"
logger = logging.getLogger(__name__)


def _load(row: tuple[Any, ...]) -> Resource:
    return Resource(row[0], row[1], row[2], json.loads(row[3]), json.loads(row[4]), row[5], row[6])


class Store:
    """Resources and connection records. `Store(None)` keeps them in memory."""

    def __init__(self, path: Path | None) -> None:
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(
            str(path) if path else ":memory:", check_same_thread=False, isolation_level=None, timeout=20
        )
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.executescript(SCHEMA + CONNECTION_SCHEMA)
        self._log = ConnectionLog(self._connection, self._lock)
        self._depth = 0
        self._pending: list[Change] = []
        self._subscribers: list[Callable[[Change], None]] = []
        self._followers: list[Callable[[ConnectionRecord], None]] = []
        self._states = AuthenticationStates(self.get, self.children)
        self._counts: dict[tuple[str, str], int] = {}  # by parent key and type

    def close(self) -> None:
        with self._lock:
            self._log.write()
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Write everything inside the block or nothing. Transactions nest; subscribers are called after the commit."""
        with self._lock:
            if self._depth == 0:
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._connection.execute("ROLLBACK")
                    self._counts.clear()
                    self._pending.clear()
                raise
            self._depth -= 1
            if self._depth == 0:
                self._connection.execute("COMMIT")
                changes, self._pending = self._pending, []
                self._announce(changes)

    def _announce(self, changes: list[Change]) -> None:
        for change in changes:
            self._states.follow(change)
            if change.kind == "deleted" and change.resource.type == NAMESPACE:
                self._log.forget(change.resource.id)
        for change in changes:
            for callback in tuple(self._subscribers):
                try:
                    callback(change)
                except Exception:  # a bug in a subscriber must not fail a committed write
                    logger.exception("A subscriber failed on %s.", change.resource.id)

    def subscribe(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Call `callback` with each committed `Change`. Return a function that ends the subscription."""
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback)

    # Resources

    def get(self, resource_id: str) -> Resource | None:
        """Return the resource with this id, in any casing, or None."""
        with self._lock:
            row = self._connection.execute(
                f"SELECT {COLUMNS} FROM resource WHERE id_key = ?",  # noqa: S608
                (id_key(resource_id),),
            ).fetchone()
        return _load(row) if row else None

    def put(self, resource: Resource) -> None:
        """Write a resource. Raise `sqlite3.IntegrityError` if a sibling has the same `unique_key`."""
        with self.transaction():
            counted = (id_key(parent_of(resource.id)), resource.type)
            if counted in self._counts and not self._exists(resource.id):
                self._counts[counted] += 1
            self._connection.execute(
                "INSERT INTO resource (id_key, parent_key, id, type, name, body, system_data, unique_key, certificate)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id_key) DO UPDATE SET"
                " body = excluded.body, system_data = excluded.system_data,"
                " unique_key = excluded.unique_key, certificate = excluded.certificate",
                (
                    id_key(resource.id),
                    id_key(parent_of(resource.id)),
                    resource.id,
                    resource.type,
                    resource.name,
                    json.dumps(dict(resource.body)),
                    json.dumps(dict(resource.system_data)),
                    resource.unique_key,
                    resource.certificate,
                ),
            )
            self._pending.append(Change("put", resource, namespace_of(resource.id)))

    def _exists(self, resource_id: str) -> bool:
        row = self._connection.execute("SELECT 1 FROM resource WHERE id_key = ?", (id_key(resource_id),)).fetchone()
        return row is not None

    def delete(self, resource_id: str) -> Resource | None:
        """Delete a resource and everything below it; for a namespace, also its connection log.

        Return the deleted resource, or None if there was none.
        """
        key = id_key(resource_id)
        with self.transaction():
            deleted = self.get(resource_id)
            if deleted is None:
                return None
            # "0" is the character after "/": the range holds exactly the ids that start with key + "/".
            where = "id_key = ? OR (id_key > ? AND id_key < ?)"
            span = (key, key + "/", key + "0")
            rows = self._connection.execute(
                f"SELECT {COLUMNS} FROM resource WHERE {where} ORDER BY id_key DESC",  # noqa: S608
                span,
            ).fetchall()
            self._connection.execute(f"DELETE FROM resource WHERE {where}", span)  # noqa: S608
            for row in rows:
                if row[1] == NAMESPACE:
                    own = (_AHEAD + id_key(row[0]), _ORDER + id_key(row[0]))
                    self._connection.execute("DELETE FROM setting WHERE name IN (?, ?)", own)
                counted = (id_key(parent_of(row[0])), row[1])
                if counted in self._counts:
                    self._counts[counted] -= 1
            self._pending.extend(Change("deleted", _load(row), namespace_of(row[0])) for row in rows)
        return deleted

    def clear(self, kept_type: str) -> None:
        """Delete every resource that is not of `kept_type`, and every connection record."""
        with self.transaction():
            rows = self._connection.execute(
                f"SELECT {COLUMNS} FROM resource WHERE type <> ? ORDER BY id_key DESC",  # noqa: S608
                (kept_type,),
            ).fetchall()
            self._connection.execute("DELETE FROM resource WHERE type <> ?", (kept_type,))
            patterns = (_AHEAD + "%", _ORDER + "%")
            self._connection.execute("DELETE FROM setting WHERE name LIKE ? OR name LIKE ?", patterns)
            self._counts.clear()
            self._log.clear()
            self._pending.extend(Change("deleted", _load(row), namespace_of(row[0])) for row in rows)

    def children(
        self,
        parent_id: str,
        resource_type: str,
        *,
        after: str = "",
        accept: Callable[[Resource], bool] | None = None,
        limit: int = -1,
    ) -> list[Resource]:
        """Return the children of one type, sorted by id: those after the id `after` that `accept` returns True for.

        `limit` is the maximum number, -1 for all.
        """
        return self._select("parent_key = ? AND type = ?", (id_key(parent_id), resource_type), after, accept, limit)

    def of_type(
        self,
        resource_type: str,
        *,
        below: str = "",
        after: str = "",
        accept: Callable[[Resource], bool] | None = None,
        limit: int = -1,
    ) -> list[Resource]:
        """Return the resources of one type anywhere below the id of a subscription or group; otherwise like `children`."""
        key = id_key(below)
        return self._select(
            "type = ? AND id_key > ? AND id_key < ?", (resource_type, key + "/", key + "0"), after, accept, limit
        )

    def _select(
        self, where: str, values: tuple[str, ...], after: str, accept: Callable[[Resource], bool] | None, limit: int
    ) -> list[Resource]:
        found: list[Resource] = []
        with self._lock:
            rows = self._connection.execute(
                f"SELECT {COLUMNS} FROM resource WHERE {where} AND id_key > ? ORDER BY id_key",  # noqa: S608
                (*values, id_key(after)),
            )
            for row in rows:
                if len(found) == limit:
                    break
                resource = _load(row)
                if accept is None or accept(resource):
                    found.append(resource)
            rows.close()
        return found

    def count(self, parent_id: str, resource_type: str) -> int:
        """Return the number of children of one type. The number is cached, since SQLite counts by reading all rows."""
        key = (id_key(parent_id), resource_type)
        with self._lock:
            if key not in self._counts:
                row = self._connection.execute(
                    "SELECT COUNT(*) FROM resource WHERE parent_key = ? AND type = ?", key
                ).fetchone()
                self._counts[key] = int(row[0])
            return self._counts[key]

    def sibling_with(self, parent_id: str, resource_type: str, unique_key: str) -> Resource | None:
        """Return the child of one type that has this `unique_key`, or None."""
        with self._lock:
            row = self._connection.execute(
                f"SELECT {COLUMNS} FROM resource WHERE parent_key = ? AND type = ? AND unique_key = ?",  # noqa: S608
                (id_key(parent_id), resource_type, unique_key),
            ).fetchone()
        return _load(row) if row else None

    def namespaces(self) -> list[Resource]:
        """Return every namespace, whether MQTT is enabled (`Resource.mqtt_is_enabled`) or not."""
        return self.of_type(NAMESPACE)

    # Authentication

    def authentication_state(self, namespace_id: str) -> NamespaceState:
        """Return the CA certificates and clients of a namespace, for `certificates.authentication.engine.authenticate`.

        The state is cached and updated by writes. `clients` is a live view, so decide before other code can write.
        An unknown namespace has neither CA certificates nor clients.
        """
        with self._lock:
            return self._states.of(namespace_id)

    # Connections

    def record_connection(self, record: ConnectionRecord) -> bool:
        """Append a record to the log of its namespace; `connections` returns it from now on.

        Return True if it is the first that is not in the file yet: call `write_connections` within
        `connection_log.WRITTEN_WITHIN_SECONDS`.
        """
        is_first = self._log.add(record)
        for callback in self._followers:
            callback(record)
        return is_first

    def follow_connections(self, callback: Callable[[ConnectionRecord], None]) -> None:
        """Call `callback` with each record, in the thread that records it. It must not wait."""
        self._followers.append(callback)

    def write_connections(self) -> None:
        """Write the waiting records into the file."""
        self._log.write()

    def connections(self, namespace_id: str, after: int = 0, limit: int = 100) -> list[dict[str, Any]]:
        """Return at most `limit` records of a namespace after the cursor `after`, oldest first, each with its `cursor`."""
        return self._log.read(namespace_id, after, limit)

    # Settings

    def setting(self, name: str) -> str | None:
        """Return a stored setting, or None."""
        with self._lock:
            row = self._connection.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def set_setting(self, name: str, value: str) -> None:
        """Store a setting."""
        with self.transaction():
            self._connection.execute(
                "INSERT INTO setting (name, value) VALUES (?, ?)"
                " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (name, value),
            )

    def mqtt_port(self, namespace_id: str) -> int | None:
        """Return the last port of the MQTT endpoint of a namespace, or None."""
        text = self.setting("mqtt-port " + id_key(namespace_id))
        return int(text) if text else None

    def remember_mqtt_port(self, namespace_id: str, port: int) -> None:
        """Store the port of the MQTT endpoint of a namespace."""
        self.set_setting("mqtt-port " + id_key(namespace_id), str(port))

    # The moment at which certificates are judged

    def judged_ahead(self, namespace_id: str) -> timedelta:
        """Return how far ahead of the clock the certificates of a namespace are judged; zero unless it was moved."""
        text = self.setting(_AHEAD + id_key(namespace_id))
        return timedelta(seconds=int(text)) if text else timedelta()

    def set_judged_ahead(self, namespace_id: str, ahead: timedelta) -> None:
        """Move the moment at which the certificates of a namespace are judged. Zero: judge by the clock again."""
        with self.transaction():
            namespace = self.get(namespace_id)
            if namespace is None:
                raise LookupError(namespace_id)
            self.set_setting(_AHEAD + id_key(namespace_id), str(int(ahead.total_seconds())))
            self._pending.append(Change("judged", namespace, namespace.id))

    # Who is asked first where a webhook decides

    def webhook_order(self, namespace_id: str) -> str | None:
        """Return the order that was chosen for a namespace; None if none was."""
        return self.setting(_ORDER + id_key(namespace_id)) or None

    def set_webhook_order(self, namespace_id: str, order: str) -> None:
        """Store the order of a namespace, until the namespace is deleted. "": it has none of its own again."""
        self.set_setting(_ORDER + id_key(namespace_id), order)
