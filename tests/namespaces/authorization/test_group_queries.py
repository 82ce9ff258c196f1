"""Queries of client groups and the clients that match them."""

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
WRONG = [  # query, offset of the mistake
    ("", 0),
    ("   ", 0),
    ("false", 0),
    ("attributes.type", 15),
    ("attributes.type =", 17),
    ("attributes.type = press", 18),
    ("attributes.type = 'press", 18),
    ("attributes.type == 'press'", 17),
    ("attributes.floor > 'a'", 19),
    ("attributes.floor = 7.5", 19),
    ("attributes.floor = 9223372036854775808", 19),
    ("attributes. type = 'x'", 0),
    ("attributes.a.b = 'x'", 0),
    ("attributes.a-b = 'x'", 12),
    ("type = 'press'", 0),
    ("authenticationname = 'x'", 0),
    ("attributes.type IN 'press'", 19),
    ("attributes.type IN []", 20),
    ("attributes.type IN ['a' 'b']", 24),
    ("attributes.type IN ['a',", 24),
    ("(attributes.type = 'a'", 22),
    ("attributes.type = 'a')", 21),
    ("attributes.type = 'a' attributes.floor = 1", 22),
    ("attributes.type = 'a' and", 25),
    ("or attributes.type = 'a'", 0),
    ("not attributes.type = 'a'", 0),
    ("attributes.type = 'a'; drop", 21),
    ("attributes.naïve = 'a'", 0),
    ("(" * (MAX_DEPTH + 1) + "true" + ")" * (MAX_DEPTH + 1), 30),
    ("attributes.type = '" + "x" * 5_000 + "'", 4096),
]


@pytest.mark.parametrize("query", TRUE)
def test_the_client_belongs_to_the_group(query: str) -> None:
    assert parse_query(query).matches(PRESS)


@pytest.mark.parametrize("query", FALSE)
def test_the_client_does_not_belong_to_the_group(query: str) -> None:
    assert not parse_query(query).matches(PRESS)


@pytest.mark.parametrize(("query", "at"), WRONG, ids=[query[:40] or "empty" for query, _ in WRONG])
def test_an_invalid_query_names_the_place_of_the_mistake(query: str, at: int) -> None:
    with pytest.raises(QueryError) as raised:
        parse_query(query)
    assert raised.value.at == at
    assert str(raised.value).endswith(".")


@pytest.mark.parametrize("attributes", [{}, {"type": None}, {"type": {"a": 1}}, {"type": [["press"]]}, {"type": 1.5}])
def test_odd_attributes_only_do_not_match(attributes: dict[str, Any]) -> None:
    assert not parse_query("attributes.type = 'press' or attributes.type > 1").matches(Member("x", attributes))


def test_a_quote_inside_a_text_is_escaped() -> None:
    assert parse_query(r"attributes.a = 'it\'s'").matches(Member("x", {"a": "it's"}))
    assert parse_query('attributes.a = "it\'s"').matches(Member("x", {"a": "it's"}))
