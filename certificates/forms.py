"""What people type about certificates. The file is read and diagnosed here, once; a private key never comes back."""

from datetime import datetime
from itertools import islice, zip_longest
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils import timezone

from certificates.authentication import VALIDATION_SCHEMES
from certificates.decoding import DecodingError, to_pem
from certificates.diagnosis import Diagnosis, Problem, diagnose_ca_upload, diagnose_upload
from certificates.issuing import (
    MAX_CLIENTS,
    SAMPLE_FAULTS,
    TEACHING_NAMES,
    ClientName,
    IssuingError,
    check_client_name,
)
from certificates.models import CACertificate
from certificates.trials import Presented
from namespaces import rules
from namespaces.access import teams_of
from namespaces.client_certificates import shown_certificates
from namespaces.forms import PRIVATE_KEY_SENTENCE, GuardedForm, TeamField, rule_as_field_error, without_private_keys
from namespaces.models import Namespace
from portal.models import User

FILE_TYPES = ".pem,.cer,.crt"
MAX_USER_NAME = 1000


class PastedField(forms.CharField):
    """Text as pasted, NUL characters and all: the reader of certificates says better what is wrong with it."""

    def run_validators(self, value: Any) -> None:
        return


class CertificateFileForm(GuardedForm):
    """A certificate by file or by paste, read and diagnosed."""

    file = forms.FileField(
        label="Certificate file",
        required=False,
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": FILE_TYPES}),
    )
    pem = PastedField(
        label="Or paste the certificate",
        required=False,
        strip=False,
        widget=forms.Textarea(
            attrs={"rows": 4, "class": "mono", "spellcheck": "false", "placeholder": "-----BEGIN CERTIFICATE-----"}
        ),
    )

    def __init__(self, *args: Any, namespace: Namespace, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.namespace = namespace
        self.diagnosis: Diagnosis | None = None
        self.upload_problem: Problem | None = None

    @property
    def is_empty(self) -> bool:
        """Whether no certificate came at all."""
        return not self.files.get("file") and not self.data.get("pem", "").strip() and not self.fields_with_a_key

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        upload = cleaned.get("file")
        data = upload.read() if upload is not None else cleaned.get("pem", "").encode("utf-8", "surrogatepass")
        if self.fields_with_a_key and upload is None:
            return cleaned
        if upload is None and not data.strip():
            self.add_error("file", ValidationError("Choose a file, drop one, or paste a certificate.", code="required"))
            return cleaned
        self._read(data, at=timezone.now())
        return cleaned

    def _read(self, data: bytes, *, at: datetime) -> None:
        self.diagnosis = self._diagnose(data, at)
        self._show(self.diagnosis)
        self.upload_problem = self.diagnosis.problem
        self.cleaned_data["certificate"] = self.diagnosis.chosen
        if self.upload_problem is not None:
            sentence = f"{self.upload_problem.sentence} {self.upload_problem.next_step}".strip()
            self.add_error("file", ValidationError(sentence, code=self.upload_problem.code))

    def _diagnose(self, data: bytes, at: datetime) -> Diagnosis:
        """Of the whole upload; of one of its certificates when somebody chose that one."""
        existing, known = existing_in(self.namespace), shown_certificates(self.namespace)
        diagnosis = diagnose_upload(data, existing=existing, known=known, at=at)
        wanted = str(self.data.get("choose", ""))
        chosen = [each.certificate for each in diagnosis.certificates if each.certificate.thumbprint_sha256 == wanted]
        return diagnose_ca_upload(chosen, existing=existing, known=known, at=at) if chosen else diagnosis

    def _show(self, diagnosis: Diagnosis) -> None:
        """The text of the certificates comes back into the form, which cannot keep a file; of anything else, nothing."""
        data = QueryDict(mutable=True)
        data.update(self.data)
        data["pem"] = "".join(to_pem(each.certificate.der) for each in diagnosis.certificates)
        if not diagnosis.certificates and diagnosis.code != "private-key" and not self.files.get("file"):
            data["pem"] = self.data.get("pem", "")
        self.data = data


def existing_in(namespace: Namespace) -> list[tuple[str, bytes]]:
    rows = CACertificate.objects.present().filter(namespace=namespace)
    return [(row.name, bytes(row.der)) for row in rows if row.der]


class UploadCertificateForm(CertificateFileForm):
    """The pane *Upload certificate*."""

    name = forms.CharField(
        label="Certificate name",
        help_text="3 to 50 letters, digits and hyphens, unique in this namespace.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "maxlength": 50}),
        error_messages={"required": "Give the certificate a name."},
    )
    description = forms.CharField(
        label="Description",
        required=False,
        widget=forms.TextInput(attrs={"placeholder": "What is it for, who owns it"}),
    )
    team = TeamField()
    field_order = ("name", "file", "pem", "description", "team")

    def __init__(self, *args: Any, namespace: Namespace, user: User, **kwargs: Any) -> None:
        super().__init__(*args, namespace=namespace, **kwargs)
        team = self.fields["team"]
        assert isinstance(team, TeamField)
        team.offer(teams_of(user))

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        with rule_as_field_error():
            rules.check_resource_name(name)
        taken = CACertificate.objects.present().filter(namespace=self.namespace, name__iexact=name).first()
        if taken is not None:
            raise ValidationError(f"There is already a certificate “{taken.name}” in this namespace.", code="taken")
        return name

    def clean_description(self) -> str:
        return checked_description(self.cleaned_data["description"])


class TestAuthenticationForm(GuardedForm):
    """What a client would present: certificate with chain, user name, protocol, and the moment."""

    file = forms.FileField(
        label="Client certificate",
        required=False,
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": FILE_TYPES}),
    )
    pem = PastedField(
        label="Or paste it, with its chain if the client sends one",
        required=False,
        strip=False,
        widget=forms.Textarea(
            attrs={"rows": 4, "class": "mono", "spellcheck": "false", "placeholder": "-----BEGIN CERTIFICATE-----"}
        ),
    )
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

    presented: Presented | None = None

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        upload = cleaned.get("file")
        if self.fields_with_a_key and upload is None:
            return cleaned
        data = upload.read() if upload is not None else cleaned.get("pem", "").encode("utf-8", "surrogatepass")
        if upload is None and not data.strip():
            self.add_error("file", ValidationError("Choose the client's certificate, drop it, or paste it."))
            return cleaned
        try:
            self.presented = Presented.read(data)
        except DecodingError as refusal:
            self._show("")
            self.add_error("file", ValidationError(f"{refusal.sentence} {refusal.next_step}", code=refusal.code))
        else:
            self._show(self.presented.pem)  # so that the next test needs no second choosing
        return cleaned

    def _show(self, pem: str) -> None:
        data = QueryDict(mutable=True)
        data.update(self.data)
        data["pem"] = pem
        self.data = data


class UpdateCertificateForm(GuardedForm):
    """What may change of a CA certificate in Azure: its description."""

    description = forms.CharField(
        label="Description",
        required=False,
        widget=forms.TextInput(attrs={"placeholder": "What is it for, who owns it"}),
    )

    def clean_description(self) -> str:
        return checked_description(self.cleaned_data["description"])


def checked_description(text: str) -> str:
    with rule_as_field_error():
        rules.check_description(text)
    return text


class SampleRow:
    """One client of a sample chain, as typed."""

    def __init__(self, name: str = "", scheme: str = VALIDATION_SCHEMES[0].value, fault: str = "") -> None:
        self.name = name
        self.scheme = scheme
        self.fault = fault
        self.error = ""

    def as_client_name(self) -> ClientName:
        return ClientName(self.name.strip(), self.scheme, self.fault)


class SampleChainForm:
    """Names, each with its validation scheme: repeated inputs, so that rows come and go with and without JavaScript."""

    def __init__(self, rows: list[SampleRow] | None = None) -> None:
        self.rows = rows or [SampleRow()]
        self.error = ""

    @classmethod
    def of(cls, data: QueryDict) -> "SampleChainForm":
        data, fields_with_a_key = without_private_keys(data)
        first = VALIDATION_SCHEMES[0].value
        columns = (data.getlist("client_name"), data.getlist("client_scheme"), data.getlist("client_fault"))
        rows = [
            SampleRow(name or "", scheme if scheme is not None else first, fault or "")
            for name, scheme, fault in islice(zip_longest(*columns), MAX_CLIENTS + 1)
        ]
        form = cls(rows)
        form.error = PRIVATE_KEY_SENTENCE if fields_with_a_key else ""
        return form

    def changed(self, data: QueryDict) -> "SampleChainForm":
        """The same rows with one more, or without the one whose button was pressed.

        A button called only "remove" would hide the form's own method of that name from htmx.
        """
        pressed = data.get("remove_client", "")
        if pressed.isascii() and pressed.isdigit() and int(pressed[:4]) < len(self.rows):
            del self.rows[int(pressed[:4])]
        if "teaching_set" in data:
            self.rows = [SampleRow(n.authentication_name, n.validation_scheme, n.fault) for n in TEACHING_NAMES]
        if "add_client" in data and len(self.rows) < MAX_CLIENTS:
            self.rows.append(SampleRow())
        return SampleChainForm(self.rows)

    @property
    def may_grow(self) -> bool:
        return len(self.rows) < MAX_CLIENTS

    @property
    def schemes(self) -> tuple[Any, ...]:
        return VALIDATION_SCHEMES

    @property
    def faults(self) -> tuple[Any, ...]:
        return SAMPLE_FAULTS

    def is_valid(self) -> bool:
        filled = [row for row in self.rows if row.name.strip()]
        if self.error:
            return False
        if not filled:
            self.error = "Type at least one client authentication name."
        elif len(filled) > MAX_CLIENTS:
            self.error = f"Make at most {MAX_CLIENTS} client certificates at a time."
        for row in filled:
            try:
                check_client_name(row.as_client_name())
            except IssuingError as refusal:
                row.error = refusal.sentence
        return not self.error and not any(row.error for row in filled)

    @property
    def names(self) -> list[ClientName]:
        return [row.as_client_name() for row in self.rows if row.name.strip()]
