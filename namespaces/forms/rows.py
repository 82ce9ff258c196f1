"""Editors of rows: Django formsets whose buttons add and remove a row, with and without JavaScript.

A formset is bound to what was posted, or starts from rows as they were typed. It always has one row to type into.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

from django import forms
from django.forms.formsets import INITIAL_FORM_COUNT, TOTAL_FORM_COUNT
from django.http import QueryDict

from portal.listing import whole_number

if TYPE_CHECKING:  # generic in the type stubs only
    BaseFormSet = forms.BaseFormSet["RowForm"]
else:
    BaseFormSet = forms.BaseFormSet

Row = Mapping[str, Any]


class RowForm(forms.Form):
    """One row. A row in which every field of `typed_fields` is blank does not count."""

    typed_fields: ClassVar[tuple[str, ...]]

    @property
    def is_blank(self) -> bool:
        return not any(str(self[name].value() or "").strip() for name in self.typed_fields)

    def has_changed(self) -> bool:
        return not self.is_blank


class RowFormSet(BaseFormSet):
    """Rows of one form. `noun` names a row in the buttons `add_NOUN` and `remove_NOUN`."""

    form: type[RowForm]
    noun: ClassVar[str]
    set_name: ClassVar[str]
    max_num = 100
    absolute_max = 200
    validate_max = True
    extra = min_num = 0
    can_order = can_delete = validate_min = edit_only = False
    can_delete_extra = True
    renderer = None

    @classmethod
    def get_default_prefix(cls) -> str:
        return cls.set_name

    @classmethod
    def bound_to(cls, data: QueryDict) -> Self:
        """Return the formset bound to the posted rows."""
        rows = cls.split(cls.typed(data))
        posted = {f"{cls.set_name}-{at}-{name}": value for at, row in enumerate(rows) for name, value in row.items()}
        return cls(
            {**posted, f"{cls.set_name}-{TOTAL_FORM_COUNT}": len(rows), f"{cls.set_name}-{INITIAL_FORM_COUNT}": 0}
        )

    @classmethod
    def starting_from(cls, rows: Iterable[Row]) -> Self:
        """Return the formset with these rows, not checked."""
        return cls(initial=list(rows))

    @classmethod
    def redrawn(cls, data: QueryDict) -> Self:
        """Return the formset as typed, with one row added or removed by the pressed button."""
        return cls.starting_from(cls.changed(data))

    @classmethod
    def changed(cls, data: QueryDict) -> list[Row]:
        """Return the rows as typed, with one added or removed by the pressed button."""
        rows = cls.typed(data)
        pressed = whole_number(data.get(f"remove_{cls.noun}", ""), digits=4)
        if pressed is not None and pressed < len(rows):
            del rows[pressed]
        rows = cls.split(rows)
        if f"add_{cls.noun}" in data and len(rows) < cls.max_num:
            rows.append({})
        return rows

    @classmethod
    def typed(cls, data: QueryDict) -> list[Row]:
        """Return the posted rows as typed; none where the form had no such editor."""
        count = min(whole_number(data.get(f"{cls.set_name}-{TOTAL_FORM_COUNT}", ""), digits=6) or 0, cls.absolute_max)
        return [cls._row(data, f"{cls.set_name}-{at}-") for at in range(count)]

    @classmethod
    def _row(cls, data: QueryDict, prefix: str) -> Row:
        return {name: data[prefix + name] for name in cls.form.base_fields if prefix + name in data}

    @classmethod
    def split(cls, rows: list[Row]) -> list[Row]:
        """Return the rows, with one that holds several made into several."""
        return rows

    def initial_form_count(self) -> int:
        return 0 if self.is_bound else super().initial_form_count()

    def total_form_count(self) -> int:
        return max(1, super().total_form_count())

    @property
    def filled(self) -> list[Any]:
        """The rows that are not blank."""
        return [form for form in self.forms if not form.is_blank]

    @property
    def can_grow(self) -> bool:
        return len(self.forms) < self.max_num
