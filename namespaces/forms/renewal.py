"""The forms of renewing a client's certificate: add the new thumbprint, remove the old one."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from certificates.x509.certificate import Certificate
from certificates.x509.reading import DecodingError, read_client_upload
from namespaces.forms.base import GuardedForm, rule_as_field_error
from namespaces.models import Client
from namespaces.rules.clients import MAX_THUMBPRINTS, parse_thumbprints


class RenewForm(GuardedForm):
    """The new certificate of a client, or its thumbprint; and which of two thumbprints it replaces."""

    certificate = forms.FileField(
        label="New certificate",
        required=False,
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": ".pem,.cer,.crt"}),
    )
    thumbprint = forms.CharField(
        label="Or its SHA-256 thumbprint",
        required=False,
        max_length=1000,
        widget=forms.TextInput(attrs={"class": "input mono", "autocomplete": "off", "spellcheck": "false"}),
    )
    replaces = forms.ChoiceField(
        label="Replaces",
        required=False,
        error_messages={"invalid_choice": "Choose one of the two thumbprints."},
    )

    def __init__(self, *args: Any, client: Client, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.client = client
        self.new: Certificate | None = None
        field = self.fields["replaces"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(each, each) for each in client.thumbprints]
        self.needs_choice = len(client.thumbprints) == MAX_THUMBPRINTS

    def clean(self) -> dict[str, Any]:
        super().clean()
        upload = self.cleaned_data.get("certificate")
        if upload is not None:
            self._read(upload.read())
        elif not self.errors:
            self._check_thumbprint(self.cleaned_data.get("thumbprint", ""))
        if self.needs_choice and not self.cleaned_data.get("replaces") and "replaces" not in self.errors:
            self.add_error("replaces", ValidationError("Choose the thumbprint that it replaces.", code="required"))
        return self.cleaned_data

    def _read(self, data: bytes) -> None:
        try:
            self.new = read_client_upload(data)[0]
        except DecodingError as refusal:
            sentence = f"{refusal.sentence} {refusal.next_step}".strip()
            self.add_error("certificate", ValidationError(sentence, code=refusal.code))
        else:
            self.cleaned_data["thumbprint"] = self.new.thumbprint_sha256
            self._check_expiry(self.new)

    def _check_expiry(self, new: Certificate) -> None:
        if new.not_after < self.client.namespace.judged_at(timezone.now()):
            sentence = f"This certificate expired on {new.not_after:%d %b %Y}: the client could not connect with it."
            self.add_error("certificate", ValidationError(sentence, code="expired"))

    def _check_thumbprint(self, text: str) -> None:
        if not text.strip():
            sentence = "Choose the new certificate, or type its thumbprint."
            self.add_error("certificate", ValidationError(sentence, code="required"))
            return
        try:
            with rule_as_field_error():
                self.cleaned_data["thumbprint"] = parse_thumbprints([text], self.client.validation_scheme)[0]
        except ValidationError as refusal:
            self.add_error("thumbprint", refusal)

    def values(self) -> dict[str, Any]:
        """Return the cleaned values as keyword arguments of the action."""
        replaces = self.cleaned_data["replaces"] if self.needs_choice else ""
        return {"thumbprint": self.cleaned_data["thumbprint"], "replaces": replaces}


class EndRenewalForm(forms.Form):
    """Which thumbprint to remove, and that it is removed although it may be in use."""

    remove = forms.CharField(max_length=64)
    anyway = forms.BooleanField(required=False)
