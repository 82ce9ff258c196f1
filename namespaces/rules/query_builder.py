"""Building a client group's query from parts: what can be asked, and adding one more condition. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from namespaces.rules.errors import RuleError

OPERATORS = ("=", "<>", "<", ">", "<=", ">=", "IN")
NAME = "authenticationName"
_NUMBERS_ONLY = frozenset({"<", ">", "<=", ">="})
_NUMBER = re.compile(r"-?\d{1,19}\Z", re.ASCII)
SAMPLES = 3


@dataclass(frozen=True)
class Operand:
    """What a condition may ask about, with some of the values that clients have there."""

    text: str
    samples: tuple[str, ...]


def operands(attributes: Iterable[Mapping[str, Any]]) -> tuple[Operand, ...]:
    """The authentication name, and each attribute that some client has, by name."""
    found: dict[str, dict[str, None]] = {}
    for held in attributes:
        for key, value in held.items():
            samples = found.setdefault(key, {})
            for each in value if isinstance(value, list) else [value]:
                if len(samples) < SAMPLES:
                    samples[str(each)] = None
    keys = sorted(key for key in found if re.fullmatch(r"\w+", key, re.ASCII))
    return (Operand(NAME, ()), *(Operand(f"attributes.{key}", tuple(found[key])) for key in keys))


def condition(operand: str, operator: str, value: str) -> str:
    """One comparison as the query language writes it. A value that is a whole number is one, unless it is quoted.

    Values of IN are separated by commas. Raises RuleError with the form field.
    """
    if operator not in OPERATORS:
        raise RuleError("operator", "unknown", "Choose one of the operators.")
    if operand != NAME and not re.fullmatch(r"attributes\.\w+", operand, re.ASCII):
        raise RuleError("operand", "unknown", "Choose authenticationName or an attribute.")
    if not value.strip():
        raise RuleError("value", "required", "Type the value to compare with.")
    if operator in _NUMBERS_ONLY and not _NUMBER.match(value.strip()):
        raise RuleError("value", "number", f"{operator} compares whole numbers only.")
    if operator == "IN":
        values = [_literal(operand, part.strip()) for part in value.split(",") if part.strip()]
        return f"{operand} IN [{', '.join(values)}]"
    return f"{operand} {operator} {_literal(operand, value.strip())}"


def _literal(operand: str, value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        value = value[1:-1]
    elif operand != NAME and _NUMBER.match(value):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def joined(query: str, join: str, added: str) -> str:
    """A query with one more condition. What was there keeps its meaning: `and` binds tighter than `or`."""
    query = query.strip()
    if not query or query.lower() == "true":
        return added
    if join == "and" and re.search(r"\bor\b", _without_texts(query), re.IGNORECASE):
        query = f"({query})"
    return f"{query} {'or' if join == 'or' else 'and'} {added}"


def _without_texts(query: str) -> str:
    return re.sub(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", "", query)
