"""The form of sample certificates: repeated inputs, so that rows come and go with and without JavaScript."""

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
        """The same rows with one more or with the set for teaching, or without the one whose button was pressed.

        A button called only "remove" would hide the form's own method of that name from htmx.
        """
        pressed = data.get("remove_client", "")
        if pressed.isascii() and pressed.isdigit() and int(pressed[:4]) < len(self.rows):
            del self.rows[int(pressed[:4])]
        if "teaching_set" in data:
            self._fill_in(TEACHING_NAMES)
        if "add_client" in data and len(self.rows) < MAX_CLIENTS:
            self.rows.append(SampleRow())
        form = SampleChainForm(self.rows)
        form.error = self.error
        return form

    def _fill_in(self, names: Sequence[ClientName]) -> None:
        """These below what was typed, each once; where they have no room, what was typed stays as it is."""
        typed = [row for row in self.rows if row.name.strip() and row.as_client_name() not in names]
        if len(typed) + len(names) > MAX_CLIENTS:
            limit = f"The set has {len(names)} clients, and at most {MAX_CLIENTS} are made at a time."
            self.error = self.error or f"{limit} Remove some of yours first."
            return
        self.rows = typed + [SampleRow(n.authentication_name, n.validation_scheme, n.fault) for n in names]

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
