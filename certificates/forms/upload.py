"""What people type about certificates. The file is read and diagnosed here, once; a private key never comes back."""

from datetime import datetime
from functools import cached_property
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils import timezone

from certificates.authentication.decision import SCHEMES_BY_VALUE, ClientRecord, authentication_name_key
from certificates.authentication.matching import clients_of, matches_scheme
from certificates.diagnosis.ca_rules import limit_reached
from certificates.diagnosis.problems import CHOOSE_CERTIFICATE
from certificates.diagnosis.upload import Diagnosis, Problem, diagnose_ca_upload, diagnose_upload
from certificates.models import CACertificate, full_at_limit
from certificates.pages.authentication_test import namespace_state
from certificates.x509.reading import to_pem
from namespaces.access import teams_of
from namespaces.connections.client_certificates import shown_certificates
from namespaces.forms.base import GuardedForm, ResourceForm, TeamField, rule_as_field_error
from namespaces.models import Namespace
from namespaces.rules import clients as rules
from portal.models import User

FILE_TYPES = ".pem,.cer,.crt"


class PastedField(forms.CharField):
    """Text as pasted, NUL characters and all: the reader of certificates says better what is wrong with it."""

    def run_validators(self, value: Any) -> None:
        return


class FileOrPasteForm(GuardedForm):
    """Certificates by file or by paste. What is read of them comes back as text, since a form cannot keep a file.

    Nothing else of a file or a paste comes back, as what nobody could read may be a secret all the same.
    """

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

    nothing_came = "Choose a file, drop one, or paste a certificate."

    @property
    def is_empty(self) -> bool:
        """Whether no certificate came at all."""
        return not self.files.get("file") and not self.data.get("pem", "").strip() and not self.fields_with_a_key

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        upload = cleaned.get("file")
        data = upload.read() if upload is not None else cleaned.get("pem", "").encode("utf-8", "surrogatepass")
        if upload is None and not data.strip():
            if not self.fields_with_a_key:
                self.add_error("file", ValidationError(self.nothing_came, code="required"))
            return cleaned
        self.read(data)
        return cleaned

    def read(self, data: bytes) -> None:
        """Make something of what came, or say by the field what is wrong with it."""
        raise NotImplementedError  # abstract: each form makes something else of it

    def show(self, pem: str) -> None:
        """Put this text into the form as it is drawn next."""
        data = QueryDict(mutable=True)
        data.update(self.data)
        data["pem"] = pem
        self.data = data


class CertificateFileForm(FileOrPasteForm):
    """A CA certificate, read and diagnosed."""

    def __init__(self, *args: Any, namespace: Namespace, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.namespace = namespace
        self.diagnosis: Diagnosis | None = None
        self.upload_problem: Problem | None = None

    def read(self, data: bytes) -> None:
        self.diagnosis = self._diagnose(data, timezone.now())
        self.show("".join(to_pem(each.certificate.der) for each in self.diagnosis.certificates))
        self.upload_problem = self.diagnosis.problem
        self.cleaned_data["certificate"] = self.diagnosis.chosen
        if self.upload_problem is not None:
            sentence = f"{self.upload_problem.sentence} {self.upload_problem.next_step}".strip()
            self.add_error("file", ValidationError(sentence, code=self.upload_problem.code))

    @property
    def is_empty(self) -> bool:
        return self.upload_problem is None and super().is_empty  # what nobody could read does not come back

    @property
    def is_refused(self) -> bool:
        """Whether what came cannot be uploaded, as the verdict says."""
        return self.upload_problem is not None or (bool(self.fields_with_a_key) and not self.is_empty)

    @cached_property
    def registered_as(self) -> ClientRecord | None:
        """The client that the fix would make, where there is one already: it has this certificate, or its name."""
        fix = self.upload_problem.fix if self.upload_problem is not None else None
        if fix is None or fix.action == CHOOSE_CERTIFICATE:
            return None
        state = namespace_state(self.namespace)
        name = authentication_name_key(dict(fix.values)["authentication name"])
        return next(iter(clients_of(fix.certificate, state)), state.clients.get(name))

    @property
    def next_step(self) -> str:
        """What to do about the problem; of a client certificate that has its client, not to register it again."""
        problem, client = self.upload_problem, self.registered_as
        if problem is None or client is None:
            return problem.next_step if problem is not None else ""
        assert problem.fix is not None
        if not matches_scheme(problem.fix.certificate, client):
            scheme = SCHEMES_BY_VALUE[client.validation_scheme].label
            return f"Its name is taken: client {client.name} has it, and uses {scheme}, which this certificate does not fit."
        if problem.code == "several-certificates":
            return f"{problem.next_step} And the client certificate is registered: it belongs to client {client.name}."
        return f"There is nothing to upload and nobody to register: it is the certificate of client {client.name}."

    def _diagnose(self, data: bytes, at: datetime) -> Diagnosis:
        """Of the whole upload; of one of its certificates when somebody chose that one."""
        existing, known = existing_in(self.namespace), shown_certificates(self.namespace)
        full_at = full_at_limit(self.namespace, str(self.data.get("name", "")).strip())
        diagnosis = diagnose_upload(data, existing=existing, known=known, full_at=full_at, at=at)
        wanted = str(self.data.get("choose", ""))
        chosen = [each.certificate for each in diagnosis.certificates if each.certificate.thumbprint_sha256 == wanted]
        if not chosen:
            return diagnosis
        return diagnose_ca_upload(chosen, existing=existing, known=known, full_at=full_at, at=at)

    @property
    def limit_problem(self) -> Problem | None:
        """Known before anybody looks for a file: the namespace has no room for another CA certificate."""
        full_at = full_at_limit(self.namespace)
        return limit_reached(full_at) if full_at else None


def existing_in(namespace: Namespace) -> list[tuple[str, bytes]]:
    rows = CACertificate.objects.present().filter(namespace=namespace)
    return [(row.name, bytes(row.der)) for row in rows if row.der]


class UploadCertificateForm(CertificateFileForm, ResourceForm):
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

    def values(self) -> dict[str, Any]:
        """Return the cleaned values as keyword arguments of the action."""
        return {name: self.cleaned_data[name] for name in ("name", "description", "team", "certificate")}


class UpdateCertificateForm(ResourceForm):
    """What may change of a CA certificate in Azure: its description."""

    description = forms.CharField(
        label="Description",
        required=False,
        widget=forms.TextInput(attrs={"placeholder": "What is it for, who owns it"}),
    )

    def clean_description(self) -> str:
        return checked_description(self.cleaned_data["description"])

    def values(self) -> dict[str, Any]:
        """Return the cleaned values as keyword arguments of the action."""
        return {"description": self.cleaned_data["description"]}


def checked_description(text: str) -> str:
    with rule_as_field_error():
        rules.check_description(text)
    return text
