"""Topic filters and shared subscriptions."""

import pytest

from namespaces.authorization.topics import filter_within, is_subscription, shared_filter


@pytest.mark.parametrize(
    ("text", "group", "topic_filter", "is_valid"),
    [
        ("$share/g/a", "g", "a", True),
        ("$share/g/a/+/#", "g", "a/+/#", True),
        ("$share/g//", "g", "/", True),
        ("$share/g/$share/h/a", "g", "$share/h/a", True),
        ("$share/g", "g", "", False),
        ("$share/g/", "g", "", False),
        ("$share//a", "", "a", False),
        ("$share/", "", "", False),
        ("$share/+/a", "+", "a", False),
        ("$share/g#/a", "g#", "a", False),
        ("$share/g/a+", "g", "a+", False),
    ],
)
def test_a_shared_subscription_has_a_group_and_a_filter(
    text: str, group: str, topic_filter: str, is_valid: bool
) -> None:
    assert shared_filter(text) == (group, topic_filter)
    assert filter_within(text) == topic_filter
    assert is_subscription(text) is is_valid


@pytest.mark.parametrize(("text", "is_valid"), [("a/#", True), ("$share", True), ("share/g/a", True), ("a/#/b", False)])
def test_any_other_filter_is_its_own(text: str, is_valid: bool) -> None:
    assert shared_filter(text) is None
    assert filter_within(text) == text
    assert is_subscription(text) is is_valid
