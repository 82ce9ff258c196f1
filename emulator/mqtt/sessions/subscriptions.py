"""The subscriptions of all sessions, indexed by topic filter. Sans I/O."""

from __future__ import annotations

from typing import NamedTuple

from emulator.mqtt.sessions.session import Session
from emulator.mqtt.sessions.shared_groups import SharedGroup
from emulator.mqtt.wire.packets import Subscription

Holder = Session | SharedGroup


class Matches(NamedTuple):
    """The sessions with filters that match a topic, each with those of its subscriptions, and the shared ones."""

    sessions: tuple[tuple[Session, tuple[Subscription, ...]], ...]
    groups: tuple[SharedGroup, ...]


_CACHED_TOPICS = 2_000


class _Node:
    """One segment of the filters with wildcards."""

    __slots__ = ("below", "here")

    def __init__(self) -> None:
        self.below: dict[str, _Node] = {}
        self.here: dict[Holder, Subscription] = {}


class SubscriptionIndex:
    """Topic filters → sessions and shared groups. Filters without wildcards are looked up; the others form a tree by segment."""

    def __init__(self) -> None:
        self._exact: dict[str, dict[Holder, Subscription]] = {}
        self._tree = _Node()
        self._found: dict[str, Matches] = {}

    def add(self, holder: Holder, topic_filter: str, subscription: Subscription) -> None:
        """Add a subscription, replacing one with the same filter. `topic_filter`: without the group of a shared one."""
        if _has_wildcard(topic_filter):
            node = self._tree
            for level in topic_filter.split("/"):
                node = node.below.setdefault(level, _Node())
            node.here[holder] = subscription
        else:
            self._exact.setdefault(topic_filter, {})[holder] = subscription
        self._found.clear()

    def remove(self, holder: Holder, topic_filter: str) -> None:
        """Remove a subscription, if it exists."""
        if _has_wildcard(topic_filter):
            self._remove_below(self._tree, topic_filter.split("/"), holder)
        else:
            holders = self._exact.get(topic_filter)
            if holders is not None:
                holders.pop(holder, None)
                if not holders:
                    del self._exact[topic_filter]
        self._found.clear()

    def _remove_below(self, node: _Node, levels: list[str], holder: Holder) -> None:
        if not levels:
            node.here.pop(holder, None)
            return
        below = node.below.get(levels[0])
        if below is not None:
            self._remove_below(below, levels[1:], holder)
            if not below.here and not below.below:
                del node.below[levels[0]]

    def match(self, topic: str) -> Matches:
        """Return the holders of a filter that matches `topic` (MQTT 5, section 4.7)."""
        found = self._found.get(topic)
        if found is None:
            found = self._search(topic)
            if len(self._found) >= _CACHED_TOPICS:
                self._found.clear()
            self._found[topic] = found
        return found

    def _search(self, topic: str) -> Matches:
        holders = [self._exact.get(topic, {})]
        levels = topic.split("/")
        nodes = [self._tree]
        for index, level in enumerate(levels):
            wildcards = index > 0 or not topic.startswith("$")  # `$` topics match no leading wildcard
            following = []
            for node in nodes:
                if wildcards and (rest := node.below.get("#")) is not None:
                    holders.append(rest.here)
                if wildcards and (any_one := node.below.get("+")) is not None:
                    following.append(any_one)
                if (same := node.below.get(level)) is not None:
                    following.append(same)
            nodes = following
        for node in nodes:
            holders.append(node.here)
            if (rest := node.below.get("#")) is not None:  # `a/#` matches `a` too
                holders.append(rest.here)
        return _matches(holders)


def _matches(holders: list[dict[Holder, Subscription]]) -> Matches:
    by_session: dict[Session, list[Subscription]] = {}
    groups: list[SharedGroup] = []
    for held in holders:
        for holder, subscription in held.items():
            if isinstance(holder, SharedGroup):
                groups.append(holder)
            else:
                by_session.setdefault(holder, []).append(subscription)
    return Matches(tuple((session, tuple(found)) for session, found in by_session.items()), tuple(groups))


def _has_wildcard(topic_filter: str) -> bool:
    return "+" in topic_filter or "#" in topic_filter
