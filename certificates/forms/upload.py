"""Forms for uploading a certificate. The file is read and diagnosed once; a private key is never sent back."""

from datetime import datetime
from functools import cached_property
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils import timezone

from certificates.authentication.matching import clients_of, matches_scheme
from certificates.authentication.types import SCHEMES_BY_VALUE, ClientRecord, authentication_name_key
from certificates.diagnosis.problems import CHOOSE_CERTIFICATE
from certificates.diagnosis.upload import Diagnosis, Problem, diagnose_ca_upload, diagnose_upload
from certificates.diagnosis.upload_checks import limit_reached
from certificates.models import CACertificate, full_at_limit
from certificates.pages.authentication_trace import namespace_state
from certificates.x509.certificate import Certificate
from certificates.x509.reading import to_pem
from namespaces.connections.client_certificates import shown_certificates
from namespaces.forms.base import (
    GuardedForm,
    ResourceForm,
    TeamField,
    check_name_is_free,
    offer_teams,
    rule_as_field_error,
)
from namespaces.models import Namespace
from namespaces.rules import clients as rules
from portal.models import User

FILE_TYPES = ".pem,.cer,.crt"


class PastedField(forms.CharField):
    """Pasted text, including NUL characters: `read_upload` explains better what is wrong with it."""

    def run_validators(self, value: Any) -> None:
        return


class FileOrPasteForm(GuardedForm):
    """Certificates from a file or pasted text. Those read are sent back as text, since a form cannot keep a file.

    Nothing else from the file or text is sent back, because it may be a secret.
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

    required_message = "Choose a file, drop one, or paste a certificate."

    @property
    def is_empty(self) -> bool:
        """Whether neither a file nor text was submitted."""
        return not self.files.get("file") and not self.data.get("pem", "").strip() and not self.fields_with_a_key

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        upload = cleaned.get("file")
        data = upload.read() if upload is not None else cleaned.get("pem", "").encode("utf-8", "surrogatepass")
        if upload is None and not data.strip():
            if not self.fields_with_a_key:
                self.add_error("file", ValidationError(self.required_message, code="required"))
            return cleaned
        self.read(data)
        return cleaned

    def read(self, data: bytes) -> None:
        """Read the submitted data, or add an error to the field."""
        raise NotImplementedError  # abstract: each form reads something else

    def show(self, pem: str) -> None:
        """Put this text into the form when it is rendered again."""
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
        self.diagnosis = self._diagnose(data, self.namespace.judged_at(timezone.now()))
        self.show("".join(to_pem(each.certificate.der) for each in self.diagnosis.certificates))
        self.upload_problem = self.diagnosis.problem
        self.cleaned_data["certificate"] = self.diagnosis.chosen
        if self.upload_problem is not None:
            sentence = f"{self.upload_problem.sentence} {self.upload_problem.next_step}".strip()
            self.add_error("file", ValidationError(sentence, code=self.upload_problem.code))

    @property
    def observed(self) -> dict[str, Any]:
        """Return the public facts of what was checked: names and certificates, never anything else of the file."""
        file = self.files.get("file")
        found = self.diagnosis.certificates if self.diagnosis is not None else ()
        return {
            "file_name": str(file.name or "")[:200] if file is not None else "",
            "certificates": tuple(public_facts(each.certificate) for each in found),
        }

    @property
    def is_empty(self) -> bool:
        return self.upload_problem is None and super().is_empty  # unreadable text is not sent back

    @property
    def is_refused(self) -> bool:
        """Whether the submitted certificate cannot be uploaded."""
        return self.upload_problem is not None or (bool(self.fields_with_a_key) and not self.is_empty)

    @cached_property
    def registered_as(self) -> ClientRecord | None:
        """The existing client with this certificate or its name, which the fix would create again; None if there is none."""
        fix = self.upload_problem.fix if self.upload_problem is not None else None
        if fix is None or fix.action == CHOOSE_CERTIFICATE:
            return None
        state = namespace_state(self.namespace)
        name = authentication_name_key(dict(fix.values)["authentication_name"])
        return next(iter(clients_of(fix.certificate, state)), state.clients.get(name))

    @property
    def next_step(self) -> str:
        """What to do about the problem. A certificate that is registered need not be registered again."""
        problem, client = self.upload_problem, self.registered_as
        if problem is None or client is None:
            return problem.next_step if problem is not None else ""
        assert problem.fix is not None
        if not matches_scheme(problem.fix.certificate, client):
            scheme = SCHEMES_BY_VALUE[client.validation_scheme].label
            return f"Its name is already used by client {client.name} with {scheme}, which this certificate does not match."
        if problem.code == "several-certificates":
            return f"{problem.next_step} The client certificate is already registered as client {client.name}."
        return f"There is nothing to do: this certificate is already registered as client {client.name}."

    def _diagnose(self, data: bytes, at: datetime) -> Diagnosis:
        """Diagnose the whole upload, or the one of its certificates that the user chose."""
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
        """The error that the namespace has its maximum of CA certificates, known before a file is chosen."""
        full_at = full_at_limit(self.namespace)
        return limit_reached(full_at) if full_at else None


def public_facts(certificate: Certificate) -> dict[str, str]:
    """Return what observers are shown of a certificate."""
    return {
        "kind": "ca" if certificate.is_ca else "leaf",
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "thumbprint": certificate.thumbprint_sha256,
        "pem": to_pem(certificate.der),
    }


def existing_in(namespace: Namespace) -> list[tuple[str, bytes]]:
    """Return name and certificate of each CA certificate, also of hidden ones, whose names are left out: each is uploaded once."""
    rows = CACertificate.objects.present().filter(namespace=namespace)
    return [(namespace.sight.name_of(row), bytes(row.der)) for row in rows if row.der]


class UploadCertificateForm(CertificateFileForm, ResourceForm):
    """The pane *Upload certificate*."""

    name = forms.CharField(
        label="Certificate name",
        help_text="3 to 50 letters, digits and hyphens, unique in this namespace.",
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "spellcheck": "false", "maxlength": 50, "data-named-by": "id_file"}
        ),
        error_messages={"required": "Enter a certificate name."},
    )
    description = forms.CharField(
        label="Description",
        required=False,
        widget=forms.TextInput(attrs={"placeholder": "Purpose and owner"}),
    )
    team = TeamField()
    field_order = ("name", "file", "pem", "description", "team")

    def __init__(self, *args: Any, namespace: Namespace, user: User, **kwargs: Any) -> None:
        super().__init__(*args, namespace=namespace, **kwargs)
        offer_teams(self, user, namespace, CACertificate)

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        with rule_as_field_error():
            rules.check_resource_name(name)
        check_name_is_free(CACertificate, self.namespace, name)
        return name

    def clean_description(self) -> str:
        return checked_description(self.cleaned_data["description"])

    def values(self) -> dict[str, Any]:
        """Return the cleaned values as keyword arguments of the action."""
        return {name: self.cleaned_data[name] for name in ("name", "description", "team", "certificate")}


class UpdateCertificateForm(ResourceForm):
    """The pane *Edit description*: nothing else of a CA certificate can change in Azure."""

    description = forms.CharField(
        label="Description",
        required=False,
        widget=forms.TextInput(attrs={"placeholder": "Purpose and owner"}),
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
