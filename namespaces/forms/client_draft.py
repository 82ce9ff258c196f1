"""A client form while it is being filled in: rows added and removed, and what the client's certificate proposes.

Nothing is checked and nothing is stored: the form comes back as it was typed, with one change. A certificate that
proposed something comes back with the form too, so that what it said stays beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import QueryDict
from django.utils.datastructures import MultiValueDict

from certificates.x509.reading import DecodingError, from_azure_pem, load_certificate
from namespaces.forms.attributes import AttributeRow, posted_rows
from namespaces.forms.client_proposal import Proposal, propose, propose_for, warnings_of
from namespaces.forms.clients import without_private_keys
from namespaces.models import Client, Namespace
from namespaces.rules.clients import RuleError, check_client_name

LONGEST_CERTIFICATE = 200_000  # characters


@dataclass(frozen=True)
class Told:
    """What a certificate said: a proposal and what speaks against it, or why it cannot be read."""

    proposal: Proposal | None = None
    warnings: tuple[str, ...] = ()
    problem: str = ""
    file_name: str = ""


@dataclass(frozen=True)
class Draft:
    """What the form starts from, and what the certificate said."""

    initial: dict[str, Any]
    rows: list[AttributeRow]
    told: Told


def draft_of(
    data: QueryDict, files: MultiValueDict[str, Any], *, namespace: Namespace, uploaded: Mapping[str, str], at: datetime
) -> Draft:
    """The form's next state. `add_attribute` and `remove_attribute` name the pressed button of the grid."""
    clean, _ = without_private_keys(data)
    rows = _changed_rows(clean)
    initial: dict[str, Any] = {name: clean.get(name, "") for name in clean if not name.startswith("attribute_")}
    initial["thumbprints"] = clean.getlist("thumbprints")
    upload = files.get("certificate")
    if upload is None:
        return Draft(initial, rows, told_again(clean, uploaded=uploaded, at=at))
    file_name = str(upload.name or "")[:200]
    try:
        proposal = propose(upload.read(), uploaded=uploaded)
    except DecodingError as refusal:
        problem = f"{refusal.sentence} {refusal.next_step}".strip()
        return Draft(initial, rows, Told(problem=problem, file_name=file_name))
    initial["validation_scheme"] = proposal.validation_scheme
    initial["thumbprints"] = [proposal.thumbprint]  # at hand also where another scheme is proposed
    if proposal.authentication_name:
        initial["authentication_name"] = proposal.authentication_name
    if not initial.get("name") and _may_be_named(namespace, proposal.authentication_name):
        initial["name"] = proposal.authentication_name
    return Draft(initial, rows, Told(proposal, warnings_of(proposal, at=at), file_name=file_name))


def told_again(data: QueryDict, *, uploaded: Mapping[str, str], at: datetime) -> Told:
    """What the certificate said that came back with the form; nothing where none did."""
    text = data.get("proposed_certificate", "")
    if not text or len(text) > LONGEST_CERTIFICATE:
        return Told()
    try:
        proposal = propose_for(load_certificate(from_azure_pem(text)), uploaded=uploaded)
    except DecodingError:
        return Told()
    return Told(proposal, warnings_of(proposal, at=at), file_name=data.get("proposed_file_name", "")[:200])


def _may_be_named(namespace: Namespace, name: str) -> bool:
    """Whether a client of this namespace could have this name."""
    try:
        check_client_name(name)
    except RuleError:
        return False
    return not Client.objects.present().filter(namespace=namespace, name__iexact=name).exists()


def _changed_rows(data: QueryDict) -> list[AttributeRow]:
    rows = posted_rows(data)
    pressed = data.get("remove_attribute", "")
    if pressed.isascii() and pressed.isdigit() and int(pressed[:4]) < len(rows):
        del rows[int(pressed[:4])]
    if "add_attribute" in data:
        rows.append(AttributeRow())
    return rows
