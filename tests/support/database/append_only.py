"""Switch off the triggers that keep the activity log append-only: for the clean-up of tests, and to tamper with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.test import TransactionTestCase


@contextmanager
def triggers_off() -> Iterator[None]:
    """Switch all triggers of this connection off for a block. PostgreSQL allows that to its superuser only."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET session_replication_role = replica")
            try:
                yield
            finally:
                cursor.execute("SET session_replication_role = DEFAULT")
            return
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        triggers = cursor.fetchall()
        for name, _ in triggers:
            cursor.execute(f"DROP TRIGGER {name}")
        try:
            yield
        finally:
            for _, sql in triggers:
                cursor.execute(sql, None)


@pytest.fixture(autouse=True, scope="session")
def _empty_append_only_tables() -> Iterator[None]:
    """Let tests with transactions of their own delete all rows at their end."""
    case: Any = TransactionTestCase
    flush = case._fixture_teardown

    def flush_without_triggers(self: Any) -> Any:
        with triggers_off():
            return flush(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(case, "_fixture_teardown", flush_without_triggers)
        yield
