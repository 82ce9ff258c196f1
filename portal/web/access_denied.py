"""A permission that the user lacks, and the users who can grant it."""

from collections.abc import Callable

from django.core.exceptions import PermissionDenied


class Denied(PermissionDenied):
    """Access denied. `next_step()` names users who can grant access; it queries the database, so only the error page calls it.

    `ask_url` is the page on which to ask for access; "" where there is none.
    """

    def __init__(self, sentence: str, next_step: Callable[[], str], *, ask_url: str = "") -> None:
        super().__init__(sentence)
        self.next_step = next_step
        self.ask_url = ask_url
