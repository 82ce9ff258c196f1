"""Parse and evaluate the query of a client group. Pure; the pages and the MQTT endpoint share it.

Grammar (keywords in any case):

    query       = condition { "or" condition }
    condition   = term { "and" term }                       "and" binds tighter than "or"
    term        = "(" query ")" | "true" | comparison
    comparison  = operand ( "=" | "<>" | "!=" | "<" | ">" | "<=" | ">=" ) value | operand "IN" "[" value { "," value } "]"
    operand     = "attributes." key | "authenticationName"
    value       = 'text' | "text" | whole number | true | false

Source: Azure Event Grid "MQTT client groups". Where it is silent, docs/policy.md has our choice: texts are compared
exactly, `=` on an array means "contains", and a comparison with an attribute that a client does not have is false.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

MAX_QUERY_LENGTH = 4_096
MAX_DEPTH = 30
MAX_NUMBER = 2**63 - 1

Value = str | int | bool
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
      | (?P<number>-?\d+(?![\w.]))
      | (?P<name>[A-Za-z_][\w.]*)
      | (?P<sign><>|!=|<=|>=|=|<|>|\(|\)|\[|\]|,)
    )""",
    re.VERBOSE,
)
_ATTRIBUTE = re.compile(r"attributes\.(\w+)\Z", re.ASCII)
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: bool(a == b),
    "<>": lambda a, b: bool(a != b),
    "!=": lambda a, b: bool(a != b),
    "<": lambda a, b: bool(a < b),
    ">": lambda a, b: bool(a > b),
    "<=": lambda a, b: bool(a <= b),
    ">=": lambda a, b: bool(a >= b),
}
_NUMBERS_ONLY = {"<", ">", "<=", ">="}


class QueryError(ValueError):
    """Raised for an invalid query, with one sentence. `at` is the offset of the mistake in characters."""

    def __init__(self, sentence: str, at: int) -> None:
        super().__init__(sentence)
        self.at = at


@dataclass(frozen=True)
class Member:
    """A client, as queries and topic templates see it. `attributes`: strings, integers, booleans, arrays of strings."""

    authentication_name: str
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class _Everyone:
    def matches(self, member: Member) -> bool:
        return True


@dataclass(frozen=True)
class _Comparison:
    operand: str  # an attribute's key, or "" for the authentication name
    sign: str
    values: tuple[Value, ...]

    def matches(self, member: Member) -> bool:
        found = member.attributes.get(self.operand) if self.operand else member.authentication_name
        if found is None:
            return False
        held: Sequence[Any] = found if isinstance(found, list | tuple) else (found,)
        if self.sign in {"<>", "!="}:
            return not any(_is_same(each, self.values[0]) for each in held)
        if self.sign in _NUMBERS_ONLY:
            compare, limit = _COMPARISONS[self.sign], self.values[0]
            return any(_is_number(each) and compare(each, limit) for each in held)
        return any(_is_same(each, value) for each in held for value in self.values)


@dataclass(frozen=True)
class _All:
    parts: tuple["Condition", ...]

    def matches(self, member: Member) -> bool:
        return all(part.matches(member) for part in self.parts)


@dataclass(frozen=True)
class _Any:
    parts: tuple["Condition", ...]

    def matches(self, member: Member) -> bool:
        return any(part.matches(member) for part in self.parts)


Condition = _Everyone | _Comparison | _All | _Any


@dataclass(frozen=True)
class Query:
    """A parsed query."""

    text: str
    _condition: Condition

    def matches(self, member: Member) -> bool:
        """Return whether a client belongs to the group."""
        return self._condition.matches(member)


@lru_cache(maxsize=256)
def parse_query(text: str) -> Query:
    """Parse a query. Raises `QueryError`, which says what is wrong and where."""
    if len(text) > MAX_QUERY_LENGTH:
        raise QueryError(f"The query is longer than {MAX_QUERY_LENGTH} characters.", MAX_QUERY_LENGTH)
    parser = _Parser(text)
    condition = parser.query(0)
    parser.expect_end()
    return Query(text, condition)


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_same(one: Any, other: Any) -> bool:
    """Return whether the values are equal and of the same type, since True equals 1 in Python."""
    return type(one) is type(other) and bool(one == other)


@dataclass(frozen=True)
class _Token:
    kind: str  # "text", "number", "name", "sign" or "end"
    text: str
    at: int

    def is_word(self, word: str) -> bool:
        return self.kind == "name" and self.text.lower() == word


