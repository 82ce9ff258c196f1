"""The forms of client groups, topic spaces and permission bindings."""

import re
from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from namespaces.authorization.topic_access import EVERYONE
from namespaces.forms.base import (
    IN_A_ROW,
    ResourceForm,
    TeamField,
    check_name_is_free,
    offer_teams,
    rule_as_field_error,
)
from namespaces.forms.rows import Row, RowForm, RowFormSet
from namespaces.models import ClientGroup, Namespace, PermissionBinding, TopicRule, TopicSpace
from namespaces.rules import clients as rules
from namespaces.rules import topic_rules
from namespaces.rules.errors import RuleError
from portal.models import User

PLAIN = {"autocomplete": "off", "spellcheck": "false"}


class TopicRuleForm(ResourceForm):
    """Name, description and team, which all three have. The name and team of an existing row cannot change."""

    model: type[TopicRule]
    value_names: tuple[str, ...]

    name = forms.CharField(
        label="Name",
        help_text="3 to 50 letters, digits and hyphens, unique in this namespace.",
        widget=forms.TextInput(attrs={**PLAIN, "maxlength": 50}),
        error_messages={"required": "Give it a name."},
    )
    description = forms.CharField(
        label="Description", required=False, widget=forms.Textarea(attrs={"rows": 2, "placeholder": "What is it for"})
    )
    team = TeamField()

    def __init__(
        self, *args: Any, namespace: Namespace, user: User, row: TopicRule | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.namespace = namespace
        if row is not None:
            del self.fields["name"], self.fields["team"]
            return
        offer_teams(self, user, namespace, self.model)

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        with rule_as_field_error():
            rules.check_resource_name(name)
        check_name_is_free(self.model, self.namespace, name)
        return name

    def clean_description(self) -> str:
        text: str = self.cleaned_data["description"]
        with rule_as_field_error():
            rules.check_description(text)
        return text

    def values(self) -> dict[str, Any]:
        """Return the cleaned values as keyword arguments of the action."""
        fixed = [name for name in ("name", "team") if name in self.fields]
        return {name: self.cleaned_data[name] for name in (*fixed, *self.value_names, "description")}


class ClientGroupForm(TopicRuleForm):
    model = ClientGroup
    value_names = ("query",)

    query = forms.CharField(
        label="Query",
        help_text="Such as attributes.type = 'press' and attributes.floor IN [1, 2]. “true” means every client.",
        widget=forms.Textarea(attrs={"rows": 3, "class": "mono", "spellcheck": "false"}),
        error_messages={"required": "Type which clients belong to the group, such as attributes.type = 'press'."},
    )
    field_order = ("name", "query", "description", "team")

    def clean_query(self) -> str:
        query: str = self.cleaned_data["query"]
        with rule_as_field_error():
            topic_rules.check_query(query)
        return query


class TemplateForm(RowForm):
    """One topic template."""

    typed_fields = ("text",)

    text = forms.CharField(
        label="Topic template",
        widget=forms.Textarea(attrs={**PLAIN, "rows": 1, "class": "input mono one-line"}),
    )

    def clean_text(self) -> str:
        text: str = self.cleaned_data["text"]
        problem = topic_rules.template_problem(text)
        if problem:
            raise ValidationError(problem, code="not-understood")
        return text


class TemplateFormSet(RowFormSet):
    """The topic templates of a topic space. Several lines pasted into one row become several rows."""

    form = TemplateForm
    noun = "template"
    set_name = "templates"
    max_num = topic_rules.MAX_TEMPLATES
    validate_max = False  # the rule has the better words

    @classmethod
    def split(cls, rows: list[Row]) -> list[Row]:
        texts = [str(row.get("text", "")).strip("\r\n") for row in rows]
        return [{"text": line} for text in texts for line in re.split(r"[\r\n]+", text)]

    def clean(self) -> None:
        if not any(self.errors):
            try:
                topic_rules.check_templates(self.templates)
            except RuleError as refusal:
                raise ValidationError(refusal.sentence, code=refusal.code) from None

    @property
    def templates(self) -> list[str]:
        return [row.cleaned_data["text"] for row in self.filled if "text" in row.cleaned_data]


class TopicSpaceForm(TopicRuleForm):
    model = TopicSpace
    value_names = ()
    field_order = ("name", "description", "team")

    def __init__(self, *args: Any, rows: Sequence[Row] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        posted = self.data if self.is_bound else None
        self.template_rows = (
            TemplateFormSet.bound_to(posted) if isinstance(posted, QueryDict) else TemplateFormSet.starting_from(rows)
        )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if not self.template_rows.is_valid():
            self.add_error(None, ValidationError("Check the topic templates marked below.", code=IN_A_ROW))
        return cleaned

    def values(self) -> dict[str, Any]:
        return super().values() | {"templates": self.template_rows.templates}


class PermissionBindingForm(TopicRuleForm):
    model = PermissionBinding
    value_names = ("client_group_name", "topic_space_name", "permission")

    client_group_name = forms.ChoiceField(
        label="Client group name",
        error_messages={
            "required": "Choose the client group.",
            "invalid_choice": "This client group no longer exists. Choose one from the list.",
        },
    )
    topic_space_name = forms.ChoiceField(
        label="Topic space name",
        error_messages={
            "required": "Choose the topic space.",
            "invalid_choice": "This topic space no longer exists. Choose one from the list.",
        },
    )
    permission = forms.ChoiceField(
        label="Permission",
        choices=[("", "Choose"), *((each, each) for each in topic_rules.PERMISSIONS)],
        help_text="A Publisher sends messages to these topics; a Subscriber receives them.",
        error_messages={
            "required": "Choose Publisher or Subscriber.",
            "invalid_choice": "The permission is Publisher or Subscriber.",
        },
    )
    field_order = ("name", "client_group_name", "topic_space_name", "permission", "description", "team")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        groups = [EVERYONE, *_names(ClientGroup, self.namespace)]
        self._offer("client_group_name", groups)
        self.has_spaces = self._offer("topic_space_name", _names(TopicSpace, self.namespace))

    def _offer(self, field: str, names: list[str]) -> bool:
        """Fill a list, and select the name that the row has in the spelling of the list. Return False when it is empty."""
        choice = self.fields[field]
        assert isinstance(choice, forms.ChoiceField)
        choice.choices = [("", "Choose"), *((name, name) for name in names)]
        held = str(self.initial.get(field, ""))
        self.initial[field] = next((name for name in names if name.lower() == held.lower()), held)
        return bool(names)


def _names(model: type[TopicRule], namespace: Namespace) -> list[str]:
    seen = model.visible_to(namespace.sight).present()
    return list(seen.order_by("name").values_list("name", flat=True))


class PermissionTestForm(forms.Form):
    """May this client publish or subscribe to this topic?"""

    client = forms.CharField(
        label="Client",
        max_length=128,
        widget=forms.TextInput(attrs={**PLAIN, "list": "client-names"}),
        error_messages={"required": "Type the name of a client."},
    )
    permission = forms.ChoiceField(
        label="Operation",
        choices=[("Publisher", "Publish to a topic"), ("Subscriber", "Subscribe to a topic filter")],
        error_messages={"invalid_choice": "Choose publish or subscribe."},
    )
    topic = forms.CharField(
        label="Topic",
        strip=False,
        widget=forms.TextInput(attrs={**PLAIN, "class": "mono"}),
        error_messages={"required": "Type a topic."},
    )

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        if "topic" in cleaned and "permission" in cleaned:
            try:
                topic_rules.check_topic(cleaned["topic"], cleaned["permission"])
            except RuleError as refusal:
                self.add_error("topic", ValidationError(refusal.sentence, code=refusal.code))
        return cleaned
