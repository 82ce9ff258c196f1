"""The query plans of the database: which index each statement uses, so that a page stays fast with many rows."""

from django.db import connection
from django.test.utils import CaptureQueriesContext


def forget_statistics() -> None:
    """Let SQLite plan as on a database that was never analysed, whatever tests have run before: with few rows it would scan."""
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE name LIKE 'sqlite_stat%'")
        for (name,) in cursor.fetchall():
            cursor.execute(f"DROP TABLE {name}")
        cursor.execute("ANALYZE sqlite_schema")


def plans_of(asked: CaptureQueriesContext, table: str) -> list[str]:
    """Return the steps on a table, as SQLite words them, of the captured statements that read it."""
    forget_statistics()
    return [step for step in _steps(asked, (f'FROM "{table}"',)) if f" {table} " in step]


def conditions_on(asked: CaptureQueriesContext, table: str) -> list[str]:
    """Return each step on a table with its condition, of the captured statements that read or update it."""
    steps = _steps(asked, (f'FROM "{table}"', f'UPDATE "{table}"'))
    if connection.vendor == "sqlite":
        return [step for step in steps if f" {table} " in step]
    text = "\n".join(steps).replace("\n  Index Cond: ", " ")  # PostgreSQL gives the condition a line of its own
    return [line for line in text.splitlines() if f" on {table} " in line]


def _steps(asked: CaptureQueriesContext, wanted: tuple[str, ...]) -> list[str]:
    found = []
    with connection.cursor() as cursor:
        for query in asked.captured_queries:
            sql = query["sql"]
            if sql.startswith(("SELECT", "UPDATE")) and any(each in sql for each in wanted):
                if connection.vendor == "sqlite":
                    cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
                    found += [detail for *_, detail in cursor.fetchall()]
                else:
                    cursor.execute(f"EXPLAIN {sql}")
                    found += [_unindented(line) for (line,) in cursor.fetchall()]
    return found


def _unindented(line: str) -> str:
    text = line.lstrip(" ->")
    return f"  {text}" if text.startswith("Index Cond: ") else text
