"""May this client publish to this topic, or subscribe to this filter, and why. Pure.

Event Grid's rule: a permission binding lets a client group publish or subscribe in a topic space. A client may publish
to a topic when some space of which it is a publisher has a template that matches; it may subscribe to a filter when one
template of some space of which it is a subscriber matches everything that the filter does.

Source: Azure Event Grid "Access control for MQTT clients", "Topic spaces", "MQTT client groups".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from namespaces.authorization.group_queries import Member, Query, QueryError, parse_query
from namespaces.authorization.topic_templates import Template, TemplateError, parse_template

EVERYONE = "$all"
PUBLISHER, SUBSCRIBER = "Publisher", "Subscriber"


@dataclass(frozen=True)
class Group:
    """A client group. `$all` is always there and needs no record."""

    name: str
    query: str


@dataclass(frozen=True)
class Space:
    """A topic space."""

    name: str
    templates: tuple[str, ...]


@dataclass(frozen=True)
class Binding:
    """A permission binding. `permission` is "Publisher" or "Subscriber"; names compare ignoring case, as ARM's do."""

    name: str
    group: str
    space: str
    permission: str


@dataclass(frozen=True)
class Access:
    """The answer: allowed or not, one sentence why, what would allow it, and through what it was allowed."""

    allowed: bool
    sentence: str
    fix: str = ""
    binding: str = ""
    group: str = ""
    space: str = ""
    template: str = ""


@dataclass(frozen=True)
class GroupCheck:
    """A client group, and whether the client belongs to it."""

    name: str
    query: str
    belongs: bool


@dataclass(frozen=True)
class TemplateCheck:
    """A topic template: what it is for this client, and whether the topic is in it."""

    text: str
    filled: tuple[str, ...]
    covers: bool

    @property
    def is_same_for_all(self) -> bool:
        return self.filled == (self.text,)


@dataclass(frozen=True)
class SpaceCheck:
    """A topic space with its templates. `covers`: one of them has the topic in it."""

    name: str
    templates: tuple[TemplateCheck, ...]

    @property
    def covers(self) -> bool:
        return any(template.covers for template in self.templates)


@dataclass(frozen=True)
class BindingCheck:
    """A permission binding, and which of its three halves fit."""

    binding: Binding
    belongs: bool
    covers: bool
    permits: bool

    @property
    def allows(self) -> bool:
        return self.belongs and self.covers and self.permits

    @property
    def missing(self) -> str:
        """What does not fit, in words; "" when it allows."""
        if self.allows:
            return ""
        parts = [
            "" if self.belongs else f"the client is not in {self.binding.group}",
            "" if self.covers else f"the topic is not in {self.binding.space}",
            "" if self.permits else f"it is for a {self.binding.permission}",
        ]
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True)
class Explanation:
    """An answer with everything that was looked at on the way to it."""

    access: Access
    groups: tuple[GroupCheck, ...]
    spaces: tuple[SpaceCheck, ...]
    bindings: tuple[BindingCheck, ...]


