"""Enumerated values of Azure, such as `Enabled`: it accepts them in any case, so they are read so too."""

from collections.abc import Iterable


def as_spelt(value: object, known: Iterable[str]) -> str:
    """Return the value as Azure spells it; as it is given if it is none of `known`."""
    text = str(value)
    return next((each for each in known if each.lower() == text.lower()), text)
