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


def update_each(model: type[models.Model], column: str, values: Mapping[int, Any]) -> None:
    """UPDATE one column of many rows, each to a value of its own, by primary key."""
    connection = connections[router.db_for_write(model)]
    field, key = _field(model, column), _field(model, "pk")
    prepared = [(field.get_db_prep_save(value, connection), pk) for pk, value in values.items()]
    quote = connection.ops.quote_name
    table, name, key_name = quote(model._meta.db_table), quote(field.column), quote(key.column)
    if prepared:
        with connection.cursor() as cursor:
            cursor.executemany(f"UPDATE {table} SET {name} = %s WHERE {key_name} = %s", prepared)  # noqa: S608


def _field(model: type[models.Model], name: str) -> Any:
    return model._meta.pk if name == "pk" else model._meta.get_field(name)
