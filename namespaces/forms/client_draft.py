"""A client form while it is being filled in: rows added and removed, and what the client's certificate proposes.

Nothing is checked or saved: the form comes back as typed, with one change. A certificate that proposed values is sent
along with the form, so that the proposal stays on the page.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import QueryDict
from django.utils.datastructures import MultiValueDict

from certificates.x509.reading import DecodingError
from namespaces.forms.attributes import AttributeFormSet
from namespaces.forms.base import without_private_keys
from namespaces.forms.client_proposal import CertificateReading, propose, reading_of, warnings_of
from namespaces.forms.rows import Row
from namespaces.models import Client, Namespace
from namespaces.rules.clients import check_client_name
from namespaces.rules.errors import RuleError


@dataclass(frozen=True)
class Draft:
    """What the form starts from, and what was read from the certificate."""

    initial: dict[str, Any]
    rows: list[Row]
    reading: CertificateReading


def draft_of(
    data: QueryDict, files: MultiValueDict[str, Any], *, namespace: Namespace, uploaded: Mapping[str, str], at: datetime
) -> Draft:
    """Return the form's next state: one attribute added or removed, or what a chosen certificate proposes."""
    clean, _ = without_private_keys(data)
    rows = AttributeFormSet.changed(clean)
    initial: dict[str, Any] = {name: clean.get(name, "") for name in clean}
    initial["thumbprints"] = clean.getlist("thumbprints")
    upload = files.get("certificate")
    if upload is None:
        return Draft(initial, rows, reading_of(clean, uploaded=uploaded, at=at))
    file_name = str(upload.name or "")[:200]
    try:
        proposal = propose(upload.read(), uploaded=uploaded)
    except DecodingError as refusal:
        problem = f"{refusal.sentence} {refusal.next_step}".strip()
        return Draft(initial, rows, CertificateReading(problem=problem, file_name=file_name))
    initial["validation_scheme"] = proposal.validation_scheme
    initial["thumbprints"] = [proposal.thumbprint]  # ready also where another scheme is proposed
    if proposal.authentication_name:
        initial["authentication_name"] = proposal.authentication_name
    if not initial.get("name") and _may_be_named(namespace, proposal.authentication_name):
        initial["name"] = proposal.authentication_name
    return Draft(initial, rows, CertificateReading(proposal, warnings_of(proposal, at=at), file_name=file_name))


def _may_be_named(namespace: Namespace, name: str) -> bool:
    """Whether a client of this namespace could have this name."""
    try:
        check_client_name(name)
    except RuleError:
        return False
    return not Client.objects.present().named(name).filter(namespace=namespace).exists()
