"""A client form while it is being filled in: rows added and removed, and what the client's certificate proposes.

Nothing is checked and nothing is stored: the form comes back as it was typed, with one change.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from django.utils.datastructures import MultiValueDict

from certificates.decoding import DecodingError
from namespaces.attributes import AttributeRow, posted_rows
from namespaces.forms import without_private_keys
from namespaces.proposals import Proposal, propose


@dataclass(frozen=True)
class Draft:
    """What the form starts from, and what the certificate said."""

    initial: dict[str, Any]
    rows: list[AttributeRow]
    proposal: Proposal | None = None
    problem: str = ""


def draft_of(data: QueryDict, files: MultiValueDict[str, Any], *, uploaded: Mapping[str, str]) -> Draft:
    """The form's next state. `add_attribute` and `remove_attribute` name the pressed button of the grid."""
    clean, _ = without_private_keys(data)
    rows = _changed_rows(clean)
    initial: dict[str, Any] = {name: clean.get(name, "") for name in clean if not name.startswith("attribute_")}
    initial["thumbprints"] = clean.getlist("thumbprints")
    upload = files.get("certificate")
    if upload is None:
        return Draft(initial, rows)
    try:
        proposal = propose(upload.read(), uploaded=uploaded)
    except DecodingError as refusal:
        return Draft(initial, rows, problem=f"{refusal.sentence} {refusal.next_step}".strip())
    initial["validation_scheme"] = proposal.validation_scheme
    initial["thumbprints"] = proposal.thumbprints
    if proposal.authentication_name:
        initial["authentication_name"] = proposal.authentication_name
    return Draft(initial, rows, proposal)


def _changed_rows(data: QueryDict) -> list[AttributeRow]:
    rows = posted_rows(data)
    pressed = data.get("remove_attribute", "")
    if pressed.isascii() and pressed.isdigit() and int(pressed[:4]) < len(rows):
        del rows[int(pressed[:4])]
    if "add_attribute" in data:
        rows.append(AttributeRow())
    return rows
