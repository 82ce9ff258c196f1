"""Forms of the pages about notifications."""

from collections.abc import Mapping
from typing import Any
from zoneinfo import available_timezones

from django import forms

from portal.models import Channel
from portal.notifications.events import EVENTS, Event
from portal.notifications.webhooks.addresses import LONGEST_URL

HOURS = [(hour, f"{hour:02}:00") for hour in range(24)]
LONGEST_ZONE = 60


class PreferencesForm(forms.Form):
    """One choice for each event. `inherited`: how each event comes without a choice, by code."""

    def __init__(self, *args: Any, inherited: dict[str, Channel], origin: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for event in EVENTS:
            choices = [("", f"{origin}: {label_of(event, inherited[event.code]).lower()}"), *choices_of(event)]
            self.fields[event.code] = forms.ChoiceField(
                label=event.label, help_text=event.hint, choices=choices, required=False
            )

    @property
    def choices(self) -> dict[str, str]:
        return {event.code: self.cleaned_data[event.code] for event in EVENTS}


class DigestForm(forms.Form):
    """When the daily summary is sent."""

    hour = forms.TypedChoiceField(label="Daily summary at", choices=HOURS, coerce=int)
    time_zone = forms.CharField(
        label="Time zone",
        max_length=LONGEST_ZONE,
        help_text="Such as Europe/Berlin or UTC.",
        widget=forms.TextInput(attrs={"list": "time-zones", "autocomplete": "off", "spellcheck": "false"}),
    )

    def clean_time_zone(self) -> str:
        name = str(self.cleaned_data["time_zone"]).strip()
        by_name = {known.lower(): known for known in available_timezones()}
        if name.lower() not in by_name:
            raise forms.ValidationError("Unknown time zone. Choose one from the list.", code="unknown_time_zone")
        return by_name[name.lower()]


def choices_of(event: Event) -> list[tuple[str, str]]:
    """Return the channels of an event. What is in the bell anyway, from the activity log, cannot be kept out of it."""
    left_out = {Channel.NONE} if event.in_activity else set()
    return [(channel.value, str(channel.label)) for channel in Channel if channel not in left_out]


def label_of(event: Event, channel: Channel) -> str:
    return dict(choices_of(event)).get(channel, str(Channel.BELL.label))


class WebhookForm(forms.Form):
    """A webhook. `places`: the namespaces to choose from; `may_all`: whether it may get the events of all."""

    name = forms.CharField(label="Name", max_length=80, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    url = forms.CharField(
        label="Address",
        max_length=LONGEST_URL,
        help_text="It starts with https:// and leads to a host outside the portal's network.",
        widget=forms.TextInput(attrs={"inputmode": "url", "autocomplete": "off", "spellcheck": "false"}),
    )
    scope = forms.TypedChoiceField(label="Namespace", coerce=int, empty_value=None, required=False)
    events = forms.MultipleChoiceField(
        label="Events",
        choices=[(event.code, event.label) for event in EVENTS],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one event."},
    )

    def __init__(self, *args: Any, places: Mapping[int, str], may_all: bool, is_new: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["scope"]
        field.choices = [
            *([("", "All namespaces")] if may_all else []),
            *((str(pk), name) for pk, name in places.items()),
        ]
        field.required = not may_all
        if not is_new:
            self.fields["is_active"] = forms.BooleanField(
                label="On", required=False, help_text="Off: messages that wait are cancelled, and no new ones are sent."
            )

    @property
    def values(self) -> dict[str, Any]:
        return dict(self.cleaned_data)
