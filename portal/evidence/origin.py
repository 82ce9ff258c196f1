"""Where a change comes from: set for each request, and read when an entry of the activity log is made."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass
class Origin:
    """A request and the place it is about. Workers and commands have no request, so both texts are empty."""

    address: str = ""
    request_id: str = ""
    scope: int | None = None  # primary key of the namespace
    scope_name: str = ""
    hides: bool = False  # the user may not know that this place exists


_current: ContextVar[Origin | None] = ContextVar("origin", default=None)


def current() -> Origin:
    return _current.get() or Origin()


def note_place(scope: int, scope_name: str, *, hides: bool = False) -> None:
    """Note what the current request is about."""
    origin = _current.get()
    if origin is not None:
        origin.scope, origin.scope_name, origin.hides = scope, scope_name, hides


@contextmanager
def of_request(address: str, request_id: str) -> Iterator[Origin]:
    """Give the entries made in the block this address and request id."""
    origin = Origin(address, request_id)
    token = _current.set(origin)
    try:
        yield origin
    finally:
        _current.reset(token)
