"""Forms of the pages about notifications."""

from typing import Any
from zoneinfo import available_timezones

from django import forms

from portal.models import Channel
from portal.notifications.events import EVENTS, Event

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
