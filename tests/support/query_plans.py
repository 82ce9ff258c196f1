"""The query plans of SQLite: which index each statement uses, so that a page stays fast with many rows."""

from django.db import connection
from django.test.utils import CaptureQueriesContext


def plans_of(asked: CaptureQueriesContext, table: str) -> list[str]:
    """Return the steps of the captured statements that read a table."""
    steps = []
    with connection.cursor() as cursor:
        for query in asked.captured_queries:
            if query["sql"].startswith("SELECT") and f'FROM "{table}"' in query["sql"]:
                cursor.execute(f"EXPLAIN QUERY PLAN {query['sql']}")
                steps += [detail for *_, detail in cursor.fetchall() if f" {table} " in detail]
    return steps