class _Parser:
    """Recursive descent over the tokens of one query."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._next = 0

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._token
        if token.kind != "end":
            self._next += 1
        return token

    def _wrong(self, expected: str) -> QueryError:
        token = self._token
        found = f"“{token.text[:40]}” at character {token.at + 1}" if token.kind != "end" else "the end of the query"
        return QueryError(f"Expected {expected}, but found {found}.", token.at)

    def _sign(self, wanted: str, expected: str) -> None:
        if self._token.kind != "sign" or self._token.text != wanted:
            raise self._wrong(expected)
        self._take()

    def expect_end(self) -> None:
        if self._token.kind != "end":
            raise self._wrong("“and”, “or” or the end of the query")

    def query(self, depth: int) -> Condition:
        parts = [self._condition(depth)]
        while self._token.is_word("or"):
            self._take()
            parts.append(self._condition(depth))
        return parts[0] if len(parts) == 1 else _Any(tuple(parts))

    def _condition(self, depth: int) -> Condition:
        parts = [self._term(depth)]
        while self._token.is_word("and"):
            self._take()
            parts.append(self._term(depth))
        return parts[0] if len(parts) == 1 else _All(tuple(parts))

    def _term(self, depth: int) -> Condition:
        token = self._token
        if token.kind == "sign" and token.text == "(":
            if depth >= MAX_DEPTH:
                raise QueryError(f"Parentheses are nested more than {MAX_DEPTH} deep.", token.at)
            self._take()
            inside = self.query(depth + 1)
            self._sign(")", "“)”")
            return inside
        if token.is_word("true"):
            self._take()
            return _Everyone()
        return self._comparison(self._operand())

    def _operand(self) -> str:
        token = self._token
        if token.kind == "name" and token.text == "authenticationName":
            self._take()
            return ""
        attribute = _ATTRIBUTE.match(token.text) if token.kind == "name" else None
        if attribute is None:
            raise self._wrong("attributes.KEY or authenticationName")
        self._take()
        return attribute[1]

    def _comparison(self, operand: str) -> Condition:
        token = self._token
        if token.is_word("in"):
            self._take()
            return _Comparison(operand, "IN", self._list())
        if token.kind != "sign" or token.text not in _COMPARISONS:
            raise self._wrong("one of = <> != < > <= >= IN")
        self._take()
        if token.text in _NUMBERS_ONLY and self._token.kind != "number":
            raise self._wrong(f"a whole number after {token.text}")
        return _Comparison(operand, token.text, (self._value(),))

    def _list(self) -> tuple[Value, ...]:
        self._sign("[", "“[” after IN")
        values = [self._value()]
        while self._token.kind == "sign" and self._token.text == ",":
            self._take()
            values.append(self._value())
        self._sign("]", "“,” or “]”")
        return tuple(values)

    def _value(self) -> Value:
        token = self._token
        if token.kind == "text":
            self._take()
            return re.sub(r"\\(.)", r"\1", token.text[1:-1])
        if token.kind == "number":
            number = _number(token)
            self._take()
            return number
        if token.is_word("true") or token.is_word("false"):
            self._take()
            return token.text.lower() == "true"
        raise self._wrong("a value: 'text' in quotes, a whole number, true or false")


def _number(token: _Token) -> int:
    """Return the value of a number. Raise `QueryError` if it does not fit into 64 bits."""
    digits = token.text.removeprefix("-").lstrip("0") or "0"
    # Digits are counted first: Python raises ValueError for more than 4,300 of them.
    size = int(digits) if len(digits) <= len(str(MAX_NUMBER)) else MAX_NUMBER + 2
    number = -size if token.text.startswith("-") else size
    if not -MAX_NUMBER - 1 <= number <= MAX_NUMBER:
        raise QueryError(f"The number {token.text[:40]} does not fit into 64 bits.", token.at)
    return number


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            at += len(text[at:]) - len(text[at:].lstrip())
            is_open = text[at] in "'\""
            found_here = "A text without a closing quote" if is_open else f"Unexpected “{text[at]}”"
            raise QueryError(f"{found_here} at character {at + 1}.", at)
        kind = match.lastgroup or ""
        found.append(_Token(kind, match[kind], match.start(kind)))
        at = match.end()
    return [*found, _Token("end", "", end)]
