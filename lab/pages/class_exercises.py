"""The exercises as the board of a class names them."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Exercise:
    """An exercise: its place among all, from 1, and its title."""

    slug: str
    number: int
    title: str


def exercises() -> Mapping[str, Exercise]:
    """Return every exercise by its slug."""
    return {}


def wrong_turn_words(code: str) -> str:
    """Return a wrong turn in two or three words."""
    return code.replace("-", " ").replace("_", " ")
