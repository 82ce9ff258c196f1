"""What groups, spaces and bindings mean for the clients that are registered now, by the engine that the endpoint uses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from namespaces.authorization.group_queries import QueryError, parse_query
from namespaces.authorization.topic_access import EVERYONE, SUBSCRIBER, Explanation, TopicAccess
from namespaces.authorization.topic_templates import TemplateError, member_of, parse_template
from namespaces.authorization.topics import filter_within, is_topic_name
from namespaces.models import Client, ClientGroup, Namespace, PermissionBinding, TopicRule, TopicSpace
from namespaces.rules.query_builder import Operand, operands

SHOWN = 50


@dataclass(frozen=True)
class Matches:
    """The clients that match a query. `problem`: why it cannot match any."""

    query: str
    problem: str
    total: int
    of: int
    shown: tuple[str, ...]

    @property
    def more(self) -> int:
        return self.total - len(self.shown)


def matches_of(namespace: Namespace, query: str) -> Matches:
    """Who belongs to the group of this query now."""
    clients = _clients(namespace)
    try:
        parsed = parse_query(query)
    except QueryError as error:
        return Matches(query, str(error), 0, len(clients), ())
    names = [name for name, said, attributes in clients if parsed.matches(member_of(said, attributes))]
    return Matches(query, "", len(names), len(clients), tuple(names[:SHOWN]))


def _clients(namespace: Namespace) -> list[tuple[str, str, Mapping[str, Any]]]:
    rows = Client.visible_to(namespace.sight).present().order_by("name")
    return list(rows.values_list("name", "authentication_name", "attributes"))


def operands_in(namespace: Namespace) -> tuple[Operand, ...]:
    """What a query can ask of the clients of this namespace."""
    return operands(attributes for _, _, attributes in _clients(namespace))


def query_of(namespace: Namespace, group_name: str) -> str:
    """The query of a group by its name; "" where there is no such group."""
    if group_name.lower() == EVERYONE:
        return "true"
    group = ClientGroup.visible_to(namespace.sight).present().named(group_name).first()
    return group.query if group is not None else ""


def rules_of(namespace: Namespace) -> TopicAccess:
    """What is registered here, as the engine takes it."""
    groups, spaces, bindings = (
        [row.as_rule() for row in model.visible_to(namespace.sight).present()]
        for model in (ClientGroup, TopicSpace, PermissionBinding)
    )
    return TopicAccess(tuple(groups), tuple(spaces), tuple(bindings))


@dataclass(frozen=True)
class ShownTemplate:
    """A topic template, and what it is for one of the clients."""

    text: str
    problem: str
    sample: str = ""
    of: str = ""


def shown_templates(namespace: Namespace, templates: Sequence[str]) -> list[ShownTemplate]:
    """Each template, with an example where it holds variables."""
    first = next(iter(_clients(namespace)), None)
    found = []
    for text in templates:
        try:
            template = parse_template(text)
        except (TemplateError, UnicodeEncodeError) as error:
            found.append(ShownTemplate(text, str(error)))
            continue
        filled = template.filled(member_of(*first[1:])) if first is not None and template.variables else ()
        found.append(ShownTemplate(text, "", filled[0], first[0]) if filled and first else ShownTemplate(text, ""))
    return found


@dataclass(frozen=True)
class Reach:
    """What uses a row, and which clients and topics it affects."""

    bindings: tuple[PermissionBinding, ...]
    matches: Matches | None = None  # the clients of the group, or of the binding's group
    templates: tuple[ShownTemplate, ...] = ()
    group: ClientGroup | None = None
    space: TopicSpace | None = None


def reach_of(row: TopicRule) -> Reach:
    """For the page of a group, space or binding, and before it is deleted."""
    bindings = tuple(row.bindings().present().order_by("name"))
    if isinstance(row, ClientGroup):
        return Reach(bindings, matches_of(row.namespace, row.query))
    if isinstance(row, TopicSpace):
        return Reach(bindings, templates=tuple(shown_templates(row.namespace, row.templates)))
    assert isinstance(row, PermissionBinding)
    space = row.topic_space()
    return Reach(
        bindings,
        matches_of(row.namespace, query_of(row.namespace, row.client_group_name)),
        tuple(shown_templates(row.namespace, space.templates)) if space is not None else (),
        row.client_group(),
        space,
    )


@dataclass(frozen=True)
class Explained:
    """May a client publish or subscribe, with what else must be known to believe the answer."""

    client: Client
    permission: str
    topic: str
    explanation: Explanation
    on_the_way: int  # changes of rules, or of the client, that Azure does not have yet
    has_no_rules: bool
    is_open: (
        bool  # the endpoint allows it all the same: there is no rule yet, and it lets everything pass until there is
    )
    own_topic: str = ""  # a topic, or a filter, that the client may use already
    other: str = ""  # another client whose authentication name is in the topic

    @property
    def groups(self) -> list[str]:
        """The groups of the client, without the built-in one."""
        return [group.name for group in self.explanation.groups if group.belongs and group.name != EVERYONE]

    @property
    def spaces(self) -> list[str]:
        """The topic spaces that hold the topic."""
        return [space.name for space in self.explanation.spaces if space.covers]

    @property
    def own_spaces(self) -> list[str]:
        """Return the topic spaces in which the client has this permission already, for other topics."""
        bindings = [check.binding for check in self.explanation.bindings if check.belongs and check.permits]
        return list(dict.fromkeys(binding.space for binding in bindings))

    @property
    def template(self) -> str:
        """Return the template that covers the topic and grants least: its own name in it is a variable."""
        topic = filter_within(self.topic) if self.permission == SUBSCRIBER else self.topic
        own = self.client.authentication_name
        return "/".join("${client.authenticationName}" if level == own else level for level in topic.split("/"))


def explain(client: Client, topic: str, permission: str) -> Explained:
    """Decided with what is registered here, by the engine that the endpoint uses."""
    rules = rules_of(client.namespace)
    member = member_of(client.authentication_name, client.attributes)
    waiting = sum(
        model.visible_to(client.namespace.sight).unsettled().count()
        for model in (ClientGroup, TopicSpace, PermissionBinding)
    )
    return Explained(
        client,
        permission,
        topic,
        rules.explain(member, topic, permission),
        waiting + (0 if client.is_settled else 1),
        rules.is_empty,
        rules.is_empty and settings.MQTT_OPEN_WITHOUT_RULES,
        _topic_of_its_own(client, permission),
        _other_in(client, topic),
    )


def _topic_of_its_own(client: Client, permission: str) -> str:
    if permission == SUBSCRIBER:
        return filter_to_try(client)
    topic, is_allowed = topic_to_try(client)
    return topic if is_allowed else ""


def _other_in(client: Client, topic: str) -> str:
    """Return another client that a level of the topic names; "" for none."""
    levels = [level for level in topic.split("/") if level and level != client.authentication_name]
    others = Client.visible_to(client.namespace.sight).present().exclude(pk=client.pk)
    return others.filter(authentication_name__in=levels).order_by("name").values_list("name", flat=True).first() or ""


def topic_to_try(client: Client) -> tuple[str, bool]:
    """A topic that the client may publish to, and whether there is one: else any topic, which Azure would deny."""
    rules = rules_of(client.namespace)
    member = member_of(client.authentication_name, client.attributes)
    for space in rules.spaces:
        for text in space.templates:
            for filled in _filled(text, client):
                topic = "/".join("test" if level in {"+", "#"} else level for level in filled.split("/"))
                if is_topic_name(topic) and rules.may_publish(member, topic).allowed:
                    return topic, True
    return "sample", False


def filter_to_try(client: Client) -> str:
    """A topic filter that the client may subscribe to; "" where there is none."""
    rules = rules_of(client.namespace)
    member = member_of(client.authentication_name, client.attributes)
    found = (filled for space in rules.spaces for text in space.templates for filled in _filled(text, client))
    return next((filled for filled in found if rules.may_subscribe(member, filled).allowed), "")


def _filled(text: str, client: Client) -> tuple[str, ...]:
    try:
        return parse_template(text).filled(member_of(client.authentication_name, client.attributes))
    except (TemplateError, UnicodeEncodeError):
        return ()
