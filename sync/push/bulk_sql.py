"""Statements for many rows at once, where the ORM would build an expression for each of their values."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import connections, models, router

# Every name below comes from our own models, and every value is a parameter.


def insert_many(model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """INSERT rows of values, each in the order of `columns`. Defaults of the model are not filled in."""
    connection = connections[router.db_for_write(model)]
    fields = [_field(model, name) for name in columns]
    prepared = [
        [field.get_db_prep_save(value, connection) for field, value in zip(fields, row, strict=True)] for row in rows
    ]
    quote = connection.ops.quote_name
    names = ", ".join(quote(field.column) for field in fields)
    places = ", ".join(["%s"] * len(fields))
    if prepared:
        with connection.cursor() as cursor:
            cursor.executemany(f"INSERT INTO {quote(model._meta.db_table)} ({names}) VALUES ({places})", prepared)  # noqa: S608


def update_each(model: type[models.Model], rows: Sequence[Mapping[str, Any]], *, by: Sequence[str] = ("pk",)) -> None:
    """UPDATE many rows, each to values of its own.

    Args:
        rows: values by column, the same columns in each.
        by: the columns of `rows` by which a row is found; the others are set.
    """
    if not rows:
        return
    connection = connections[router.db_for_write(model)]
    names = [*(name for name in rows[0] if name not in by), *by]
    fields = [_field(model, name) for name in names]
    prepared = [
        [field.get_db_prep_save(row[name], connection) for name, field in zip(names, fields, strict=True)]
        for row in rows
    ]
    quote = connection.ops.quote_name
    equations = [f"{quote(field.column)} = %s" for field in fields]
    values, keys = ", ".join(equations[: -len(by)]), " AND ".join(equations[-len(by) :])
    with connection.cursor() as cursor:
        cursor.executemany(f"UPDATE {quote(model._meta.db_table)} SET {values} WHERE {keys}", prepared)  # noqa: S608


def _field(model: type[models.Model], name: str) -> Any:
    return model._meta.pk if name == "pk" else model._meta.get_field(name)
