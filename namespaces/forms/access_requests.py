"""The forms that ask for a role, and that say whose a row is."""

from typing import Any

from django import forms
from django.forms import ModelChoiceField

from namespaces.actions.access_requests import LONGEST_NAME, LONGEST_REASON
from namespaces.forms.base import GuardedForm
from namespaces.models import Namespace, Role
from namespaces.pages.role_list import MEANINGS
from namespaces.rights import Verb
from portal.models import Team


class AccessRequestForm(GuardedForm):
    """A role and the reason for it, in the namespace of the page."""

    role = forms.ChoiceField(
        label="Role",
        choices=Role.choices,
        initial=Role.READER,
        error_messages={"required": "Choose a role.", "invalid_choice": "Choose one of the roles."},
    )
    reason = forms.CharField(
        label="Reason",
        max_length=LONGEST_REASON,
        help_text="What you want to do. The Owners read it, and it stays in the activity log.",
        widget=forms.Textarea(attrs={"rows": 3, "class": "input"}),
        error_messages={
            "required": "Say what you need it for.",
            "max_length": f"Use at most {LONGEST_REASON} characters.",
        },
    )

    @property
    def roles(self) -> list[tuple[str, str, str]]:
        """Value, label and meaning of each role, the weakest first."""
        return [(role.value, role.label, MEANINGS[role]) for role in MEANINGS]


class AccessByNameForm(AccessRequestForm):
    """The same for a namespace that the person may not see, by its name."""

    name = forms.CharField(
        label="Name of the namespace",
        max_length=LONGEST_NAME,
        widget=forms.TextInput(attrs={"class": "input", "autocomplete": "off", "spellcheck": "false"}),
        error_messages={
            "required": "Enter the name of the namespace.",
            "max_length": f"A name has at most {LONGEST_NAME} characters.",
        },
    )
    field_order = ("name", "role", "reason")


class AssignTeamForm(forms.Form):
    """The team that is to own a row, or several."""

    team = ModelChoiceField(
        label="Team",
        queryset=Team.objects.none(),
        required=False,
        empty_label="No team",
        widget=forms.Select(attrs={"class": "input"}),
        error_messages={
            "invalid_choice": "Choose one of the teams.",
            "required": "Choose the team that is to own it.",
        },
    )

    def __init__(self, *args: Any, namespace: Namespace, teams: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["team"]
        assert isinstance(field, ModelChoiceField)
        field.queryset = teams
        if Verb.OWN not in namespace.rights.verbs:  # a Contributor takes for a team, and gives to none
            field.required, field.empty_label = True, "Choose"

    def clean_team(self) -> Team | None:
        """Refuse a form without the field: only an empty choice means no team."""
        if self.add_prefix("team") not in self.data:
            raise forms.ValidationError("Choose a team, or none.", code="required")
        team: Team | None = self.cleaned_data["team"]
        return team


class OtherTeamsForm(forms.Form):
    """Whether other teams' CA certificates and clients are shown."""

    other_teams = forms.ChoiceField(
        label="Other teams' CA certificates and clients",
        choices=[("shown", "Shown"), ("hidden", "Hidden")],
        error_messages={"required": "Choose one of the two.", "invalid_choice": "Choose one of the two."},
    )
