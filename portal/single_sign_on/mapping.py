"""Which groups of the identity provider make somebody a member of which teams, or an administrator."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

VARIABLE = "PORTAL_SSO_GROUPS"
KEYS = {"teams", "administrator"}
_OBJECT_ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True)
class Grant:
    """What the members of one group get."""

    teams: tuple[str, ...] = ()
    administrator: bool = False


def is_object_id(group: str) -> bool:
    """Return whether `group` is the object ID of a group in Entra ID, rather than a name."""
    return _OBJECT_ID.fullmatch(group) is not None


def group_key(group: str) -> str:
    """Return what groups are compared by: object IDs ignoring case, anything else as it is."""
    return group.lower() if is_object_id(group) else group


def read_mapping(value: str) -> dict[str, Grant]:
    """Read the mapping from JSON or from the JSON file that `value` names. The keys of the result are group keys.

    Raises:
        ImproperlyConfigured: the file cannot be read, or the content is not such a mapping.
    """
    if not value:
        return {}
    text = value if value.lstrip().startswith("{") else _content_of(value)
    try:
        found = json.loads(text, object_pairs_hook=_without_duplicates)
    except ValueError as fault:
        raise ImproperlyConfigured(f"{VARIABLE} is not valid JSON: {fault}.") from None
    if not isinstance(found, dict):
        raise ImproperlyConfigured(f'{VARIABLE} is not a JSON object such as {{"GROUP": {{"teams": ["Line A"]}}}}.')
    mapping: dict[str, Grant] = {}
    for group, given in found.items():
        key = group_key(group.strip())
        if not key or key in mapping:
            raise ImproperlyConfigured(f"{VARIABLE} names the group {group[:80]!r} twice, or an empty one.")
        mapping[key] = _grant(group, given)
    return mapping


def _content_of(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as fault:
        why = fault.strerror if isinstance(fault, OSError) else "it is not text"
        raise ImproperlyConfigured(f"{VARIABLE} names the file {path[:200]}, which cannot be read: {why}.") from None


def _grant(group: str, given: Any) -> Grant:
    example = '{"teams": ["Line A"], "administrator": false}'
    if not isinstance(given, Mapping) or not given or set(given) - KEYS:
        raise ImproperlyConfigured(f"{VARIABLE}: group {group[:80]!r} needs an object such as {example}.")
    teams, administrator = given.get("teams", []), given.get("administrator", False)
    if not isinstance(teams, list) or not all(isinstance(name, str) and name.strip() for name in teams):
        raise ImproperlyConfigured(f"{VARIABLE}: the teams of group {group[:80]!r} are not a list of names.")
    if not isinstance(administrator, bool):
        raise ImproperlyConfigured(f"{VARIABLE}: “administrator” of group {group[:80]!r} is not true or false.")
    return Grant(tuple(name.strip() for name in teams), administrator)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of a JSON object whose keys are unique: of two equal ones, JSON would silently keep the last."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key appears twice in one object")
    return found
