"""Keep numbers that every page shows for a moment, so that they are not counted again for each page.

They are kept in the process, for SHORT_CACHE_SECONDS. A user who has just changed something gets fresh numbers, whichever
process answers: `portal.web.own_changes` marks the browser for twice that time. So a page is exact after one's own change,
and a moment late after the changes of others and of workers. A number stored on a row would have to be updated by every
import, push and scan, and they would all wait for each other's lock on that row.

Outside of a request, and in one that changes something, nothing is kept.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import Enum
from typing import TypeVar

from django.conf import settings
from django.core.cache import caches

Value = TypeVar("Value")


class Use(Enum):
    """What a request may do with kept values."""

    NONE = 0
    ONLY_WRITE = 1  # the user has just changed something
    READ = 2


_use: ContextVar[Use] = ContextVar("short_cache_use", default=Use.NONE)


@contextmanager
def short_cache(use: Use) -> Iterator[None]:
    """Let the block read or write kept values."""
    token = _use.set(use)
    try:
        yield
    finally:
        _use.reset(token)


def kept(key: str, make: Callable[[], Value]) -> Value:
    """Return the value kept under `key`, or make it and keep it for a moment. None is not kept."""
    use = _use.get()
    if use is Use.NONE or not settings.SHORT_CACHE_SECONDS:
        return make()
    name = f"short:{hashlib.sha256(key.encode()).hexdigest()}"  # a cache takes no blanks and no long keys
    found: Value | None = caches["process"].get(name) if use is Use.READ else None
    if found is None:
        found = make()
        caches["process"].set(name, found, settings.SHORT_CACHE_SECONDS)
    return found