@dataclass(frozen=True)
class TopicAccess:
    """The groups, spaces and bindings of one namespace. What cannot be understood allows nothing."""

    groups: Sequence[Group] = ()
    spaces: Sequence[Space] = ()
    bindings: Sequence[Binding] = ()
    _queries: dict[str, Query | None] = field(default_factory=dict, repr=False, compare=False)

    @property
    def is_empty(self) -> bool:
        """Whether nobody has written any rule yet: neither a topic space nor a permission binding."""
        return not self.spaces and not self.bindings

    def may_publish(self, member: Member, topic: str) -> Access:
        """Whether a client may publish to a topic (a name, without wildcards)."""
        return self._decide(member, topic, PUBLISHER)

    def may_subscribe(self, member: Member, topic_filter: str) -> Access:
        """Whether a client may subscribe to a topic filter."""
        return self._decide(member, topic_filter, SUBSCRIBER)

    def groups_of(self, member: Member) -> tuple[str, ...]:
        """The names of the groups that a client belongs to now, `$all` first."""
        return (EVERYONE, *(group.name for group in self.groups if self._is_in(member, group)))

    def explain(self, member: Member, topic: str, permission: str) -> Explanation:
        """The same answer as `may_publish` (`permission` "Publisher") or `may_subscribe`, with its whole trace."""
        groups = (
            GroupCheck(EVERYONE, "true", True),
            *(GroupCheck(g.name, g.query, self._is_in(member, g)) for g in self.groups if g.name != EVERYONE),
        )
        spaces = tuple(
            SpaceCheck(
                space.name,
                tuple(
                    TemplateCheck(template.text, template.filled(member), template.covers(topic, member))
                    for template in self._templates[space.name.casefold()]
                ),
            )
            for space in self.spaces
        )
        mine = {group.name.casefold() for group in groups if group.belongs}
        covering = {space.name.casefold() for space in spaces if space.covers}
        bindings = tuple(
            BindingCheck(
                binding,
                belongs=binding.group.casefold() in mine,
                covers=binding.space.casefold() in covering,
                permits=binding.permission == permission,
            )
            for binding in self.bindings
        )
        return Explanation(self._decide(member, topic, permission), groups, spaces, bindings)

    def _is_in(self, member: Member, group: Group) -> bool:
        if group.name == EVERYONE:
            return False  # it is counted once already
        if group.query not in self._queries:
            try:
                self._queries[group.query] = parse_query(group.query)
            except QueryError:
                self._queries[group.query] = None
        query = self._queries[group.query]
        return query is not None and query.matches(member)

    @cached_property
    def _templates(self) -> Mapping[str, tuple[Template, ...]]:
        return {space.name.casefold(): tuple(_understood(space.templates)) for space in self.spaces}

    def _covering(self, member: Member, topic: str) -> dict[str, tuple[Space, Template]]:
        """The spaces that contain the topic for this client, each with the template that does."""
        found = {}
        for space in self.spaces:
            template = next((t for t in self._templates[space.name.casefold()] if t.covers(topic, member)), None)
            if template is not None:
                found[space.name.casefold()] = (space, template)
        return found

    def _decide(self, member: Member, topic: str, permission: str) -> Access:
        covering = self._covering(member, topic)
        verb = "publish to" if permission == PUBLISHER else "subscribe to"
        if not covering:
            kind = "Topic name" if permission == PUBLISHER else "Topic filter"
            return Access(
                False,
                f"{kind} '{topic}' does not match any topic space for {member.authentication_name}.",
                "Add a topic template that matches it to a topic space.",
            )
        mine = {name.casefold(): name for name in self.groups_of(member)}
        for binding in self.bindings:
            held = covering.get(binding.space.casefold())
            if binding.permission == permission and held is not None and binding.group.casefold() in mine:
                space, template = held
                group = mine[binding.group.casefold()]
                return Access(
                    True,
                    f"{member.authentication_name} may {verb} '{topic}': the binding {binding.name} lets the group"
                    f" {group} do so in the topic space {space.name}, by the template {template.text}.",
                    binding=binding.name,
                    group=group,
                    space=space.name,
                    template=template.text,
                )
        spaces = ", ".join(space.name for space, _ in covering.values())
        return Access(
            False,
            f"{member.authentication_name} may not {verb} '{topic}': no permission binding makes one of its groups"
            f" ({', '.join(mine.values())}) a {permission} in {spaces}.",
            f"Add a permission binding with the permission {permission} for one of its groups and {spaces}.",
            space=spaces,
        )


def _understood(texts: Sequence[str]) -> list[Template]:
    found = []
    for text in texts:
        try:
            found.append(parse_template(text))
        except TemplateError:
            continue  # ARM refuses such a template; one that got in nevertheless allows nothing
    return found
