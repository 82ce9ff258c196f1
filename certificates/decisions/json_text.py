"""JSON from outside, read strictly: bounded depth, no name twice, no numbers that JSON does not have. Pure."""

import json
from typing import Any, NoReturn

MAX_DEPTH = 16


class StrictJSONError(ValueError):
    """The text is not JSON, or says something twice. The sentence names no value."""


def read_object(text: bytes) -> dict[str, Any]:
    """Return the JSON object that UTF-8 text holds.

    Raises StrictJSONError: not UTF-8, not JSON, not an object, nested deeper than MAX_DEPTH, a name twice in one object (two readers
    would take different values for it), NaN or Infinity. Source: RFC 8259, 4 and 6.
    """
    try:
        found = json.loads(text.decode(), object_pairs_hook=_each_once, parse_constant=_no_constant)
    except StrictJSONError:
        raise
    except (ValueError, RecursionError) as fault:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise StrictJSONError("It is not JSON.") from fault
    if not isinstance(found, dict):
        raise StrictJSONError("It is not a JSON object.")
    if _depth(found) > MAX_DEPTH:
        raise StrictJSONError(f"It is nested deeper than {MAX_DEPTH} levels.")
    return found


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise StrictJSONError("It has a name twice.")
    return found


def _no_constant(text: str) -> NoReturn:
    raise StrictJSONError("It has a number that JSON does not have.")


def _depth(value: Any) -> int:
    """Return how deep a value is nested, without recursion: json.loads has a limit of its own, far above ours."""
    deepest, waiting = 0, [(value, 1)]
    while waiting:
        each, depth = waiting.pop()
        deepest = max(deepest, depth)
        inner = each.values() if isinstance(each, dict) else each if isinstance(each, list) else ()
        waiting += [(one, depth + 1) for one in inner]
    return deepest
