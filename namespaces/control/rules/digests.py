"""One digest for what people approve."""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any


def digest_of_changes(changes: Sequence[Mapping[str, Any]]) -> str:
    """Return the digest of changes, in their order, however their JSON was written."""
    text = json.dumps(list(changes), sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def revision_digest(revision: int, changes: str) -> str:
    """Return the digest of one revision: an approval of an earlier one never fits, though the changes are the same again."""
    return hashlib.sha256(f"{revision}:{changes}".encode("ascii")).hexdigest()


def digest_shown(changes: str, teams: Collection[int]) -> str:
    """Return the digest of what a page shows: the changes, and the teams that they reach."""
    text = f"{changes}:{','.join(map(str, sorted(teams)))}"
    return hashlib.sha256(text.encode("ascii")).hexdigest()
