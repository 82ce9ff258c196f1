"""The form of the page Test authentication."""

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.safestring import mark_safe

from certificates.forms.upload import FileOrPasteForm
from certificates.pages.presented_chain import PresentedChain
from certificates.x509.certificate import DecodingError
from portal.pages.reader_zone import zone_named

MAX_USER_NAME = 1000


class PresentedForm(FileOrPasteForm):
    """A certificate with its chain."""

    required_message = "Choose, drop or paste a certificate."
    presented: PresentedChain | None = None

    def read(self, data: bytes) -> None:
        try:
            self.presented = PresentedChain.read(data)
        except DecodingError as refusal:
            self.show("")
            self.add_error("file", ValidationError(f"{refusal.sentence} {refusal.next_step}", code=refusal.code))
        else:
            self.show(self.presented.pem)  # so that the file need not be chosen again for the next test


class TestAuthenticationForm(PresentedForm):
    """What a client would present: certificate with chain, user name, protocol, and the moment."""

    required_message = "Choose, drop or paste the client's certificate."

    user_name = forms.CharField(
        label="MQTT user name",
        required=False,
        strip=False,
        max_length=MAX_USER_NAME,
        help_text="If empty, the name is taken from the certificate, if the namespace is configured for that.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    protocol = forms.ChoiceField(
        label="Protocol",
        choices=[("5", "MQTT 5"), ("3.1.1", "MQTT 3.1.1")],
        initial="5",
        required=False,
        error_messages={"invalid_choice": "Choose MQTT 5 or MQTT 3.1.1."},
    )
    at = forms.DateTimeField(
        label="Test at",
        required=False,
        help_text=mark_safe("Defaults to now. In the time zone <span data-zone-name>UTC</span>."),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local", "step": 60}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"],
        error_messages={"invalid": "Enter the date and time as in 2027-03-01T10:00."},
    )
    zone = forms.CharField(required=False, widget=forms.HiddenInput(attrs={"data-zone": ""}))
    attempt = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["file"].label = "Client certificate"
        self.fields["pem"].label = "Or paste it, with its chain if the client sends one"

    def clean(self) -> dict[str, Any]:
        """Read the time in the zone that came with it."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        typed: datetime | None = cleaned.get("at")
        if typed is not None:
            try:
                cleaned["at"] = typed.replace(tzinfo=zone_named(cleaned.get("zone", ""))).astimezone(UTC)
            except OverflowError:  # at the ends of the calendar
                self.add_error("at", ValidationError(self.fields["at"].error_messages["invalid"], code="invalid"))
        return cleaned
