"""The form of sample certificates: a row for each client."""

from collections.abc import Sequence
from itertools import islice, zip_longest
from typing import Any, Self

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from certificates.actions.sample_registration import SampleClient
from certificates.authentication.types import VALIDATION_SCHEMES
from certificates.samples.chain import (
    MAX_CLIENTS,
    SAMPLE_FAULTS,
    TEACHING_NAMES,
    ClientName,
    IssuingError,
    check_client_name,
)
from namespaces.forms.base import PRIVATE_KEY_SENTENCE, without_private_keys
from namespaces.forms.rows import Row, RowForm, RowFormSet

SCHEMES = [(scheme.value, scheme.label) for scheme in VALIDATION_SCHEMES]
VARIANTS = [
    ("", "Valid"),
    *((fault.code, fault.label if fault.fails_at else f"{fault.label} (accepted)") for fault in SAMPLE_FAULTS),
]


_PRIVATE_KEY = ValidationError(PRIVATE_KEY_SENTENCE, code="private-key")


class SampleForm(RowForm):
    """One client of a sample chain."""

    typed_fields = ("name",)

    name = forms.CharField(
        label="Client authentication name",
        widget=forms.TextInput(
            attrs={"class": "input", "maxlength": 128, "autocomplete": "off", "spellcheck": "false"}
        ),
    )
    scheme = forms.ChoiceField(
        label="Validation scheme",
        choices=SCHEMES,
        initial=SCHEMES[0][0],
        required=False,
        widget=forms.Select(attrs={"class": "input"}),
        error_messages={"invalid_choice": "Choose one of the six validation schemes."},
    )
    fault = forms.ChoiceField(
        label="Variant",
        choices=VARIANTS,
        required=False,
        widget=forms.Select(attrs={"class": "input"}),
        error_messages={"invalid_choice": "Choose one of the listed faults."},
    )

    def clean(self) -> dict[str, Any]:
        if not self.errors:
            try:
                check_client_name(self.client_name)
            except IssuingError as refusal:
                self.add_error(refusal.field, ValidationError(refusal.sentence, code="cannot-be-issued"))
        return self.cleaned_data

    @property
    def client_name(self) -> ClientName:
        cleaned = self.cleaned_data
        return ClientName(cleaned["name"], cleaned["scheme"] or SCHEMES[0][0], cleaned["fault"])


class SampleFormSet(RowFormSet):
    """The clients of a sample chain. A pasted private key never comes back."""

    form = SampleForm
    noun = "client"
    set_name = "clients"
    max_num = MAX_CLIENTS
    absolute_max = MAX_CLIENTS + 1  # one too many is enough to reject
    validate_max = False  # `clean` has the better words
    draft_error: ValidationError | None = None  # found before the rows are checked

    @classmethod
    def bound_to(cls, data: QueryDict) -> Self:
        clean, held = without_private_keys(data)
        rows = super().bound_to(clean)
        rows.draft_error = _PRIVATE_KEY if held else None
        return rows

    @classmethod
    def redrawn(cls, data: QueryDict) -> Self:
        clean, held = without_private_keys(data)
        rows, error = cls.changed(clean), None
        if "teaching_set" in clean:
            rows, error = _with_training_set(rows)
        redrawn = cls.starting_from(rows)
        redrawn.draft_error = _PRIVATE_KEY if held else error
        return redrawn

    def clean(self) -> None:
        if self.draft_error is not None:
            raise self.draft_error
        if not self.filled:
            raise ValidationError("Enter at least one client authentication name.", code="required")
        if len(self.filled) > MAX_CLIENTS:
            raise ValidationError(f"Create at most {MAX_CLIENTS} client certificates at a time.", code="too-many")

    @property
    def page_errors(self) -> list[ValidationError]:
        """The errors that belong to no row."""
        if self.is_bound:
            return list(self.non_form_errors().as_data())
        return [self.draft_error] if self.draft_error is not None else []

    @property
    def names(self) -> list[ClientName]:
        return [row.client_name for row in self.filled]


def _with_training_set(rows: Sequence[Row]) -> tuple[list[Row], ValidationError | None]:
    """Return the training set after the entered rows, each once; or the rows as they are, with the error."""
    training: list[Row] = [
        {"name": name.authentication_name, "scheme": name.validation_scheme, "fault": name.fault}
        for name in TEACHING_NAMES
    ]
    filled = [{"scheme": SCHEMES[0][0], "fault": "", **row} for row in rows if str(row.get("name", "")).strip()]
    typed: list[Row] = [row for row in filled if row not in training]
    if len(typed) + len(training) > MAX_CLIENTS:
        limit = f"The training set has {len(training)} clients, and the limit is {MAX_CLIENTS} at a time."
        return list(rows), ValidationError(f"{limit} Remove some of yours first.", code="too-many")
    return typed + training, None


def posted_samples(data: QueryDict) -> tuple[str, list[SampleClient]]:
    """Return the submitted intermediate as PEM, and the clients. A private key in any field is dropped."""
    clean, _ = without_private_keys(data)
    columns = (clean.getlist(name) for name in ("client_name", "client_scheme", "client_thumbprint"))
    rows = islice(zip_longest(*columns, fillvalue=""), MAX_CLIENTS)
    return clean.get("intermediate", ""), [SampleClient(*row) for row in rows]
