"""The form of a template: what happens to devices without a client that come with a certificate of one CA."""

from typing import Any

from django import forms
from django.db.models import Q
from django.http import QueryDict

from certificates.actions.decision_rules.bindings import checked_patterns
from certificates.actions.first_contact.templates import (
    MOST_EACH_HOUR,
    MOST_EACH_MINUTE,
    MOST_IN_ALL,
    TemplateValues,
)
from certificates.models import CACertificate, FirstContact, RegistrationTemplate
from certificates.pages.first_contact.template import SOURCES
from namespaces.forms.attributes import AttributeFormSet, rows_of
from namespaces.forms.base import IN_A_ROW, GuardedForm, TeamField, offer_teams, rule_as_field_error
from namespaces.models import Client
from portal.models import Team, User

SPARE_ROWS = 2
BY_NAME, BY_THUMBPRINT = "name", "thumbprint"


class FirstContactForm(GuardedForm):
    """What a CA certificate does with a device that has no client."""

    mode = forms.ChoiceField(
        label="A device with a valid certificate and no client",
        choices=[(FirstContact.OFF.value, "Refuse it, as Azure does"), *FirstContact.choices[1:]],
        widget=forms.RadioSelect,
    )
    source = forms.ChoiceField(
        label="Part of the certificate that has the name",
        choices=SOURCES,
        help_text="The device connects under this name: as its MQTT user name, or by an alternative source of the namespace.",
    )
    scheme = forms.ChoiceField(
        label="Validation scheme of the new client",
        choices=[
            (BY_NAME, "By this name, with any certificate that has it"),
            (BY_THUMBPRINT, "Thumbprint Match, with this certificate only"),
        ],
        widget=forms.RadioSelect,
    )
    team = TeamField()
    patterns = forms.CharField(
        label="Only names like these",
        required=False,
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text="One on each line. A * stands for any characters, such as press-*. Leave it empty to allow every name.",
    )
    per_minute = forms.IntegerField(label="Registrations each minute, at most", min_value=1, max_value=MOST_EACH_MINUTE)
    per_hour = forms.IntegerField(label="Registrations each hour, at most", min_value=1, max_value=MOST_EACH_HOUR)
    cap = forms.IntegerField(
        label="Registrations in all, at most",
        min_value=1,
        max_value=MOST_IN_ALL,
        help_text="Beyond, devices wait for a person. Clients that were deleted count too.",
    )

    def __init__(
        self, data: QueryDict | None, *, ca: CACertificate, user: User, template: RegistrationTemplate | None
    ) -> None:
        values = TemplateValues.of(template)
        super().__init__(data, initial=_initial(values))
        offer_teams(self, user, ca.namespace, Client)
        team, held = self.fields["team"], template.team if template is not None else None
        assert isinstance(team, TeamField)
        sight = ca.namespace.sight
        if held is not None and (not sight.is_partial or held.pk in sight.teams):  # it stays, whoever edits the rest
            mine = team.queryset.values_list("pk", flat=True) if team.queryset is not None else ()
            team.queryset = Team.objects.filter(Q(pk__in=list(mine)) | Q(pk=held.pk)).order_by("name")
        self.initial.setdefault("team", team.initial)
        rows = [*rows_of(values.attributes), *([{}] * SPARE_ROWS)]
        posted = self.data if self.is_bound else None
        self.attribute_rows = (
            AttributeFormSet.bound_to(posted) if isinstance(posted, QueryDict) else AttributeFormSet.starting_from(rows)
        )

    def clean_patterns(self) -> list[str]:
        with rule_as_field_error():
            return checked_patterns(self.cleaned_data["patterns"].splitlines())

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if not self.attribute_rows.is_valid():
            self.add_error(None, forms.ValidationError("An attribute is not right.", code=IN_A_ROW))
        return cleaned

    def values(self) -> TemplateValues:
        """Return the values of the valid form."""
        chosen = self.cleaned_data
        return TemplateValues(
            mode=chosen["mode"],
            source=chosen["source"],
            by_thumbprint=chosen["scheme"] == BY_THUMBPRINT,
            team=chosen["team"].pk if chosen["team"] is not None else None,
            attributes=self.attribute_rows.attributes,
            patterns=tuple(chosen["patterns"]),
            per_minute=chosen["per_minute"],
            per_hour=chosen["per_hour"],
            cap=chosen["cap"],
        )


def _initial(values: TemplateValues) -> dict[str, Any]:
    found = {name: getattr(values, name) for name in ("mode", "source", "per_minute", "per_hour", "cap")}
    found |= {"patterns": "\n".join(values.patterns), "scheme": BY_THUMBPRINT if values.by_thumbprint else BY_NAME}
    return found | ({"team": values.team} if values.team is not None else {})
