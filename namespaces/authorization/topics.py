"""Validate and match MQTT topic names and topic filters. Pure.

Source: MQTT 5.0, sections 4.7.1 to 4.7.3 (the same rules as 3.1.1).
"""


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
