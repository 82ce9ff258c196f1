"""The form of a namespace's settings."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from namespaces.forms.base import GuardedForm, rule_as_field_error
from namespaces.forms.repeated import RepeatedField
from namespaces.models import NamespaceConfiguration, Possession
from namespaces.rules.configuration import EXPIRY_HOURS, SESSIONS, SOURCES, check_sources

NUMBER = {"invalid": "Type a whole number."}


def bounded(label: str, allowed: range, help_text: str) -> forms.IntegerField:
    bounds = f"Type a whole number from {allowed[0]} to {allowed[-1]}."
    return forms.IntegerField(
        label=label,
        min_value=allowed[0],
        max_value=allowed[-1],
        help_text=help_text,
        error_messages={**NUMBER, "required": bounds, "min_value": bounds, "max_value": bounds},
    )


class ConfigurationForm(GuardedForm):
    """*Configuration*: the MQTT broker of the namespace."""

    is_filled_in = False  # by the link that led here

    enabled = forms.BooleanField(
        label="Enable MQTT broker",
        required=False,
        help_text="Required for MQTT clients. May not be reversible.",
    )
    uses_sources = forms.BooleanField(label="Enable alternative client authentication name sources", required=False)
    sources = RepeatedField(label="Sources, in the order in which they are tried", required=False)
    max_sessions = bounded(
        "Maximum client sessions per authentication name", SESSIONS, "1 to 100. Offline sessions count, too."
    )
    max_expiry_hours = bounded(
        "Maximum session expiry interval in hours",
        EXPIRY_HOURS,
        "1 to 8. How long a session is kept without a connection.",
    )

    @classmethod
    def of(cls, row: NamespaceConfiguration, data: QueryDict | None = None, *, source: str = "") -> "ConfigurationForm":
        """Return the form for the stored settings, or for what was typed. `source`: one to propose after those in use."""
        is_new = source not in row.sources and source in dict(SOURCES)
        sources = [*row.sources, source] if is_new else row.sources
        initial = {
            "enabled": row.state == "Enabled",
            "uses_sources": bool(sources),
            "sources": sources,
            "max_sessions": row.max_sessions,
            "max_expiry_hours": row.max_expiry_hours,
        }
        form = cls(data, initial=initial)
        form.is_filled_in = is_new and not form.is_bound
        return form

    @property
    def source_lists(self) -> list[tuple[int, str, list[tuple[str, str, bool]]]]:
        """Number, label and options of each list, one for each source."""
        chosen = [*self["sources"].value(), *([""] * len(SOURCES))][: len(SOURCES)]
        lists = []
        for number, value in enumerate(chosen, 1):
            options = [("", "none", not value), *((known, label, known == value) for known, label in SOURCES)]
            lists.append((number, "First" if number == 1 else "Then", options))
        return lists

    def clean_sources(self) -> list[str]:
        sources = [source for source in self.cleaned_data["sources"] if source]
        if not self.cleaned_data.get("uses_sources"):
            return []
        if not sources:
            raise ValidationError("Choose at least one source, or clear the box above.", code="required")
        with rule_as_field_error():
            check_sources(sources)
        return sources

    def values(self) -> dict[str, Any]:
        """Return the cleaned values as keyword arguments of the action."""
        names = ("sources", "max_sessions", "max_expiry_hours")
        state = "Enabled" if self.cleaned_data["enabled"] else "Disabled"
        return {"state": state, **{name: self.cleaned_data[name] for name in names}}


class PossessionForm(forms.Form):
    """Whether people who upload CA certificates prove that they hold the private key."""

    possession = forms.ChoiceField(
        label="Proof of possession",
        choices=Possession.choices,
        error_messages={"required": "Choose one of the three.", "invalid_choice": "Choose one of the three."},
    )
