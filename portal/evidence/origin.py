"""Where a change comes from: set for each request, and read when an entry of the activity log is made."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass
class Origin:
    """A request. Workers and commands have none, so both texts are empty."""

    address: str = ""
    request_id: str = ""


_current: ContextVar[Origin | None] = ContextVar("origin", default=None)


def current() -> Origin:
    return _current.get() or Origin()


@contextmanager
def of_request(address: str, request_id: str) -> Iterator[Origin]:
    """Give the entries made in the block this address and request id."""
    origin = Origin(address, request_id)
    token = _current.set(origin)
    try:
        yield origin
    finally:
        _current.reset(token)
