"""Validate and match MQTT topic names, topic filters and shared subscriptions. Pure.

Sources: MQTT 5.0, sections 4.7.1 to 4.7.3 (the same rules as 3.1.1) and 4.8.2.
"""

from typing import NamedTuple

MAX_SEGMENTS = 15  # Event Grid, since May 2025; 8 before
MAX_BYTES = 256
SHARED = "$share/"


class SharedFilter(NamedTuple):
    """The parts of a shared subscription `$share/{group}/{topic filter}`. Either may be "" where it is not valid."""

    group: str
    topic_filter: str


def shared_filter(text: str) -> SharedFilter | None:
    """Return the parts of a shared subscription, or None for any other topic filter."""
    if not text.startswith(SHARED):
        return None
    group, _, topic_filter = text.removeprefix(SHARED).partition("/")
    return SharedFilter(group, topic_filter)


def filter_within(text: str) -> str:
    """Return the topic filter that messages are compared with: of a shared subscription, what follows its group."""
    shared = shared_filter(text)
    return text if shared is None else shared.topic_filter


def is_subscription(text: str) -> bool:
    """Return whether a client may subscribe to this: a valid topic filter, or a valid shared subscription."""
    shared = shared_filter(text)
    if shared is None:
        return is_topic_filter(text)
    return is_topic_name(shared.group) and is_topic_filter(shared.topic_filter)


def is_topic_name(topic: str) -> bool:
    """Return whether a message can have this topic: not empty, without wildcards."""
    return bool(topic) and "+" not in topic and "#" not in topic and "\x00" not in topic


def is_topic_filter(topic_filter: str) -> bool:
    """Return whether a topic filter is valid: `+` only as a whole segment, `#` only as the whole last segment."""
    if not topic_filter or "\x00" in topic_filter:
        return False
    if "+" not in topic_filter and "#" not in topic_filter:
        return True
    levels = topic_filter.split("/")
    well_placed = all(level in {"+", "#"} or ("+" not in level and "#" not in level) for level in levels)
    return well_placed and "#" not in levels[:-1]


def topic_matches(topic_filter: str, topic: str) -> bool:
    """Return whether a topic filter matches a topic. A topic that starts with `$` matches no leading wildcard."""
    if topic.startswith("$") and topic_filter[:1] in {"+", "#"}:
        return False
    wanted, levels = topic_filter.split("/"), topic.split("/")
    for index, level in enumerate(wanted):
        if level == "#":
            return True
        if index >= len(levels) or (level != "+" and level != levels[index]):
            return False
    return len(wanted) == len(levels)
