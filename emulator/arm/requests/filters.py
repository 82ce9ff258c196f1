"""The part of OData's `$filter` that ARM's lists support: contains, eq, ne, and, or, not, parentheses.

Source: https://learn.microsoft.com/rest/api/eventgrid/controlplane/clients/list-by-namespace
"""

import re
from collections.abc import Callable, Mapping

from emulator.arm.requests.errors import ArmError

Values = Mapping[str, str | tuple[str, ...]]  # of a tuple, `eq` and contains() match any value, `ne` matches none
Predicate = Callable[[Values], bool]
TOKEN = re.compile(r"\s*(?:('(?:[^']|'')*')|([A-Za-z_][A-Za-z0-9_]*)|([(),]))")
MAX_LENGTH = 2000  # characters
MAX_DEPTH = 50  # of nested parentheses and negations


def parse_filter(text: str, properties: tuple[str, ...]) -> Predicate:
    """Return a predicate over the values of `properties`. Names, operators and values are case-insensitive.

    Raise `ArmError` (400 InvalidFilter) with the part that is not valid.
    """
    return _Parser(text, properties).parse()


class _Parser:
    """A recursive descent parser; each method below `parse` reads one rule of the grammar."""

    def __init__(self, text: str, properties: tuple[str, ...]) -> None:
        self.text = text
        self.properties = {name.casefold(): name for name in properties}
        self.tokens: list[str] = []
        self.at = 0
        self.depth = 0
        if len(text) > MAX_LENGTH:
            raise self.error(f"it is longer than {MAX_LENGTH} characters")
        position, end = 0, len(text.rstrip())
        while position < end:
            match = TOKEN.match(text, position)
            if match is None:
                raise self.error(f"'{text[position : position + 20].strip()}' is not valid here")
            self.tokens.append(match[0].strip())
            position = match.end()

    def error(self, reason: str) -> ArmError:
        return ArmError(
            400,
            "InvalidFilter",
            f"The $filter '{self.text[:200]}' is not valid: {reason}. It may use contains(), eq, ne, and, or, not on: "
            f"{', '.join(self.properties.values())}.",
            target="$filter",
        )

    def parse(self) -> Predicate:
        predicate = self.alternatives()
        if self.at < len(self.tokens):
            raise self.error(f"'{self.tokens[self.at]}' is unexpected")
        return predicate

    def next(self) -> str:
        if self.at >= len(self.tokens):
            raise self.error("it is incomplete")
        self.at += 1
        return self.tokens[self.at - 1]

    def accept(self, word: str) -> bool:
        if self.at < len(self.tokens) and self.tokens[self.at].casefold() == word:
            self.at += 1
            return True
        return False

    def expect(self, word: str) -> None:
        token = self.next()
        if token != word:
            raise self.error(f"'{word}' is missing before '{token}'")

    def alternatives(self) -> Predicate:
        parts = [self.conjunction()]
        while self.accept("or"):
            parts.append(self.conjunction())
        return lambda values: any(part(values) for part in parts)

    def conjunction(self) -> Predicate:
        parts = [self.negation()]
        while self.accept("and"):
            parts.append(self.negation())
        return lambda values: all(part(values) for part in parts)

    def negation(self) -> Predicate:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.error("it is nested too deeply")
        try:
            if self.accept("not"):
                inner = self.negation()
                return lambda values: not inner(values)
            if self.accept("("):
                inner = self.alternatives()
                self.expect(")")
                return inner
            return self.comparison()
        finally:
            self.depth -= 1

    def property(self) -> str:
        token = self.next()
        name = self.properties.get(token.casefold())
        if name is None:
            raise self.error(f"'{token[:50]}' is not a property that can be filtered")
        return name

    def literal(self) -> str:
        token = self.next()
        if not token.startswith("'"):
            raise self.error(f"'{token[:50]}' must be a string in single quotes")
        return token[1:-1].replace("''", "'").casefold()

    def comparison(self) -> Predicate:
        if self.accept("contains"):
            self.expect("(")
            name = self.property()
            self.expect(",")
            part = self.literal()
            self.expect(")")
            return lambda values: any(part in each for each in _each(values, name))
        name = self.property()
        operator = self.next().casefold()
        if operator not in ("eq", "ne"):
            raise self.error(f"'{operator[:50]}' is not an operator")
        value = self.literal()
        return lambda values: (value in _each(values, name)) is (operator == "eq")


def _each(values: Values, name: str) -> list[str]:
    found = values[name]
    return [each.casefold() for each in ((found,) if isinstance(found, str) else found)]
