"""Queries of client groups against clients: the answers are written down by hand."""

from typing import Any

import pytest

from namespaces.authorization.group_queries import MAX_DEPTH, Member, QueryError, parse_query

PRESS = Member(
    "press-07",
    {"type": "press", "floor": 7, "line": "A", "sensors": ["motion", "heat"], "spare": False, "empty": [], "low": -3},
)

TRUE = [
    "true",
    "TRUE",
    "attributes.type = 'press'",
    'attributes.type = "press"',
    "attributes.type='press'",
    "  attributes.type   =\n'press'  ",
    "attributes.type <> 'robot'",
    "attributes.type != 'robot'",
    "attributes.floor = 7",
    "attributes.floor > 6",
    "attributes.floor >= 7",
    "attributes.floor < 8",
    "attributes.floor <= 7",
    "attributes.floor <> 8",
    "attributes.low = -3",
    "attributes.low < 0",
    "attributes.floor < 9223372036854775807",
    "attributes.type IN ['robot', 'press']",
    "attributes.type in ['press']",
    "attributes.floor IN [1, 7]",
    "authenticationName = 'press-07'",
    "authenticationName IN ['robot-1', 'press-07']",
    "authenticationName <> 'robot-1'",
    "attributes.sensors = 'motion'",
    "attributes.sensors = 'heat'",
    "attributes.sensors IN ['cold', 'heat']",
    "attributes.sensors <> 'cold'",
    "attributes.empty <> 'anything'",
    "attributes.spare = false",
    "attributes.spare <> true",
    "attributes.type = 'press' and attributes.floor = 7",
    "attributes.type = 'robot' or attributes.floor = 7",
    "attributes.type = 'press' or attributes.type = 'x' and attributes.floor = 1",
    "attributes.type = 'x' and attributes.floor = 1 or attributes.line = 'A'",
    "attributes.type = 'press' AND (attributes.floor = 1 OR attributes.line = 'A')",
    "((attributes.type = 'press'))",
    "(attributes.sensors = 'motion' or attributes.sensors = 'humidity') and attributes.floor > 1",
    "attributes.floor <> '7'",
]
FALSE = [
    "attributes.type = 'robot'",
    "attributes.type = 'Press'",
    "attributes.type = 'pres'",
    "attributes.Type = 'press'",
    "attributes.type <> 'press'",
    "attributes.floor = 8",
    "attributes.floor = '7'",
    "attributes.type = 7",
    "attributes.floor > 7",
    "attributes.floor < 7",
    "attributes.floor >= 8",
    "attributes.type > 5",
    "attributes.spare = 0",
    "attributes.spare < 1",
    "attributes.missing = 'x'",
    "attributes.missing <> 'x'",
    "attributes.missing < 1",
    "attributes.missing IN ['x']",
    "attributes.sensors = 'cold'",
    "attributes.sensors <> 'motion'",
    "attributes.empty = 'motion'",
    "authenticationName = 'PRESS-07'",
    "authenticationName IN ['robot-1']",
    "attributes.type = 'press' and attributes.floor = 1",
    "attributes.type = 'robot' or attributes.floor = 1",
    "(attributes.type = 'press' or attributes.type = 'x') and attributes.floor = 1",
]
WRONG = [
    ("", "the end of the query"),
    ("   ", "the end of the query"),
    ("false", "attributes.KEY or authenticationName"),
    ("attributes.type", "one of = <>"),
    ("attributes.type =", "a value"),
    ("attributes.type = press", "a value"),
    ("attributes.type = 'press", "no closing quote"),
    ("attributes.type == 'press'", "“=” at character 18"),
    ("attributes.floor > 'a'", "a whole number after >"),
    ("attributes.floor = 7.5", "has no meaning"),
    ("attributes.floor = 9223372036854775808", "64 bits"),
    ("attributes. type = 'x'", "attributes.KEY"),
    ("attributes.a.b = 'x'", "attributes.KEY"),
    ("attributes.a-b = 'x'", "has no meaning"),
    ("type = 'press'", "attributes.KEY or authenticationName"),
    ("authenticationname = 'x'", "attributes.KEY or authenticationName"),
    ("attributes.type IN 'press'", "“[” after IN"),
    ("attributes.type IN []", "a value"),
    ("attributes.type IN ['a' 'b']", "“,” or “]”"),
    ("attributes.type IN ['a',", "the end of the query"),
    ("(attributes.type = 'a'", "“)”"),
    ("attributes.type = 'a')", "“and”, “or” or the end"),
    ("attributes.type = 'a' attributes.floor = 1", "“and”, “or” or the end"),
    ("attributes.type = 'a' and", "the end of the query"),
    ("or attributes.type = 'a'", "attributes.KEY"),
    ("not attributes.type = 'a'", "attributes.KEY"),
    ("attributes.type = 'a'; drop", "“;” has no meaning"),
    ("attributes.naïve = 'a'", "attributes.KEY"),
    ("(" * (MAX_DEPTH + 1) + "true" + ")" * (MAX_DEPTH + 1), "parentheses"),
    ("attributes.type = '" + "x" * 5_000 + "'", "longer than"),
]


@pytest.mark.parametrize("query", TRUE)
def test_the_client_belongs_to_the_group(query: str) -> None:
    assert parse_query(query).matches(PRESS)


@pytest.mark.parametrize("query", FALSE)
def test_the_client_does_not_belong_to_the_group(query: str) -> None:
    assert not parse_query(query).matches(PRESS)


@pytest.mark.parametrize(("query", "named"), WRONG, ids=[query[:40] or "empty" for query, _ in WRONG])
def test_a_wrong_query_is_named_with_its_place(query: str, named: str) -> None:
    with pytest.raises(QueryError) as raised:
        parse_query(query)
    assert named in str(raised.value)
    assert str(raised.value).endswith(".")
    assert 0 <= raised.value.at <= len(query)


@pytest.mark.parametrize("attributes", [{}, {"type": None}, {"type": {"a": 1}}, {"type": [["press"]]}, {"type": 1.5}])
def test_odd_attributes_only_do_not_match(attributes: dict[str, Any]) -> None:
    assert not parse_query("attributes.type = 'press' or attributes.type > 1").matches(Member("x", attributes))


def test_a_quote_inside_a_text_is_escaped() -> None:
    assert parse_query(r"attributes.a = 'it\'s'").matches(Member("x", {"a": "it's"}))
    assert parse_query('attributes.a = "it\'s"').matches(Member("x", {"a": "it's"}))
