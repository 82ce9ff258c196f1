"""Decide whether a client may publish to a topic or subscribe to a filter, and explain why. Pure.

Event Grid's rule: a permission binding lets a client group publish or subscribe in a topic space. A client may publish
to a topic when a space for which it is a publisher has a template that matches; it may subscribe to a filter when one
template of a space for which it is a subscriber matches everything that the filter does. Of a shared subscription
`$share/{group}/{filter}`, the filter alone counts.

Source: Azure Event Grid "Access control for MQTT clients", "Topic spaces", "MQTT client groups".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from namespaces.authorization.group_queries import Member, Query, QueryError, parse_query
from namespaces.authorization.topic_templates import Template, TemplateError, parse_template
from namespaces.authorization.topics import filter_within

EVERYONE = "$all"
PUBLISHER, SUBSCRIBER = "Publisher", "Subscriber"


@dataclass(frozen=True)
class Group:
    """A client group with its query. `$all` always exists and needs none."""

    name: str
    query: str


@dataclass(frozen=True)
class Space:
    """A topic space with its topic templates."""

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
    """The decision: `sentence` explains it and `fix` says what would allow it.

    When allowed, `binding`, `group`, `space` and `template` allow it; when refused, `space` names the matching spaces, or
    is "".
    """

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
    """A topic template, filled in for the client, and whether it covers the topic."""

    text: str
    filled: tuple[str, ...]
    covers: bool

    @property
    def is_same_for_all(self) -> bool:
        return self.filled == (self.text,)


@dataclass(frozen=True)
class SpaceCheck:
    """A topic space with its templates. `covers`: one of them covers the topic."""

    name: str
    templates: tuple[TemplateCheck, ...]

    @property
    def covers(self) -> bool:
        return any(template.covers for template in self.templates)


@dataclass(frozen=True)
class BindingCheck:
    """A permission binding, and which of its three parts match."""

    binding: Binding
    belongs: bool
    covers: bool
    permits: bool

    @property
    def allows(self) -> bool:
        return self.belongs and self.covers and self.permits

    @property
    def missing_parts(self) -> list[str]:
        """The parts that do not match: "group", "space", "permission"."""
        matches = {"group": self.belongs, "space": self.covers, "permission": self.permits}
        return [part for part, is_matched in matches.items() if not is_matched]

    @property
    def missing(self) -> str:
        """What does not match, in words; "" when the binding allows the operation."""
        if self.allows:
            return ""
        parts = [
            "" if self.belongs else f"the client is not in {self.binding.group}",
            "" if self.covers else f"the topic is not in {self.binding.space}",
            "" if self.permits else f"the permission is {self.binding.permission}",
        ]
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True)
class Explanation:
    """A decision with everything that was checked for it."""

    access: Access
    groups: tuple[GroupCheck, ...]
    spaces: tuple[SpaceCheck, ...]
    bindings: tuple[BindingCheck, ...]


@dataclass(frozen=True)
class TopicAccess:
    """The groups, spaces and bindings of one namespace. Invalid queries and templates allow nothing.

    `may_publish` and `may_subscribe` decide, `explain` decides with a trace, `groups_of` lists the groups of a client.
    """

    groups: Sequence[Group] = ()
    spaces: Sequence[Space] = ()
    bindings: Sequence[Binding] = ()
    _queries: dict[str, Query | None] = field(default_factory=dict, repr=False, compare=False)

    @property
    def is_empty(self) -> bool:
        """Whether the namespace has neither a topic space nor a permission binding."""
        return not self.spaces and not self.bindings

    def may_publish(self, member: Member, topic: str) -> Access:
        """Decide whether a client may publish to `topic`, a name without wildcards."""
        return self._decide(member, topic, PUBLISHER)

    def may_subscribe(self, member: Member, topic_filter: str) -> Access:
        """Decide whether a client may subscribe to a topic filter, shared or not."""
        return self._decide(member, topic_filter, SUBSCRIBER)

    def groups_of(self, member: Member) -> tuple[str, ...]:
        """Return the names of the groups that a client belongs to, `$all` first."""
        return (EVERYONE, *(group.name for group in self.groups if self._is_in(member, group)))

    def explain(self, member: Member, topic: str, permission: str) -> Explanation:
        """Decide as `may_publish` or `may_subscribe` does, with the trace.

        Arguments: `permission`, `PUBLISHER` or `SUBSCRIBER`.
        """
        compared = _compared(topic, permission)
        groups = (
            GroupCheck(EVERYONE, "true", True),
            *(GroupCheck(g.name, g.query, self._is_in(member, g)) for g in self.groups if g.name != EVERYONE),
        )
        spaces = tuple(
            SpaceCheck(
                space.name,
                tuple(
                    TemplateCheck(template.text, template.filled(member), template.covers(compared, member))
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
            return False  # listed already
        if group.query not in self._queries:
            try:
                self._queries[group.query] = parse_query(group.query)
            except QueryError:
                self._queries[group.query] = None
        query = self._queries[group.query]
        return query is not None and query.matches(member)

    @cached_property
    def _templates(self) -> Mapping[str, tuple[Template, ...]]:
        return {space.name.casefold(): tuple(_valid(space.templates)) for space in self.spaces}

    def _covering(self, member: Member, topic: str) -> dict[str, tuple[Space, Template]]:
        """Return the spaces that cover the topic for this client, each with the template that does."""
        found = {}
        for space in self.spaces:
            template = next((t for t in self._templates[space.name.casefold()] if t.covers(topic, member)), None)
            if template is not None:
                found[space.name.casefold()] = (space, template)
        return found

    def _decide(self, member: Member, topic: str, permission: str) -> Access:
        covering = self._covering(member, _compared(topic, permission))
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
                    f"{member.authentication_name} may {verb} '{topic}': the permission binding {binding.name} allows it"
                    f" for the group {group} in the topic space {space.name}, by the template {template.text}.",
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


def _compared(topic: str, permission: str) -> str:
    """Return what the templates are compared with. A message is published to its topic, whatever it starts with."""
    return filter_within(topic) if permission == SUBSCRIBER else topic


def _valid(texts: Sequence[str]) -> list[Template]:
    found = []
    for text in texts:
        try:
            found.append(parse_template(text))
        except TemplateError:
            continue  # ARM rejects such a template; one that is stored nevertheless allows nothing
    return found
