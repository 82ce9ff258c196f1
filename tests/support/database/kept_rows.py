"""Rows that many tests start with: made once in each process, then inserted as they were."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from django.db import connection

Rows = dict[str, set[tuple[Any, ...]]]


class KeptRows:
    """What a function creates in the database. It may only add rows, and must not depend on the test that asks first.

    Other databases than SQLite give new rows the next number of a sequence that inserting does not move, so there the
    function runs for each test.
    """

    def __init__(self) -> None:
        self._added: Rows | None = None
        self._totals: dict[str, int] = {}

    def provide(self, create: Callable[[], None]) -> None:
        """Bring the rows into the database of this test."""
        if connection.vendor != "sqlite":
            create()
        elif self._added is None:
            before = _all_rows()
            create()
            after = _all_rows()
            assert all(rows <= after[table] for table, rows in before.items()), "The function changed rows."
            self._added = {table: added for table, rows in after.items() if (added := rows - before[table])}
            self._totals = {table: len(after[table]) for table in self._added}
        else:
            _insert(self._added)
            assert {table: _count(table) for table in self._added} == self._totals, "Other rows were in the database."


@cache
def _columns() -> dict[str, list[str]]:
    """Return the columns of each table. Django's introspection parses each table's SQL, which takes half a second."""
    with connection.cursor() as cursor:
        return {
            table: [row[1] for row in cursor.execute(f'PRAGMA table_info("{table}")').fetchall()]
            for table in connection.introspection.django_table_names(only_existing=True)
        }


@contextmanager
def _as_stored() -> Iterator[Any]:
    """Yield a cursor that returns what is stored, without making Python's dates and times of it."""
    raw: Any = connection.connection
    cursor = raw.cursor()
    try:
        yield cursor
    finally:
        cursor.close()


def _all_rows() -> Rows:
    connection.ensure_connection()
    with _as_stored() as cursor:
        found = {}
        for table, columns in _columns().items():
            # An expression has no declared type, by which SQLite's driver would convert it.
            names = ", ".join(f'ifnull("{name}", NULL)' for name in columns)
            found[table] = set(cursor.execute(f'SELECT {names} FROM "{table}"').fetchall())
        return found


def _insert(rows: Rows) -> None:
    """Insert rows, apart from those that a trigger has inserted. Django has references checked when the test ends."""
    connection.ensure_connection()
    with _as_stored() as cursor:
        for table, added in rows.items():
            columns = _columns()[table]
            names, marks = ", ".join(f'"{name}"' for name in columns), ", ".join("?" * len(columns))
            cursor.executemany(f'INSERT OR IGNORE INTO "{table}" ({names}) VALUES ({marks})', added)


def _count(table: str) -> int:
    with _as_stored() as cursor:
        return int(cursor.execute(f'SELECT COUNT(*) FROM "{table}"').fetchone()[0])
