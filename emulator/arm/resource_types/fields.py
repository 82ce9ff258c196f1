"""Reading a JSON object field by field, with the sentence that tells the user which field is wrong and why."""

from collections.abc import Iterable, Mapping
from typing import Any

from emulator.arm.requests.errors import ArmError, invalid


def is_utf8(text: str) -> bool:
    """Whether it can be sent as UTF-8: JSON can escape half of a surrogate pair, which cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class Fields:
    """The members of one JSON object. `path` is where it stands in the body, for the error's target."""

    def __init__(self, members: Mapping[str, Any], path: str) -> None:
        self.members = members
        self.path = path

    def at(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def refuse(self, name: str, message: str) -> ArmError:
        return invalid(message, self.at(name))

    def require_known(self, names: Iterable[str]) -> None:
        """Refuse a member that no version of the API has: a misspelt name would otherwise be lost without a word."""
        known = sorted(names)
        for name in self.members:
            if name not in known:
                raise self.refuse(
                    name, f"Property '{self.at(name)[:200]}' does not exist. Known here: {', '.join(known)}."
                )

    def without(self, names: Iterable[str]) -> "Fields":
        """The same object without these members: read-only ones, which an answer that is sent back still has."""
        left_out = frozenset(names)
        return Fields({name: value for name, value in self.members.items() if name not in left_out}, self.path)

    def text(self, name: str) -> str | None:
        value = self.members.get(name)
        if value is not None and not isinstance(value, str):
            raise self.refuse(name, f"'{self.at(name)}' must be a string.")
        if value is not None and not is_utf8(value):
            raise self.refuse(name, f"'{self.at(name)}' must be valid UTF-8.")
        return value

    def choice(self, name: str, values: tuple[str, ...], default: str | None) -> str | None:
        """One of `values`, in any casing, as spelt there."""
        value = self.text(name)
        return default if value is None else self._chosen(name, value, values)

    def _chosen(self, name: str, value: str, values: tuple[str, ...]) -> str:
        for known in values:
            if known.casefold() == value.casefold():
                return known
        raise self.refuse(
            name, f"'{value[:100]}' is not a value of '{self.at(name)}'. Use one of: {', '.join(values)}."
        )

    def choices(self, name: str, values: tuple[str, ...]) -> list[str]:
        """An array of `values`, each in any casing, as spelt there."""
        return [self._chosen(name, value, values) for value in self.texts(name)]

    def integer(self, name: str, low: int, high: int, default: int | None) -> int | None:
        value = self.members.get(name)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.refuse(name, f"'{self.at(name)}' must be an integer from {low} to {high}.")
        return value

    def boolean(self, name: str, default: bool | None) -> bool | None:
        value = self.members.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.refuse(name, f"'{self.at(name)}' must be true or false.")
        return value

    def object(self, name: str) -> "Fields | None":
        value = self.members.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self.refuse(name, f"'{self.at(name)}' must be an object.")
        return Fields(value, self.at(name))

    def array(self, name: str) -> list[Any]:
        value = self.members.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.refuse(name, f"'{self.at(name)}' must be an array.")
        return value

    def texts(self, name: str) -> list[str]:
        values = self.array(name)
        if not all(isinstance(value, str) for value in values):
            raise self.refuse(name, f"'{self.at(name)}' must be an array of strings.")
        return values
