"""Read a JSON object field by field, with an error that names the field and the reason."""

from collections.abc import Iterable, Mapping
from typing import Any

from emulator.arm.limits import MAX_DESCRIPTION_CHARACTERS
from emulator.arm.requests.errors import ArmError, invalid


def is_utf8(text: str) -> bool:
    """Return whether text can be encoded as UTF-8. JSON can escape half of a surrogate pair, which cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _enum_key(value: str) -> str:
    """Return the form of an enumerated value for comparison. Case is ignored, and the blank in `"A, B"` is optional."""
    return value.casefold().replace(", ", ",")


class Fields:
    """The members of one JSON object. `path` is its place in the body, such as "properties".

    Methods that read a member return its default if it is missing or null, and raise `ArmError` (400) if it is not valid.
    """

    def __init__(self, members: Mapping[str, Any], path: str) -> None:
        self.members = members
        self.path = path

    def at(self, name: str) -> str:
        """Return the path of a member: "properties.state"."""
        return f"{self.path}.{name}" if self.path else name

    def error(self, name: str, message: str) -> ArmError:
        """Return the error (400) for a member, with its path as the target."""
        return invalid(message, self.at(name))

    def require_known(self, names: Iterable[str]) -> None:
        """Raise `ArmError` (400) for any other member: a misspelt name would be lost silently."""
        known = sorted(names)
        for name in self.members:
            if name not in known:
                raise self.error(
                    name, f"Property '{self.at(name)[:200]}' does not exist. Known here: {', '.join(known)}."
                )

    def without(self, names: Iterable[str]) -> "Fields":
        """Return the object without these members. A client that sends a response back includes read-only ones."""
        left_out = frozenset(names)
        return Fields({name: value for name, value in self.members.items() if name not in left_out}, self.path)

    def text(self, name: str) -> str | None:
        value = self.members.get(name)
        if value is not None and not isinstance(value, str):
            raise self.error(name, f"'{self.at(name)}' must be a string.")
        if value is not None and not is_utf8(value):
            raise self.error(name, f"'{self.at(name)}' must be valid UTF-8.")
        return value

    def description(self) -> str | None:
        """Return the description of a resource."""
        value = self.text("description")
        if value is not None and len(value) > MAX_DESCRIPTION_CHARACTERS:
            most = f"{MAX_DESCRIPTION_CHARACTERS:,}"
            raise self.error("description", f"'{self.at('description')}' has more than {most} characters.")
        return value

    def choice(self, name: str, values: tuple[str, ...], default: str | None) -> str | None:
        """Return one of `values` as it is spelt there; the request can have any casing."""
        value = self.text(name)
        return default if value is None else self._match(name, value, values)

    def _match(self, name: str, value: str, values: tuple[str, ...]) -> str:
        for known in values:
            if _enum_key(known) == _enum_key(value):
                return known
        raise self.error(name, f"'{value[:100]}' is not valid for '{self.at(name)}'. Use one of: {', '.join(values)}.")

    def choices(self, name: str, values: tuple[str, ...]) -> list[str]:
        """Return an array of `values` as they are spelt there; the request can have any casing."""
        return [self._match(name, value, values) for value in self.texts(name)]

    def integer(self, name: str, low: int, high: int, default: int | None) -> int | None:
        value = self.members.get(name)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.error(name, f"'{self.at(name)}' must be an integer from {low} to {high}.")
        return value

    def boolean(self, name: str, default: bool | None) -> bool | None:
        value = self.members.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.error(name, f"'{self.at(name)}' must be true or false.")
        return value

    def object(self, name: str) -> "Fields | None":
        value = self.members.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self.error(name, f"'{self.at(name)}' must be an object.")
        return Fields(value, self.at(name))

    def array(self, name: str) -> list[Any]:
        value = self.members.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.error(name, f"'{self.at(name)}' must be an array.")
        return value

    def objects(self, name: str) -> list["Fields"]:
        """Return an array of objects. The path of each has its number: "properties.rules[0]"."""
        found = []
        for number, value in enumerate(self.array(name)):
            if not isinstance(value, dict):
                raise self.error(name, f"'{self.at(name)}' must be an array of objects.")
            found.append(Fields(value, f"{self.at(name)}[{number}]"))
        return found

    def texts(self, name: str) -> list[str]:
        values = self.array(name)
        if not all(isinstance(value, str) for value in values):
            raise self.error(name, f"'{self.at(name)}' must be an array of strings.")
        return values
