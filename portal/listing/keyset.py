"""Where a page of a list begins or ends, as the values of one row by which the list is ordered.

*Next* and *Previous* ask for the rows after or before such a place. Rows that come or go meanwhile therefore neither repeat nor
vanish, and a late page takes no longer than the second one.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import FieldError
from django.db.models import CharField, DateTimeField, F, IntegerField, Q, QuerySet, TextField, Value
from django.db.models.expressions import OrderBy
from django.db.models.functions import Cast
from django.db.models.lookups import Exact, GreaterThan, IsNull, LessThan
from django.db.models.query import ModelIterable

AFTER, BEFORE = "after", "before"
LONGEST_TEXT = 600  # characters of a value in a place
_WRITTEN = re.compile(r"([1-9][0-9]{0,8})\.(after|before)\.([A-Za-z0-9_-]{1,4000})")
_TIME = re.compile(r"\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d(\.\d{1,6})?(\+00)?)?")


@dataclass(frozen=True)
class Key:
    """One of the values that a list is ordered by. Times are compared as the text that the database has for them: some
    expressions have days without a time, and SQLite compares texts.
    """

    ordering: OrderBy
    kind: type  # of its values: str, int or datetime

    @property
    def expression(self) -> Any:
        return self.ordering.expression

    @property
    def may_be_missing(self) -> bool:
        return bool(self.ordering.nulls_first or self.ordering.nulls_last)

    def selected(self) -> Any:
        return Cast(self.expression, TextField()) if self.kind is datetime else self.expression

    def reversed(self) -> "Key":
        ordering = self.ordering.copy()
        ordering.reverse_ordering()
        return Key(ordering, self.kind)

    def takes(self, value: object) -> bool:
        """Return whether a value from a query string can be one of this key, and be compared by every database."""
        if value is None:
            return self.may_be_missing
        if self.kind is int:
            return type(value) is int and abs(value) < 10**18
        if not isinstance(value, str) or len(value) > LONGEST_TEXT or "\x00" in value:
            return False
        return _is_time(value) if self.kind is datetime else value.isascii() or _is_unicode(value)

    def is_at(self, value: object) -> Q:
        if value is None:
            return Q(IsNull(self.expression, True))
        return Q(Exact(self.expression, self._written(value)))

    def is_beyond(self, value: object) -> Iterator[Q]:
        """Yield the conditions for the rows that come after those with this value, in their order."""
        if value is not None:
            compared = LessThan if self.ordering.descending else GreaterThan
            yield Q(compared(self.expression, self._written(value)))
        if value is not None and self.ordering.nulls_last:
            yield Q(IsNull(self.expression, True))
        elif value is None and self.ordering.nulls_first:
            yield Q(IsNull(self.expression, False))

    def _written(self, value: object) -> Any:
        return Value(value, TextField()) if self.kind is datetime else value


def _is_time(text: str) -> bool:
    try:
        return bool(_TIME.fullmatch(text) and datetime.fromisoformat(text))
    except ValueError:
        return False


def _is_unicode(text: str) -> bool:
    try:
        return bool(text.encode())
    except UnicodeEncodeError:  # half of a surrogate pair
        return False


def keys_of(rows: QuerySet[Any]) -> tuple[Key, ...]:
    """Return what the rows are ordered by, or nothing where a place cannot be written: their order is not that of single values,
    or does not end with the primary key. An ordering that does not say where missing values come has none.
    """
    names = rows.query.order_by
    if not names or names[-1] not in ("pk", "-pk") or rows.query.group_by or rows.query.combinator:
        return ()
    if not issubclass(rows._iterable_class, ModelIterable):
        return ()
    query, keys = rows.query.chain(), []
    for name in names:
        ordering = name if isinstance(name, OrderBy) else _ordering(name)
        if ordering is None:
            return ()
        try:
            field = ordering.expression.resolve_expression(query).output_field
        except FieldError:
            return ()
        kind = next((kind for fields, kind in _KINDS if isinstance(field, fields)), None)
        if kind is None:
            return ()
        keys.append(Key(ordering, kind))
    return tuple(keys)


_KINDS: tuple[tuple[Any, type], ...] = (
    (DateTimeField, datetime),
    ((CharField, TextField), str),
    (IntegerField, int),
)


def _ordering(name: object) -> OrderBy | None:
    """Return the ordering for a name as `order_by` takes it, or for an expression."""
    if isinstance(name, str):
        return F(name[1:]).desc() if name.startswith("-") else F(name).asc() if name != "?" else None
    ascending: Any = getattr(name, "asc", None)
    return ascending() if ascending else None


def noted(rows: QuerySet[Any], keys: Sequence[Key]) -> QuerySet[Any]:
    """Return the rows with the values of these keys, which `Place.of` reads."""
    values = {f"order_key_{at}": key.selected() for at, key in enumerate(keys[:-1])}
    found: QuerySet[Any] = rows.annotate(**values)
    return found


@dataclass(frozen=True)
class Place:
    """A place in a list: after or before a row with these values. `number` is that of the page that begins or ends there."""

    number: int
    way: str
    values: tuple[Any, ...]

    @classmethod
    def of(cls, row: Any, keys: Sequence[Key], *, number: int, way: str) -> "Place":
        return cls(number, way, (*(getattr(row, f"order_key_{at}") for at in range(len(keys) - 1)), row.pk))

    @classmethod
    def read(cls, text: str, keys: Sequence[Key]) -> "Place | None":
        """Return the place that a query string writes, or None where it is none of this order."""
        found = _WRITTEN.fullmatch(text)
        if found is None:
            return None
        packed = found[3]
        try:
            values = json.loads(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)))
        except (binascii.Error, ValueError, RecursionError):
            return None
        if not isinstance(values, list) or len(values) != len(keys):
            return None
        place = cls(int(found[1]), found[2], tuple(values))
        return place if place.is_whole(keys) else None

    def is_whole(self, keys: Sequence[Key]) -> bool:
        """Return whether `read` takes the place: a missing value where none was expected, or a very long one, is not written."""
        return all(key.takes(value) for key, value in zip(keys, self.values, strict=True))

    def __str__(self) -> str:
        packed = base64.urlsafe_b64encode(json.dumps(self.values, separators=(",", ":")).encode()).decode()
        return f"{self.number}.{self.way}.{packed.rstrip('=')}"

    def rows_after(self, rows: QuerySet[Any], keys: Sequence[Key]) -> Iterator[QuerySet[Any]]:
        """Yield the rows that come after the place in the order of these keys, in parts: first those that differ in the last key
        only. Each part is a range of an index that has the keys.
        """
        for last in range(len(keys) - 1, -1, -1):
            same = Q()
            for key, value in zip(keys[:last], self.values, strict=False):
                same &= key.is_at(value)
            ordered = rows.order_by(*(key.ordering for key in keys[last:]))
            for beyond in keys[last].is_beyond(self.values[last]):
                yield ordered.filter(same & beyond)
