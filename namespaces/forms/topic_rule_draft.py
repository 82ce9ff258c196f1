"""The form of a client group or topic space while it is being filled in: a condition or a template is added or removed.

Nothing is saved: the form comes back as typed, with one change, or with the reason why the change is not possible.
"""

from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

from namespaces.forms.base import without_private_keys
from namespaces.forms.rows import Row
from namespaces.forms.topic_rules import TemplateFormSet
from namespaces.rules.errors import RuleError
from namespaces.rules.query_builder import condition, joined


@dataclass(frozen=True)
class Draft:
    """What the form starts from, what is typed in the query builder, and the error in it."""

    initial: dict[str, Any]
    builder: dict[str, str] = field(default_factory=dict)
    problem: str = ""
    problem_code: str = ""
    rows: list[Row] = field(default_factory=list)  # the topic templates


def changed_draft(data: QueryDict) -> Draft:
    """Return the form's next state after the button `add_condition`, `add_template` or `remove_template`."""
    clean, _ = without_private_keys(data)
    initial: dict[str, Any] = {name: clean[name] for name in clean}
    builder = {name: clean.get(name, "") for name in ("join", "operand", "operator", "value")}
    if "add_condition" not in clean:
        return Draft(initial, builder, rows=TemplateFormSet.changed(clean))
    return with_condition(initial, builder)


def with_condition(initial: dict[str, Any], builder: dict[str, str]) -> Draft:
    """Return the draft with the builder's condition added to `initial["query"]`, or with the reason why it cannot be."""
    try:
        added = condition(builder["operand"], builder["operator"], builder["value"])
    except RuleError as refusal:
        return Draft(initial, builder, refusal.sentence, refusal.code)
    query = joined(str(initial.get("query", "")), builder["join"], added)
    return Draft({**initial, "query": query}, {**builder, "value": ""})
