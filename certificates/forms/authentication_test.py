"""What somebody asks on the page Test authentication."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from certificates.forms.upload import FileOrPasteForm
from certificates.pages.presented_chain import Presented
from certificates.x509.certificate import DecodingError

MAX_USER_NAME = 1000


class TestAuthenticationForm(FileOrPasteForm):
    """What a client would present: certificate with chain, user name, protocol, and the moment."""

    nothing_came = "Choose the client's certificate, drop it, or paste it."
    presented: Presented | None = None

    user_name = forms.CharField(
        label="MQTT user name",
        required=False,
        strip=False,
        max_length=MAX_USER_NAME,
        help_text="Empty: none is sent, and the name is taken from the certificate where the namespace says so.",
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
        label="At the moment (UTC)",
        required=False,
        help_text="Empty: now.",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local", "step": 60}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"],
        error_messages={"invalid": "Write the moment as year-month-day and hour:minute, such as 2027-03-01T10:00."},
    )
    attempt = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["file"].label = "Client certificate"
        self.fields["pem"].label = "Or paste it, with its chain if the client sends one"

    def read(self, data: bytes) -> None:
        try:
            self.presented = Presented.read(data)
        except DecodingError as refusal:
            self.show("")
            self.add_error("file", ValidationError(f"{refusal.sentence} {refusal.next_step}", code=refusal.code))
        else:
            self.show(self.presented.pem)  # so that the next test needs no second choosing
