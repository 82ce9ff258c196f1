"""Passwords that are long and still obvious."""

from itertools import pairwise

from django.core.exceptions import ValidationError

FEWEST_CHARACTERS = 5  # different ones
LONGEST_UNIT = 6  # characters that are repeated, as in "abc123abc123"
_ROWS = ("abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiopasdfghjklzxcvbnm", "qwertzuiopasdfghjklyxcvbnm")


class RepetitionValidator:
    """Reject a password that repeats few characters or a short unit, or that follows the alphabet or the keyboard."""

    def validate(self, password: str, user: object = None) -> None:
        lowered = password.casefold()
        if len(set(lowered)) < FEWEST_CHARACTERS or _repeats(lowered):
            raise ValidationError("This password repeats itself.", code="password_repeats")
        if _follows_a_row(lowered):
            raise ValidationError("This password follows the alphabet or the keyboard.", code="password_sequence")

    def get_help_text(self) -> str:
        return "Your password can’t repeat a few characters, or follow the alphabet or the keyboard."


def _repeats(password: str) -> bool:
    return any(
        len(password) > 2 * length and password == (password[:length] * len(password))[: len(password)]
        for length in range(1, LONGEST_UNIT + 1)
    )


def _follows_a_row(password: str) -> bool:
    """Return whether at least three quarters of all steps lead to a neighbour in the alphabet, the digits or a keyboard."""
    neighbours = {pair for row in _ROWS for pair in (*pairwise(row), *pairwise(row[::-1]))}
    steps = list(pairwise(password))
    return 4 * sum(step in neighbours for step in steps) >= 3 * len(steps) > 0
