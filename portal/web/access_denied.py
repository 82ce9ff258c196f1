"""A right that somebody lacks, and who can help."""

from collections.abc import Callable

from django.core.exceptions import PermissionDenied


class Denied(PermissionDenied):
    """`next_step` says whom to ask. It is asked for only where the page is drawn: many only want to know whether."""

    def __init__(self, sentence: str, next_step: Callable[[], str]) -> None:
        super().__init__(sentence)
        self.next_step = next_step
