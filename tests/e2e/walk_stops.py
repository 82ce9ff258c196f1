"""What a stop of the walk of the screenshots is."""

from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page


@dataclass(frozen=True)
class Stop:
    """One page of the walk. `name` is the file's name; `act` fills in something, or leads on to the page named by `opens`."""

    name: str
    path: str
    act: Callable[[Page], None] | None = None
    opens: str = ""
