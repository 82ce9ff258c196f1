"""How far a download is, for the page that asked for it.

A link asks for the file with a token that the page has made up. While the file is written, the number of rows is kept under the
token for that user, in the cache that all web processes share.
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from django.core.cache import cache
from django.db import DatabaseError
from django.http import HttpRequest

from portal.models import User

ASKED_BY = "progress"  # in the query string of the file
EVERY = 0.5  # seconds
KEPT_SECONDS = 300
_TOKEN = re.compile(r"[0-9a-f]{32}")
Row = TypeVar("Row")


class Progress:
    """The progress of one file. `total`: the number of its rows when it was begun."""

    def __init__(self, user: User, token: str, total: int) -> None:
        self._key = _key(user, token)
        self._total = total
        self._done = 0
        self._kept_at = time.monotonic()
        self._keep("running")

    def counted(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield the rows, and keep how many there have been."""
        for row in rows:
            yield row
            self._done += 1
            if self._done % 100 == 0 and time.monotonic() - self._kept_at >= EVERY:
                self._keep("running")

    def until_sent(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the pieces of the file, and keep how that ended."""
        state = "stopped"
        try:
            yield from pieces
            state = "done"
        finally:
            self._keep(state)

    def _keep(self, state: str) -> None:
        self._kept_at = time.monotonic()
        try:
            cache.set(self._key, {"state": state, "done": self._done, "total": self._total}, KEPT_SECONDS)
        except DatabaseError:  # the file is more important
            return


def asked_progress(request: HttpRequest, count: Callable[[], int]) -> Progress | None:
    """Return the progress to keep for this request, where it asks for that."""
    token = request.GET.get(ASKED_BY, "")
    user = getattr(request, "user", None)
    if request.method != "GET" or not isinstance(user, User) or not _TOKEN.fullmatch(token):
        return None
    return Progress(user, token, count())


def progress_of(user: User, token: str) -> dict[str, Any]:
    """Return how far the file is that this user asked for with the token: its state, and the rows done of all rows."""
    found: dict[str, Any] | None = cache.get(_key(user, token)) if _TOKEN.fullmatch(token) else None
    return found or {"state": "unknown", "done": 0, "total": 0}


def _key(user: User, token: str) -> str:
    return f"export:{user.pk}:{token}"
