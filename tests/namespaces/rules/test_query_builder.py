"""Queries built from parts: what is written, and that it means what was asked."""

import pytest

from namespaces.authorization.group_queries import Member, parse_query
from namespaces.rules.errors import RuleError
from namespaces.rules.query_builder import condition, joined, operands

PRESS = Member("press-07", {"type": "press", "floor": 7, "note": "it's \\ here", "code": "7"})


@pytest.mark.parametrize(
    ("operand", "operator", "value", "written", "matches"),
    [
        ("attributes.type", "=", "press", "attributes.type = 'press'", True),
        ("attributes.type", "=", " press ", "attributes.type = 'press'", True),
        ("attributes.type", "=", "'press'", "attributes.type = 'press'", True),
        ("attributes.type", "<>", "robot", "attributes.type <> 'robot'", True),
        ("attributes.floor", "=", "7", "attributes.floor = 7", True),
        ("attributes.code", "=", "'7'", "attributes.code = '7'", True),
        ("attributes.code", "=", "7", "attributes.code = 7", False),
        ("attributes.floor", ">=", "-8", "attributes.floor >= -8", True),
        ("attributes.floor", "IN", "1, 7", "attributes.floor IN [1, 7]", True),
        ("attributes.type", "IN", "robot, press", "attributes.type IN ['robot', 'press']", True),
        ("attributes.note", "=", "it's \\ here", "attributes.note = 'it\\'s \\\\ here'", True),
        ("authenticationName", "=", "7", "authenticationName = '7'", False),
        ("authenticationName", "IN", "press-07", "authenticationName IN ['press-07']", True),
    ],
)
def test_a_condition_is_written_so_that_it_means_what_was_asked(
    operand: str, operator: str, value: str, written: str, matches: bool
) -> None:
    assert condition(operand, operator, value) == written
    assert parse_query(written).matches(PRESS) is matches


@pytest.mark.parametrize(
    ("operand", "operator", "value", "field"),
    [
        ("attributes.type", "LIKE", "x", "operator"),
        ("attributes.a-b", "=", "x", "operand"),
        ("", "=", "x", "operand"),
        ("attributes.type", "=", " ", "value"),
        ("attributes.floor", "<", "high", "value"),
    ],
)
def test_a_part_that_cannot_be_is_named(operand: str, operator: str, value: str, field: str) -> None:
    with pytest.raises(RuleError) as refusal:
        condition(operand, operator, value)
    assert refusal.value.field == field


@pytest.mark.parametrize(
    ("query", "join", "expected"),
    [
        ("", "and", "new"),
        ("true", "and", "new"),
        ("a = 1", "and", "a = 1 and new"),
        ("a = 1", "or", "a = 1 or new"),
        ("a = 1 or b = 2", "and", "(a = 1 or b = 2) and new"),
        ("a = 1 or b = 2", "or", "a = 1 or b = 2 or new"),
        ("a = 'this or that'", "and", "a = 'this or that' and new"),
    ],
)
def test_one_more_condition_leaves_the_meaning_of_the_others(query: str, join: str, expected: str) -> None:
    assert joined(query, join, "new") == expected


def test_what_can_be_asked_comes_from_the_clients() -> None:
    found = operands([{"type": "press", "lines": ["a", "b"]}, {"type": "robot", "x-y": 1}, {"type": "press"}])
    assert [(each.text, each.samples) for each in found] == [
        ("authenticationName", ()),
        ("attributes.lines", ("a", "b")),
        ("attributes.type", ("press", "robot")),
    ]
