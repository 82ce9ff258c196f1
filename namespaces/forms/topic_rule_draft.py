"""The form of a client group or topic space while it is being filled in: one condition, one template more or less.

Nothing is stored: the form comes back as it was typed, with one change, or with why the change is not possible.
"""

from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

from namespaces.forms.base import without_private_keys
from namespaces.forms.topic_rules import one_per_line
from namespaces.rules.clients import RuleError
from namespaces.rules.query_builder import condition, joined
from namespaces.rules.topic_rules import MAX_TEMPLATES


@dataclass(frozen=True)
class Draft:
    """What the form starts from, what is typed in the builder, and what is wrong with that."""

    initial: dict[str, Any]
    builder: dict[str, str] = field(default_factory=dict)
    problem: str = ""


def changed_draft(data: QueryDict) -> Draft:
    """The form's next state. The pressed button is `add_condition`, `add_template` or `remove_template`."""
    clean, _ = without_private_keys(data)
    initial: dict[str, Any] = {name: clean[name] for name in clean}
    initial["templates"] = _changed_templates(clean)
    builder = {name: clean.get(name, "") for name in ("join", "operand", "operator", "value")}
    if "add_condition" not in clean:
        return Draft(initial, builder)
    return with_condition(initial, builder)


def with_condition(initial: dict[str, Any], builder: dict[str, str]) -> Draft:
    """`initial["query"]` with the condition of the builder, which is empty then; or why it cannot be added."""
    try:
        added = condition(builder["operand"], builder["operator"], builder["value"])
    except RuleError as refusal:
        return Draft(initial, builder, refusal.sentence)
    query = joined(str(initial.get("query", "")), builder["join"], added)
    return Draft({**initial, "query": query}, {**builder, "value": ""})


def _changed_templates(data: QueryDict) -> list[str]:
    templates = data.getlist("templates")
    pressed = data.get("remove_template", "")
    if pressed.isascii() and pressed.isdigit() and int(pressed[:4]) < len(templates):
        del templates[int(pressed[:4])]
    templates = one_per_line(templates)
    if "add_template" in data and len(templates) < MAX_TEMPLATES:
        templates.append("")
    return templates
