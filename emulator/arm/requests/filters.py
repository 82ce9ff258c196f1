"""OData `$filter` as far as ARM's lists take it: contains, eq, ne, and, or, not, parentheses."""

import re
from collections.abc import Callable, Mapping

from emulator.arm.requests.errors import ArmError

Values = Mapping[str, str | tuple[str, ...]]  # a tuple: `eq` and contains() are true of any, `ne` of none
Predicate = Callable[[Values], bool]
TOKEN = re.compile(r"\s*(?:('(?:[^']|'')*')|([A-Za-z_][A-Za-z0-9_]*)|([(),]))")
LONGEST = 2000
DEEPEST = 50


def parse_filter(text: str, properties: tuple[str, ...]) -> Predicate:
    """A predicate over the values of `properties`; names, operators and values compare without regard to case.

    Raises `ArmError` (400) with the place where it stopped making sense.
    """
    return _Parser(text, properties).parse()


class _Parser:
    def __init__(self, text: str, properties: tuple[str, ...]) -> None:
        self.text = text
        self.properties = {name.casefold(): name for name in properties}
        self.tokens: list[str] = []
        self.at = 0
        self.depth = 0
        if len(text) > LONGEST:
            raise self.refuse(f"it is longer than {LONGEST} characters")
        position, end = 0, len(text.rstrip())
        while position < end:
            match = TOKEN.match(text, position)
            if match is None:
                raise self.refuse(f"'{text[position : position + 20].strip()}' is not understood")
            self.tokens.append(match[0].strip())
            position = match.end()

    def refuse(self, why: str) -> ArmError:
        return ArmError(
            400,
            "InvalidFilter",
            f"The $filter '{self.text[:200]}' is not valid: {why}. It may use contains(), eq, ne, and, or, not on: "
            f"{', '.join(self.properties.values())}.",
            target="$filter",
        )

    def parse(self) -> Predicate:
        predicate = self.alternatives()
        if self.at < len(self.tokens):
            raise self.refuse(f"'{self.tokens[self.at]}' is not expected")
        return predicate

    def next(self) -> str:
        if self.at >= len(self.tokens):
            raise self.refuse("it ends too early")
        self.at += 1
        return self.tokens[self.at - 1]

    def skips(self, word: str) -> bool:
        if self.at < len(self.tokens) and self.tokens[self.at].casefold() == word:
            self.at += 1
            return True
        return False

    def expect(self, word: str) -> None:
        token = self.next()
        if token != word:
            raise self.refuse(f"'{word}' is missing before '{token}'")

    def alternatives(self) -> Predicate:
        parts = [self.conjunction()]
        while self.skips("or"):
            parts.append(self.conjunction())
        return lambda values: any(part(values) for part in parts)

    def conjunction(self) -> Predicate:
        parts = [self.negation()]
        while self.skips("and"):
            parts.append(self.negation())
        return lambda values: all(part(values) for part in parts)

    def negation(self) -> Predicate:
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.refuse("it is nested too deep")
        try:
            if self.skips("not"):
                inner = self.negation()
                return lambda values: not inner(values)
            if self.skips("("):
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
            raise self.refuse(f"'{token[:50]}' cannot be filtered on")
        return name

    def literal(self) -> str:
        token = self.next()
        if not token.startswith("'"):
            raise self.refuse(f"'{token[:50]}' must be a text in single quotes")
        return token[1:-1].replace("''", "'").casefold()

    def comparison(self) -> Predicate:
        if self.skips("contains"):
            self.expect("(")
            name = self.property()
            self.expect(",")
            part = self.literal()
            self.expect(")")
            return lambda values: any(part in each for each in _each(values, name))
        name = self.property()
        operator = self.next().casefold()
        if operator not in ("eq", "ne"):
            raise self.refuse(f"'{operator[:50]}' is not an operator")
        value = self.literal()
        return lambda values: (value in _each(values, name)) is (operator == "eq")


def _each(values: Values, name: str) -> list[str]:
    found = values[name]
    return [each.casefold() for each in ((found,) if isinstance(found, str) else found)]
