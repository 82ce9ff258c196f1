"""The forms of namespaces and clients."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils import timezone

from certificates.authentication.engine import VALIDATION_SCHEMES, authentication_name_key
from certificates.x509.certificate import Certificate
from certificates.x509.reading import DecodingError, read_client_upload
from namespaces.actions.clients import authentication_name_taken
from namespaces.forms.attributes import AttributeFormSet
from namespaces.forms.base import (
    IN_A_ROW,
    GuardedForm,
    ResourceForm,
    TeamField,
    check_name_is_free,
    offer_teams,
    rule_as_field_error,
)
from namespaces.forms.client_proposal import CertificateReading
from namespaces.forms.repeated import RepeatedField
from namespaces.forms.rows import Row
from namespaces.models import Client, Namespace
from namespaces.rules import clients as rules
from namespaces.rules.errors import RuleError
from portal.models import User


class ConnectNamespaceForm(GuardedForm):
    """A namespace from the list of those in Azure, or a resource id. A resource id that is pasted comes first."""

    picked = forms.CharField(required=False, max_length=400)
    resource_id = forms.CharField(
        label="Resource id",
        required=False,
        max_length=400,
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocomplete": "off"}),
        help_text="You find it in the Azure portal under Properties of the namespace.",
    )
    roles_back = forms.BooleanField(
        label="Give back the roles from before",
        required=False,
        help_text="For a namespace that was connected before: people whose account is active and teams that still exist get their "
        "roles again, recorded as given by you. Owner is left out where the approval policy asks for approval. CA certificates and "
        "clients belong to no team until you assign them.",
    )

    def clean(self) -> dict[str, Any]:
        super().clean()
        for problem in self.errors.pop("picked", []):  # none of the list's: the list shows no errors
            self.add_error("resource_id", problem)
        if "resource_id" not in self.errors:
            wanted = self.cleaned_data["resource_id"] or self.cleaned_data["picked"]
            if not wanted:
                sentence = "Choose a namespace from the list, or paste its resource id."
                self.add_error("resource_id", ValidationError(sentence, code="required"))
            self.cleaned_data["resource_id"] = wanted
        return self.cleaned_data


class ClientSettingsForm(ResourceForm):
    """The settings of a client that can change without creating it again."""

    is_filled_in = False  # by the link that led here

    validation_scheme = forms.ChoiceField(
        label="Client certificate authentication validation scheme",
        choices=[(scheme.value, scheme.label) for scheme in VALIDATION_SCHEMES],
        error_messages={"invalid_choice": "Choose one of the six validation schemes."},
    )
    thumbprints = RepeatedField(required=False)
    state = forms.ChoiceField(
        label="Connection state",
        choices=[("Enabled", "Enabled"), ("Disabled", "Disabled")],
        initial="Enabled",
        error_messages={"invalid_choice": "The connection state is Enabled or Disabled."},
    )
    description = forms.CharField(
        label="Description",
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "What is it, who owns it"}),
    )

    def __init__(
        self,
        data: QueryDict | None = None,
        files: Any = None,
        *,
        rows: Sequence[Row] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(data, files, **kwargs)
        posted = self.data if self.is_bound else None
        self.attribute_rows = (
            AttributeFormSet.bound_to(posted) if isinstance(posted, QueryDict) else AttributeFormSet.starting_from(rows)
        )

    @property
    def schemes(self) -> tuple[Any, ...]:
        return VALIDATION_SCHEMES

    @property
    def thumbprint_inputs(self) -> list[tuple[str, str, str]]:
        """Label, id and value of each thumbprint input."""
        values = [*self["thumbprints"].value(), "", ""]
        labels = ("Primary Thumbprint", "Secondary Thumbprint")
        return [(label, f"id_thumbprint_{n}", values[n - 1]) for n, label in enumerate(labels, 1)]

    def clean_description(self) -> str:
        text: str = self.cleaned_data["description"]
        with rule_as_field_error():
            rules.check_description(text)
        return text

    def clean(self) -> dict[str, Any]:
        super().clean()
        self._clean_thumbprints()
        if not self.attribute_rows.is_valid():
            self.add_error(None, ValidationError("Check the attributes marked below.", code=IN_A_ROW))
        return self.cleaned_data

    def _clean_thumbprints(self) -> None:
        scheme = self.cleaned_data.get("validation_scheme")
        if scheme is None or "thumbprints" in self.errors:
            return
        given = self.cleaned_data["thumbprints"]
        if scheme != rules.THUMBPRINT_SCHEME:  # the thumbprint that the certificate filled in is ignored here
            given = [text for text in given if text.strip() != self.data.get("proposed_thumbprint")]
        try:
            self.cleaned_data["thumbprints"] = rules.parse_thumbprints(given, scheme)
        except RuleError as refusal:
            self.add_error("thumbprints", ValidationError(refusal.sentence, code=refusal.code))

    def values(self) -> dict[str, Any]:
        """Return the cleaned values as keyword arguments of the action."""
        names = ("validation_scheme", "thumbprints", "state", "description")
        return {name: self.cleaned_data[name] for name in names} | {"attributes": self.attribute_rows.attributes}


class AuthenticationNameMixin:
    """Checks of an authentication name in a namespace, shared by creating a client and changing the name."""

    namespace: Namespace
    client: Client | None = None

    def check_authentication_name(self, name: str) -> None:
        with rule_as_field_error():
            rules.check_authentication_name(name)
        taken = Client.objects.filter(namespace=self.namespace, authentication_key=authentication_name_key(name))
        if self.client is not None:
            taken = taken.exclude(pk=self.client.pk)
        holder = taken.present().first()
        if holder is not None:
            raise ValidationError(authentication_name_taken(holder, self.namespace.sight), code="taken")


class CreateClientForm(AuthenticationNameMixin, ClientSettingsForm):
    name = forms.CharField(
        label="Client name",
        help_text="1 to 128 letters, digits, hyphens, colons, dots and underscores, unique in this namespace.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "maxlength": 128}),
        error_messages={"required": "Give the client a name."},
    )
    authentication_name = forms.CharField(
        label="Client authentication name",
        required=False,
        help_text="What the client sends as its MQTT user name. Leave it empty to use the client name. It cannot be edited later.",
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "spellcheck": "false", "maxlength": 128, "data-follows": "id_name"}
        ),
    )
    team = TeamField()

    def __init__(self, *args: Any, namespace: Namespace, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.namespace = namespace
        offer_teams(self, user, namespace, Client)

    def show_reading(self, reading: CertificateReading) -> None:
        """Show what the certificate proposes. A name read from it does not follow the client name being typed."""
        self.reading = reading
        if reading.proposal is not None:
            self.fields["authentication_name"].widget.attrs["data-typed"] = ""

    def values(self) -> dict[str, Any]:
        names = ("name", "authentication_name", "team")
        return {name: self.cleaned_data[name] for name in names} | super().values()

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        with rule_as_field_error():
            rules.check_client_name(name)
        check_name_is_free(Client, self.namespace, name)
        return name

    def clean_authentication_name(self) -> str:
        name: str = self.cleaned_data["authentication_name"] or self.data.get("name", "").strip()
        if name and (self.cleaned_data["authentication_name"] or "name" in self.cleaned_data):
            self.check_authentication_name(name)
        return name


class AuthenticationNameForm(AuthenticationNameMixin, GuardedForm):
    authentication_name = forms.CharField(
        label="New client authentication name",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "maxlength": 128}),
        error_messages={"required": "Give the client an authentication name."},
    )

    def __init__(self, *args: Any, client: Client, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.client = client
        self.namespace = client.namespace

    def clean_authentication_name(self) -> str:
        name: str = self.cleaned_data["authentication_name"]
        self.check_authentication_name(name)
        if self.client is not None and name == self.client.authentication_name:
            raise ValidationError("That is its current name. Type the new one.", code="same")
        return name


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
        self.needs_choice = len(client.thumbprints) == rules.MAX_THUMBPRINTS

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
                self.cleaned_data["thumbprint"] = rules.parse_thumbprints([text], self.client.validation_scheme)[0]
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
