"""How an entry is written down before it is sealed.

Version 1: a JSON object with sorted keys, no spaces, ASCII only, and times in UTC with six digits of a second. The same
values give the same bytes on SQLite and PostgreSQL, also after a move from one to the other. A change to this needs a new
version, and the old one stays, so that old links can be verified.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC
from typing import Any

from portal.models import Activity, Part

VERSION = 1
FIXED = (
    *("id", "at", "actor_id", "actor_name", "team_name", "verb", "scope", "scope_name", "kind", "object_pk"),
    *("object_name", "before", "after", "generation", "address", "request_id", "reason"),
)
FIELDS = (*FIXED, *Activity.SETTLED_FIELDS)  # what is read of each entry
_TIMES = ("at", "settled_at", "sealed_at", "pruned_at")
NO_LINK = "0" * 64  # what the first link of all is sealed over
DELETED = "-"  # instead of the digest of an entry that was deleted before it was sealed: no entry has it
_NEVER_SYNCED = Activity.Outcome.LOCAL
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode


def digest(part: str, entry: Mapping[str, Any], version: int = VERSION) -> str:
    """Return the SHA-256 of a part of an entry, in hexadecimal.

    Args:
        part: ENTRY covers what never changes: for an entry that is never synced, its outcome too. OUTCOME covers the
            outcome of the others.
        entry: the values of FIELDS.
        version: of the encoding.

    Raises:
        LookupError: there is no such version.
    """
    if version != VERSION:
        raise LookupError(f"version {version}")
    if part == Part.OUTCOME:
        fields: tuple[str, ...] = ("id", *Activity.SETTLED_FIELDS)
    else:
        fields = FIELDS if entry["outcome"] == _NEVER_SYNCED else FIXED
    values = _with_texts({name: entry[name] for name in fields})
    return hashlib.sha256(_encode(values | {"part": str(part), "version": version}).encode()).hexdigest()


def link_seal(key: bytes, former: str, link: Mapping[str, Any]) -> str:
    """Return the seal of a link over the seal of the former one, in hexadecimal."""
    names = ("place", "entry", "part", "version", "key_id", "digest", "sealed_at")
    values = _with_texts({name: link[name] for name in names})
    text = "|".join([former, *map(str, values.values())])
    return hmac.digest(key, text.encode(), hashlib.sha256).hex()


def checkpoint_seal(key: bytes, checkpoint: Mapping[str, Any]) -> str:
    """Return the seal of a checkpoint, in hexadecimal."""
    names = ("through", "through_seal", "pruned_at", "entries", "outcomes_left", "key_id")
    values = _with_texts({name: checkpoint[name] for name in names})
    return hmac.digest(key, f"checkpoint|{_encode(values)}".encode(), hashlib.sha256).hex()


def _with_texts(values: dict[str, Any]) -> dict[str, Any]:
    for name in _TIMES:
        if values.get(name) is not None:
            utc = values[name].astimezone(UTC).replace(tzinfo=None)
            values[name] = f"{utc.isoformat(timespec='microseconds')}Z"
    return values
