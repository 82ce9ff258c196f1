"""The moments at which the certificates of namespaces are judged, where they were moved ahead of the clock.

For training: an expiry that is months away happens now, in some namespaces and without changing the machine's clock.
"""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from emulator.arm.requests.errors import invalid
from emulator.storage.store import Store

MAX_MOVED = 200  # namespaces at once
MAX_AHEAD = timedelta(days=20 * 365)


class Move(NamedTuple):
    """Namespaces by their ids, and how far ahead of the clock their certificates are to be judged."""

    namespaces: Sequence[str]
    ahead: timedelta


class JudgingMoments:
    """Reads and moves the moments. They are kept in the store, and end with their namespaces."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self) -> dict[str, Any]:
        """Return the namespaces whose certificates are not judged by the clock."""
        spans = {each.id: self._store.judged_ahead(each.id) for each in self._store.namespaces()}
        moved = [{"id": name, "aheadSeconds": int(span.total_seconds())} for name, span in spans.items() if span]
        return {"value": moved}

    def move(self, wanted: Move) -> dict[str, Any]:
        """Move the moments of the namespaces that exist, all of them or none. Return their ids."""
        found = [each for name in wanted.namespaces if (each := self._store.get(name)) is not None]
        with self._store.transaction():
            for namespace in found:
                self._store.set_judged_ahead(namespace.id, wanted.ahead)
        return {"value": [namespace.id for namespace in found]}


def read_move(body: bytes) -> Move:
    """Return what a request asks for. Raise `ArmError` (400)."""
    try:
        members = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise invalid("The request content is not valid JSON.") from error
    if not isinstance(members, dict) or members.keys() != {"namespaces", "aheadSeconds"}:
        raise invalid("Send a JSON object with 'namespaces' and 'aheadSeconds'.")
    names, seconds = members["namespaces"], members["aheadSeconds"]
    if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
        raise invalid("'namespaces' must be an array of ids.", "namespaces")
    if len(names) > MAX_MOVED:
        raise invalid(f"At most {MAX_MOVED} namespaces can be moved at once.", "namespaces")
    most = int(MAX_AHEAD.total_seconds())
    if not isinstance(seconds, int) or isinstance(seconds, bool) or not 0 <= seconds <= most:
        raise invalid(f"'aheadSeconds' must be a whole number from 0 to {most}.", "aheadSeconds")
    return Move(names, timedelta(seconds=seconds))
