"""Client attributes between the grid in the form and the JSON that Azure holds."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

TYPES = (("string", "String"), ("integer", "Integer"), ("array", "Array of strings"))
# What Azure holds and our rules refuse is shown as JSON, so that nothing is lost before the person decides.
OTHER = ("other", "Other (JSON)")


@dataclass
class AttributeRow:
    """One row of the grid, as typed."""

    key: str = ""
    type: str = "string"
    value: str = ""
    error: str = ""

    @property
    def is_blank(self) -> bool:
        return not self.key.strip() and not self.value.strip()

    @property
    def types(self) -> tuple[tuple[str, str], ...]:
        return (*TYPES, OTHER) if self.type == OTHER[0] else TYPES


def posted_rows(data: QueryDict) -> list[AttributeRow]:
    """The rows of a submitted grid. Values that the browser left out count as empty."""
    keys, types, values = (data.getlist(f"attribute_{part}") for part in ("key", "type", "value"))
    length = max(len(keys), len(types), len(values), 0)

    def at(column: list[str], index: int) -> str:
        return column[index] if index < len(column) else ""

    return [AttributeRow(at(keys, i), at(types, i) or "string", at(values, i)) for i in range(length)]


def rows_of(attributes: Mapping[str, Any]) -> list[AttributeRow]:
    """The grid's rows for stored attributes."""
    return [_row_of(key, value) for key, value in attributes.items()]


def _row_of(key: str, value: Any) -> AttributeRow:
    if isinstance(value, str):
        return AttributeRow(key, "string", value)
    if isinstance(value, int) and not isinstance(value, bool):
        return AttributeRow(key, "integer", str(value))
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return AttributeRow(key, "array", _array_text(value))
    return AttributeRow(key, "other", json.dumps(value, ensure_ascii=False))


def _array_text(items: list[str]) -> str:
    plain = all(item and item == item.strip() and "," not in item for item in items)
    if plain and not (items and items[0].startswith("[")):
        return ", ".join(items)
    return json.dumps(items, ensure_ascii=False)


def read_rows(rows: Iterable[AttributeRow]) -> dict[str, Any]:
    """Attributes from the rows; a row that cannot be read gets its `error`. Blank rows are left out."""
    attributes: dict[str, Any] = {}
    for row in rows:
        if row.is_blank:
            continue
        key = row.key.strip()
        if not key:
            row.error = "Give this attribute a key."
        elif key in attributes:
            row.error = f"The key “{key}” is used twice."
        else:
            try:
                attributes[key] = _read_value(row)
            except ValueError as refusal:
                row.error = str(refusal)
    return attributes


def _read_value(row: AttributeRow) -> Any:
    text = row.value.strip()
    if row.type == "string":
        return row.value
    if row.type == "integer":
        if not text.removeprefix("-").isascii() or not text.removeprefix("-").isdigit() or len(text) > 20:
            raise ValueError("An integer has only digits, with a minus in front where it is negative.")
        return int(text)
    if row.type == "array":
        return _read_array(text)
    if row.type == "other":
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise ValueError("That is not JSON.") from None
    raise ValueError("Choose String, Integer or Array of strings.")


def _read_array(text: str) -> list[str]:
    if not text.startswith("["):
        return [item.strip() for item in text.split(",") if item.strip()]
    try:
        items = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError('Separate the strings by commas, or write a JSON array such as ["a", "b"].') from None
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise ValueError("An array may hold only strings.")
    return items
