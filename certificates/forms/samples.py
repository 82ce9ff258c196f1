"""The form of sample certificates."""

from collections.abc import Sequence
from itertools import islice, zip_longest
from typing import Any

from django.http import QueryDict

from certificates.authentication.decision import VALIDATION_SCHEMES
from certificates.samples.chain import (
    MAX_CLIENTS,
    SAMPLE_FAULTS,
    TEACHING_NAMES,
    ClientName,
    IssuingError,
    check_client_name,
)
from namespaces.forms.base import PRIVATE_KEY_SENTENCE, without_private_keys


class SampleRow:
    """One client of a sample chain, as entered."""

    def __init__(self, name: str = "", scheme: str = VALIDATION_SCHEMES[0].value, fault: str = "") -> None:
        self.name = name
        self.scheme = scheme
        self.fault = fault
        self.error = ""
        self.error_field = ""

    def as_client_name(self) -> ClientName:
        return ClientName(self.name.strip(), self.scheme, self.fault)


class SampleChainForm:
    """The clients to issue certificates for: repeated inputs, so that rows can change without JavaScript."""

    def __init__(self, rows: list[SampleRow] | None = None) -> None:
        self.rows = rows or [SampleRow()]
        self.error = self.error_code = ""

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
        if fields_with_a_key:
            form._set_error("private-key", PRIVATE_KEY_SENTENCE)
        return form

    def changed(self, data: QueryDict) -> "SampleChainForm":
        """Return the form with a row added or removed or the training set added, whichever button was pressed.

        The button is not called "remove", because that would hide the form element's own method from htmx.
        """
        pressed = data.get("remove_client", "")
        if pressed.isascii() and pressed.isdigit() and int(pressed[:4]) < len(self.rows):
            del self.rows[int(pressed[:4])]
        if "teaching_set" in data:
            self._add_set(TEACHING_NAMES)
        if "add_client" in data and len(self.rows) < MAX_CLIENTS:
            self.rows.append(SampleRow())
        form = SampleChainForm(self.rows)
        form.error, form.error_code = self.error, self.error_code
        return form

    def _add_set(self, names: Sequence[ClientName]) -> None:
        """Add these rows after the entered ones, each once. If there are too many, keep the rows and set an error."""
        entered = [row for row in self.rows if row.name.strip() and row.as_client_name() not in names]
        if len(entered) + len(names) > MAX_CLIENTS:
            limit = f"The training set has {len(names)} clients, and the limit is {MAX_CLIENTS} at a time."
            self._set_error("too-many", f"{limit} Remove some of yours first.")
            return
        self.rows = entered + [SampleRow(n.authentication_name, n.validation_scheme, n.fault) for n in names]

    def _set_error(self, code: str, sentence: str) -> None:
        if not self.error:
            self.error, self.error_code = sentence, code

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
            self._set_error("required", "Enter at least one client authentication name.")
        elif len(filled) > MAX_CLIENTS:
            self._set_error("too-many", f"Create at most {MAX_CLIENTS} client certificates at a time.")
        for row in filled:
            try:
                check_client_name(row.as_client_name())
            except IssuingError as refusal:
                row.error, row.error_field = refusal.sentence, refusal.field
        return not self.error and not any(row.error for row in filled)

    @property
    def names(self) -> list[ClientName]:
        return [row.as_client_name() for row in self.rows if row.name.strip()]
