"""Forms of devices in the browser."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from certificates.authentication.types import VALIDATION_SCHEMES
from certificates.samples.chain import SAMPLE_FAULTS, ClientName, IssuingError, check_client_name
from lab.devices.limits import MOST_CLIENT_ID, MOST_PAYLOAD, MOST_TOPIC
from namespaces.forms.base import GuardedForm

KINDS = [
    ("", "Valid"),
    *((fault.code, fault.label if fault.fails_at else f"{fault.label} (accepted)") for fault in SAMPLE_FAULTS),
]
QUALITIES = [("0", "0: at most once"), ("1", "1: at least once")]
_PLAIN = {"autocomplete": "off", "spellcheck": "false"}
_CONTROL = "This text has control characters. Remove them."


def _text(
    label: str, longest: int, *, required: bool = True, help_text: str = "", **attributes: Any
) -> forms.CharField:
    widget = forms.TextInput(attrs={**_PLAIN, "maxlength": longest, **attributes})
    return forms.CharField(
        label=label,
        max_length=longest,
        required=required,
        strip=False,
        help_text=help_text,
        widget=widget,
        error_messages={"required": f"Enter {label[0].lower()}{label[1:]}."},
    )


def _quality() -> forms.ChoiceField:
    return forms.ChoiceField(
        label="QoS",
        choices=QUALITIES,
        initial="1",
        error_messages={"invalid_choice": "Event Grid supports QoS 0 and 1."},
    )


def _check_characters(text: str) -> str:
    if any(ord(character) < 32 or 127 <= ord(character) < 160 for character in text):
        raise ValidationError(_CONTROL, code="control-characters")
    return text


class DeviceForm(GuardedForm):
    """*Create device*."""

    authentication_name = _text(
        "Authentication name", 128, help_text="The name in its certificate, and the MQTT user name that it sends."
    )
    validation_scheme = forms.ChoiceField(
        label="Where its certificate has the name",
        choices=[(scheme.value, scheme.label) for scheme in VALIDATION_SCHEMES],
        initial=VALIDATION_SCHEMES[0].value,
        error_messages={"invalid_choice": "Choose one of the six validation schemes."},
    )
    fault = forms.ChoiceField(
        label="Kind of certificate",
        choices=KINDS,
        required=False,
        help_text="Deliberately invalid certificates show which check fails.",
        error_messages={"invalid_choice": "Choose one of the listed kinds."},
    )
    client_id = _text(
        "Client ID",
        MOST_CLIENT_ID,
        required=False,
        help_text="Names the MQTT session. If empty, the authentication name with “-device”.",
    )
    sends_intermediate = forms.BooleanField(
        label="Send the intermediate certificate too, as a device does that trusts in the root alone", required=False
    )

    def clean_authentication_name(self) -> str:
        return _check_characters(self.cleaned_data["authentication_name"])

    def clean_client_id(self) -> str:
        return _check_characters(self.cleaned_data["client_id"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if not self.errors:
            name = ClientName(cleaned["authentication_name"], cleaned["validation_scheme"], cleaned["fault"])
            try:
                check_client_name(name)
            except IssuingError as refusal:
                self.refuse_issuing(refusal.field, refusal.sentence)
            cleaned["client_id"] = cleaned["client_id"] or f"{name.authentication_name[: MOST_CLIENT_ID - 7]}-device"
        return cleaned

    def refuse_issuing(self, field: str, sentence: str) -> None:
        names = {"name": "authentication_name", "scheme": "validation_scheme", "fault": "fault"}
        self.add_error(names.get(field), ValidationError(sentence, code="cannot-be-issued"))


class ConnectForm(GuardedForm):
    """*Connect*."""

    prefix = "connect"

    user_name = _text(
        "MQTT user name",
        256,
        required=False,
        help_text="If empty, none is sent, and the name is taken from the certificate, if the namespace is configured for that.",
    )
    version = forms.ChoiceField(
        label="Protocol",
        choices=[("5", "MQTT 5"), ("3.1.1", "MQTT 3.1.1")],
        initial="5",
        error_messages={"invalid_choice": "Choose MQTT 5 or MQTT 3.1.1."},
    )

    def clean_user_name(self) -> str:
        return _check_characters(self.cleaned_data["user_name"])


def _checked_topic(topic: str) -> str:
    if len(topic.encode(errors="replace")) > MOST_TOPIC:
        raise ValidationError(f"A topic has at most {MOST_TOPIC} bytes.", code="too-long")
    return _check_characters(topic)


class PublishForm(GuardedForm):
    """*Publish*."""

    prefix = "publish"

    topic = _text("Topic", MOST_TOPIC)
    payload = forms.CharField(
        label="Message", required=False, strip=False, widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"})
    )
    qos = _quality()

    def clean_topic(self) -> str:
        topic = _checked_topic(self.cleaned_data["topic"])
        if "+" in topic or "#" in topic:
            raise ValidationError("A message has one topic: + and # are for subscriptions.", code="wildcard")
        return topic

    def clean_payload(self) -> str:
        payload: str = self.cleaned_data["payload"]
        if len(payload.encode(errors="replace")) > MOST_PAYLOAD:
            raise ValidationError(f"A message of a device has at most {MOST_PAYLOAD} bytes.", code="too-long")
        return payload


class SubscribeForm(GuardedForm):
    """*Subscribe*."""

    prefix = "subscribe"

    topic_filter = _text("Topic filter", MOST_TOPIC)
    qos = _quality()

    def clean_topic_filter(self) -> str:
        topic_filter = _checked_topic(self.cleaned_data["topic_filter"])
        levels = topic_filter.split("/")
        misplaced = any(("#" in level and level != "#") or ("+" in level and level != "+") for level in levels)
        if misplaced or "#" in levels[:-1]:
            raise ValidationError("# stands alone at the end, and + alone in a level.", code="wildcard")
        return topic_filter
