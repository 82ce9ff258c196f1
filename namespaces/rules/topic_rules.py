"""What client groups, topic spaces and permission bindings must be. Pure: forms, actions and the import all ask here.

The rules are those of Azure Event Grid namespaces (limits page, "MQTT client groups", "Topic spaces").
"""

from collections.abc import Callable, Iterable, Sequence

from namespaces.authorization.group_queries import QueryError, parse_query
from namespaces.authorization.topic_access import PUBLISHER, SUBSCRIBER
from namespaces.authorization.topic_templates import TemplateError, parse_template
from namespaces.authorization.topics import (
    MAX_BYTES,
    MAX_SEGMENTS,
    filter_within,
    is_subscription,
    is_topic_name,
    shared_filter,
)
from namespaces.rules.errors import RuleError

MAX_TEMPLATES = 10
PERMISSIONS = (PUBLISHER, SUBSCRIBER)


def check_query(query: str) -> None:
    """Raise RuleError unless `query` can be parsed: one that cannot be matches no client."""
    if not query.strip():
        raise RuleError(
            "query", "required", "Type which clients belong to the group, such as attributes.type = 'press'."
        )
    if "\x00" in query:
        raise RuleError("query", "nul", "The query contains a NUL character; remove it.")
    try:
        parse_query(query)
    except QueryError as error:
        raise RuleError("query", "not-understood", str(error)) from None


def template_problem(template: str) -> str:
    """Why `template` cannot be a topic template, as a sentence; "" when it can."""
    try:
        parse_template(template)
    except TemplateError as error:
        return str(error)
    except UnicodeEncodeError:
        return "The topic template contains half a character; type it again."
    return ""


def check_templates(templates: Sequence[str]) -> None:
    """Raise RuleError unless a topic space may have these templates."""
    if not templates:
        raise RuleError("templates", "required", "A topic space needs at least one topic template.")
    if len(templates) > MAX_TEMPLATES:
        raise RuleError(
            "templates",
            "too-many",
            f"A topic space has at most {MAX_TEMPLATES} topic templates; {len(templates)} were given.",
        )
    for template in templates:
        problem = template_problem(template)
        if problem:
            raise RuleError("templates", "not-understood", f"“{template[:80]}”: {problem}")
    twice = next((template for template in templates if list(templates).count(template) > 1), None)
    if twice is not None:
        raise RuleError("templates", "same-twice", f"“{twice}” is listed twice. Remove one of them.")


def check_topic(topic: str, permission: str) -> None:
    """Raise RuleError unless a Publisher could publish to `topic`, or a Subscriber subscribe to it as a filter."""
    if not topic:
        raise RuleError("topic", "required", "Type a topic.")
    if permission == PUBLISHER and not is_topic_name(topic):
        raise RuleError("topic", "wildcard", "A message is published to one topic: leave out + and #.")
    if permission == SUBSCRIBER and not is_subscription(topic):
        shared = shared_filter(topic)
        if shared is not None and not (is_topic_name(shared.group) and shared.topic_filter):
            raise RuleError(
                "topic", "shared", "Write a shared subscription as “$share/GROUP/FILTER”; the group has no + and #."
            )
        raise RuleError(
            "topic", "wildcard", "“+” must be a whole segment, and “#” the whole last segment, of a filter."
        )
    compared = filter_within(topic) if permission == SUBSCRIBER else topic
    if compared.count("/") >= MAX_SEGMENTS:
        raise RuleError("topic", "segments", f"A topic has at most {MAX_SEGMENTS} segments.")
    if max(len(part.encode("utf-8", "surrogatepass")) for part in (compared, topic[: -len(compared)])) > MAX_BYTES:
        raise RuleError("topic", "too-long", f"A topic has at most {MAX_BYTES} bytes.")


def check_permission(permission: str) -> None:
    """Raise RuleError unless `permission` is one that a binding can give."""
    if permission not in PERMISSIONS:
        raise RuleError("permission", "unknown", "The permission is Publisher or Subscriber.")


def problems(checks: Iterable[Callable[[], None]]) -> list[str]:
    """What the rules would refuse of something that is already there, as sentences."""
    found = []
    for check in checks:
        try:
            check()
        except RuleError as refusal:
            found.append(refusal.sentence)
    return found
