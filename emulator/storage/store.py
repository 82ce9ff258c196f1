"""What the emulator knows: resources and connection records, in one SQLite file shared by `arm` and `mqtt`.

Safe from several threads: one connection behind one re-entrant lock. A write that has returned survives `kill -9`
(write-ahead log). Callbacks of `subscribe` run after the commit, in the thread that wrote.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulator.storage.authentication_states import AuthenticationStates
from emulator.storage.connection_log import SCHEMA as CONNECTION_SCHEMA
from emulator.storage.connection_log import ConnectionLog
from emulator.storage.connection_records import ConnectionRecord as ConnectionRecord
from emulator.storage.resources import (
    CA_CERTIFICATE as CA_CERTIFICATE,
)
from emulator.storage.resources import (
    CLIENT as CLIENT,
)
from emulator.storage.resources import (
    CLIENT_GROUP as CLIENT_GROUP,
)
from emulator.storage.resources import (
    NAMESPACE as NAMESPACE,
)
from emulator.storage.resources import (
    PERMISSION_BINDING as PERMISSION_BINDING,
)
from emulator.storage.resources import (
    TOPIC_SPACE as TOPIC_SPACE,
)
from emulator.storage.resources import (
    Change as Change,
)
from emulator.storage.resources import (
    Resource as Resource,
)
from emulator.storage.resources import (
    id_key as id_key,
)
from emulator.storage.resources import (
    namespace_of as namespace_of,
)
from emulator.storage.resources import (
    parent_of as parent_of,
)

if TYPE_CHECKING:
    from certificates.authentication.engine import NamespaceState

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
        self._states = AuthenticationStates(self.get, self.children)
        self._counts: dict[tuple[str, str], int] = {}  # by parent key and type

    def close(self) -> None:
        with self._lock:
            self._log.write()
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside is written as one, or not at all; subscribers hear of it after the commit."""
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
                except Exception:  # one broken listener must not fail a write that is already committed
                    logger.exception("a subscriber failed on %s", change.resource.id)

    def subscribe(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Call `callback` with each committed `Change`; the answer is a function that ends it."""
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback)

    # Resources

    def get(self, resource_id: str) -> Resource | None:
        """The resource with this id, in any casing."""
        with self._lock:
            row = self._connection.execute(
                f"SELECT {COLUMNS} FROM resource WHERE id_key = ?",  # noqa: S608
                (id_key(resource_id),),
            ).fetchone()
        return _load(row) if row else None

    def put(self, resource: Resource) -> None:
        """Write a resource. Raises `sqlite3.IntegrityError` when a sibling already has its `unique_key`."""
        with self.transaction():
            counted = (id_key(parent_of(resource.id)), resource.type)
            if counted in self._counts and not self._holds(resource.id):
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

    def _holds(self, resource_id: str) -> bool:
        row = self._connection.execute("SELECT 1 FROM resource WHERE id_key = ?", (id_key(resource_id),)).fetchone()
        return row is not None

    def delete(self, resource_id: str) -> Resource | None:
        """Delete a resource and everything below it, and with a namespace its connection log.

        The answer is what it was, or None when there was nothing.
        """
        key = id_key(resource_id)
        with self.transaction():
            gone = self.get(resource_id)
            if gone is None:
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
                counted = (id_key(parent_of(row[0])), row[1])
                if counted in self._counts:
                    self._counts[counted] -= 1
            self._pending.extend(Change("deleted", _load(row), namespace_of(row[0])) for row in rows)
        return gone

    def clear(self, kept_type: str) -> None:
        """Forget every resource that is not of `kept_type`, and every connection record."""
        with self.transaction():
            rows = self._connection.execute(
                f"SELECT {COLUMNS} FROM resource WHERE type <> ? ORDER BY id_key DESC",  # noqa: S608
                (kept_type,),
            ).fetchall()
            self._connection.execute("DELETE FROM resource WHERE type <> ?", (kept_type,))
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
        """Resources of one type held by `parent_id`, by id. `after`: only ids behind this one. `accept`: only these."""
        return self._listed("parent_key = ? AND type = ?", (id_key(parent_id), resource_type), after, accept, limit)

    def of_type(
        self,
        resource_type: str,
        *,
        below: str = "",
        after: str = "",
        accept: Callable[[Resource], bool] | None = None,
        limit: int = -1,
    ) -> list[Resource]:
        """Resources of one type anywhere below the id `below` (a subscription, a group), by id."""
        key = id_key(below)
        return self._listed(
            "type = ? AND id_key > ? AND id_key < ?", (resource_type, key + "/", key + "0"), after, accept, limit
        )

    def _listed(
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
        """How many resources of one type `parent_id` holds. Counted once, since SQLite counts by walking all rows."""
        key = (id_key(parent_id), resource_type)
        with self._lock:
            if key not in self._counts:
                row = self._connection.execute(
                    "SELECT COUNT(*) FROM resource WHERE parent_key = ? AND type = ?", key
                ).fetchone()
                self._counts[key] = int(row[0])
            return self._counts[key]

    def sibling_with(self, parent_id: str, resource_type: str, unique_key: str) -> Resource | None:
        """The resource under `parent_id` that has this `unique_key`."""
        with self._lock:
            row = self._connection.execute(
                f"SELECT {COLUMNS} FROM resource WHERE parent_key = ? AND type = ? AND unique_key = ?",  # noqa: S608
                (id_key(parent_id), resource_type, unique_key),
            ).fetchone()
        return _load(row) if row else None

    def namespaces(self) -> list[Resource]:
        """Every namespace, enabled for MQTT or not (`Resource.mqtt_is_enabled`)."""
        return self.of_type(NAMESPACE)

    # Authentication

    def authentication_state(self, namespace_id: str) -> NamespaceState:
        """CA certificates and clients of a namespace, for `certificates.authentication.engine.authenticate`.

        Cached; a write changes what the next call answers. `clients` is a live view, so decide before letting
        other code write. An unknown namespace has neither CA certificates nor clients.
        """
        with self._lock:
            return self._states.of(namespace_id)

    # Connections

    def record_connection(self, record: ConnectionRecord) -> bool:
        """Append a record to its namespace's log; `connections` has it at once.

        True for the first one that is not in the file yet: call `write_connections` within
        `connection_log.WRITTEN_WITHIN_SECONDS`.
        """
        return self._log.add(record)

    def write_connections(self) -> None:
        """Write the records that wait into the file."""
        self._log.write()

    def connections(self, namespace_id: str, after: int = 0, limit: int = 100) -> list[dict[str, Any]]:
        """Records of a namespace behind the cursor `after`, oldest first, each with its `cursor`."""
        return self._log.read(namespace_id, after, limit)

    # Small things to remember

    def setting(self, name: str) -> str | None:
        with self._lock:
            row = self._connection.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def remember(self, name: str, value: str) -> None:
        with self.transaction():
            self._connection.execute(
                "INSERT INTO setting (name, value) VALUES (?, ?)"
                " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (name, value),
            )

    def mqtt_port(self, namespace_id: str) -> int | None:
        """The port that this namespace's MQTT endpoint had last."""
        text = self.setting("mqtt-port " + id_key(namespace_id))
        return int(text) if text else None

    def remember_mqtt_port(self, namespace_id: str, port: int) -> None:
        self.remember("mqtt-port " + id_key(namespace_id), str(port))
